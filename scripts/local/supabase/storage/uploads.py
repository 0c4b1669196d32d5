"""Uploads: what came in, whether the bucket takes it, and its row under the caller's policies."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import IO, Any

from flask import Request
from psycopg.types.json import Jsonb

from scripts.local.supabase.storage.buckets import bucket_of
from scripts.local.supabase.storage.caller import Cursor, Service, as_service, transaction
from scripts.local.supabase.storage.errors import StorageError, invalid
from scripts.local.supabase.storage.files import Stored

OBJECT_NAME = re.compile(r"[\w/!\-.*'() &$@=;:+,?]{1,1024}", re.ASCII)
DEFAULT_TYPE = "application/octet-stream"
INSERT = """
insert into storage.objects (bucket_id, name, owner, owner_id, version, metadata, user_metadata)
values (%(bucket)s, %(name)s, %(owner)s, %(owner)s, %(version)s, %(metadata)s, %(user_metadata)s)
"""
OVERWRITE = """
on conflict (bucket_id, name) do update set version = excluded.version, metadata = excluded.metadata,
  user_metadata = excluded.user_metadata, owner = excluded.owner, owner_id = excluded.owner_id
"""


@dataclass(frozen=True)
class Upload:
    """A file on its way in."""

    bucket: str
    name: str
    stream: IO[bytes]
    mime_type: str
    cache_control: str
    user_metadata: dict[str, Any] | None


def read_upload(request: Request, bucket: str, name: str) -> Upload:
    """Return what a request uploads, as a form's file or as its body."""
    require_valid_name(name)
    if request.mimetype == "multipart/form-data":
        part = next(iter(request.files.values()), None)
        if part is None:
            raise invalid("The form has no file")
        age = request.form.get("cacheControl")
        cache = f"max-age={age}" if (age or "").isdigit() else age or "no-cache"
        return Upload(
            bucket, name, part.stream, part.content_type or DEFAULT_TYPE, cache, _json(request.form.get("metadata"))
        )
    header = request.headers.get("x-metadata")
    metadata = _json(base64.b64decode(header).decode()) if header else None
    cache = request.headers.get("Cache-Control") or "no-cache"
    return Upload(bucket, name, request.stream, request.content_type or DEFAULT_TYPE, cache, metadata)


def require_valid_name(name: str) -> None:
    """Refuse a name that the platform refuses."""
    if not OBJECT_NAME.fullmatch(name) or name.startswith("/") or name.endswith("/"):
        raise StorageError(400, "InvalidKey", "InvalidKey", f"Invalid key: {name}")


def save(
    service: Service, claims: dict[str, Any], upload: Upload, *, overwrite: bool, operation: str, owner: str | None
) -> dict[str, Any]:
    """Store a file and its row; without the row, because a policy refused it, nothing of the file stays."""
    bucket = bucket_of(service, upload.bucket)
    _require_type(bucket, upload.mime_type.partition(";")[0].strip())
    limit = min(bucket["file_size_limit"] or service.settings.file_size_limit, service.settings.file_size_limit)
    stored = service.files.write(upload.stream, limit)
    try:
        with transaction(service, claims, operation) as cursor:
            replaced = _lock(cursor, upload)["version"]
            cursor.execute(INSERT + (OVERWRITE if overwrite else ""), _values(upload, stored, owner))
            saved = _lock(cursor, upload)["id"]
    except BaseException:
        service.files.delete(stored.version)
        raise
    service.files.delete(replaced)
    return {"Id": str(saved), "Key": f"{upload.bucket}/{upload.name}"}


def require_permission(service: Service, claims: dict[str, Any], bucket: str, name: str, *, overwrite: bool) -> None:
    """Refuse whoever could not upload this object now; for handing out a signed upload URL."""
    require_valid_name(name)
    bucket_of(service, bucket)
    trial = {"bucket": bucket, "name": name, "owner": claims.get("sub"), "version": "1"}
    with (
        transaction(service, claims, "storage.object.sign_upload_url") as cursor,
        cursor.connection.transaction() as tx,
    ):
        cursor.execute(INSERT + (OVERWRITE if overwrite else ""), {**trial, "metadata": None, "user_metadata": None})
        tx.force_rollback = True


def _values(upload: Upload, stored: Stored, owner: str | None) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    metadata = {
        "eTag": stored.etag,
        "size": stored.size,
        "mimetype": upload.mime_type,
        "cacheControl": upload.cache_control,
        "lastModified": now,
        "contentLength": stored.size,
        "httpStatusCode": 200,
    }
    return {
        "bucket": upload.bucket,
        "name": upload.name,
        "owner": owner,
        "version": stored.version,
        "metadata": Jsonb(metadata),
        "user_metadata": Jsonb(upload.user_metadata) if upload.user_metadata is not None else None,
    }


def _lock(cursor: Cursor, upload: Upload) -> dict[str, Any]:
    """Return the object's row as it is, also to a caller who may write it but not read it."""
    query = "select id, version from storage.objects where bucket_id = %s and name = %s for update"
    with as_service(cursor):
        return cursor.execute(query, (upload.bucket, upload.name)).fetchone() or {"id": None, "version": None}


def _require_type(bucket: dict[str, Any], mime_type: str) -> None:
    allowed = bucket["allowed_mime_types"]
    if allowed and not any(fnmatchcase(mime_type, pattern) for pattern in allowed):
        raise StorageError(415, "InvalidMimeType", "invalid_mime_type", f"mime type {mime_type} is not supported")


def _json(text: str | None) -> dict[str, Any] | None:
    if not text:
        return None
    try:
        value = json.loads(text)
    except ValueError:
        raise invalid("The metadata is not valid JSON") from None
    return value if isinstance(value, dict) else None
