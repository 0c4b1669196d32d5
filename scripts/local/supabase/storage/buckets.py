"""Buckets: made, changed, listed and removed."""

# ruff: noqa: S608  only the constant list of columns is put in
from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, Response, jsonify, request

from scripts.local.supabase.storage.caller import SERVICE, Cursor, Service, as_service, caller_claims, transaction
from scripts.local.supabase.storage.errors import StorageError, invalid, no_bucket, not_empty, unauthorized

UNITS = {"": 1, "B": 1, "KB": 1000, "KIB": 1024, "MB": 1000**2, "MIB": 1024**2, "GB": 1000**3, "GIB": 1024**3}
COLUMNS = "id, name, coalesce(owner::text, '') as owner, public, type, file_size_limit, allowed_mime_types"
COLUMNS += ", created_at, updated_at"
BUCKET_NAME = re.compile(r"[\w!\-.*'() &$@=;:+,?]{1,100}", re.ASCII)


def add_routes(blueprint: Blueprint, service: Service) -> None:
    """Add the routes under /bucket."""

    @blueprint.get("/bucket")
    def list_buckets() -> Response:
        with transaction(service, caller_claims(service), "storage.bucket.list") as cursor:
            return jsonify(cursor.execute(f"select {COLUMNS} from storage.buckets order by name").fetchall())

    @blueprint.post("/bucket")
    def create_bucket() -> Response:
        body = _body()
        name = str(body.get("name") or body.get("id") or "")
        if not BUCKET_NAME.fullmatch(name):
            raise StorageError(400, "InvalidBucketName", "Invalid Input", f"Bucket name invalid: {name}")
        claims = caller_claims(service)
        with transaction(service, claims, "storage.bucket.create") as cursor:
            _insert(cursor, {**body, "id": body.get("id") or name, "name": name}, claims)
        return jsonify(name=name)

    @blueprint.get("/bucket/<bucket_id>")
    def get_bucket(bucket_id: str) -> Response:
        with transaction(service, caller_claims(service), "storage.bucket.get") as cursor:
            return jsonify(find_bucket(cursor, bucket_id))

    @blueprint.put("/bucket/<bucket_id>")
    def update_bucket(bucket_id: str) -> Response:
        with transaction(service, caller_claims(service), "storage.bucket.update") as cursor:
            find_bucket(cursor, bucket_id)
            _update(cursor, bucket_id, _body())
        return jsonify(message="Successfully updated")

    @blueprint.delete("/bucket/<bucket_id>")
    def delete_bucket(bucket_id: str) -> Response:
        claims = caller_claims(service)
        with transaction(service, claims, "storage.bucket.delete") as cursor:
            find_bucket(cursor, bucket_id)
            with as_service(cursor):
                found = cursor.execute("select 1 from storage.objects where bucket_id = %s limit 1", (bucket_id,))
                if found.fetchone():
                    raise not_empty()
            if not cursor.execute("delete from storage.buckets where id = %s", (bucket_id,)).rowcount:
                raise no_bucket()
        return jsonify(message="Successfully deleted")

    @blueprint.post("/bucket/<bucket_id>/empty")
    def empty_bucket(bucket_id: str) -> Response:
        claims = caller_claims(service)
        with transaction(service, claims, "storage.bucket.empty") as cursor:
            find_bucket(cursor, bucket_id)
            if claims.get("role") != "service_role":
                raise unauthorized("Access denied")
            deleted = cursor.execute("delete from storage.objects where bucket_id = %s returning version", (bucket_id,))
            versions = [row["version"] for row in deleted]
        service.files.delete(*versions)
        return jsonify(message="Successfully emptied")


def find_bucket(cursor: Cursor, bucket_id: str) -> dict[str, Any]:
    """Return a bucket that the transaction's role may see."""
    bucket = cursor.execute(f"select {COLUMNS} from storage.buckets where id = %s", (bucket_id,)).fetchone()
    if bucket is None:
        raise no_bucket()
    return bucket


def bucket_of(service: Service, bucket_id: str) -> dict[str, Any]:
    """Return a bucket whoever asks: its limits apply to everyone."""
    with transaction(service, SERVICE, "storage.bucket.get") as cursor:
        return find_bucket(cursor, bucket_id)


def parse_size(value: Any) -> int | None:
    """Return a size limit that may be given as a number or as text such as 5MB."""
    if value is None:
        return None
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", str(value))
    if not found or found[2].upper() not in UNITS:
        raise invalid(f"The file size limit {value} is not a size such as 1048576 or 1MB")
    return int(float(found[1]) * UNITS[found[2].upper()])


def _body() -> dict[str, Any]:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise invalid("body must be object")
    return body


def _insert(cursor: Cursor, bucket: dict[str, Any], claims: dict[str, Any]) -> None:
    values = {
        "id": str(bucket["id"]),
        "name": bucket["name"],
        "public": bool(bucket.get("public")),
        "limit": parse_size(bucket.get("file_size_limit")),
        "types": bucket.get("allowed_mime_types"),
        "owner_id": claims.get("sub"),
    }
    cursor.execute(
        "insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types, owner, owner_id)"
        " values (%(id)s, %(name)s, %(public)s, %(limit)s, %(types)s, %(owner_id)s, %(owner_id)s)",
        values,
    )


def _update(cursor: Cursor, bucket_id: str, body: dict[str, Any]) -> None:
    if "public" in body:
        cursor.execute("update storage.buckets set public = %s where id = %s", (bool(body["public"]), bucket_id))
    if "file_size_limit" in body:
        limit = parse_size(body["file_size_limit"])
        cursor.execute("update storage.buckets set file_size_limit = %s where id = %s", (limit, bucket_id))
    if "allowed_mime_types" in body:
        types = body["allowed_mime_types"]
        cursor.execute("update storage.buckets set allowed_mime_types = %s where id = %s", (types, bucket_id))
