"""Removing, moving and copying objects."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request
from psycopg.types.json import Jsonb

from scripts.local.supabase.storage.caller import Service, caller_claims, transaction
from scripts.local.supabase.storage.downloads import find_object
from scripts.local.supabase.storage.errors import invalid, no_object
from scripts.local.supabase.storage.uploads import require_valid_name

SHOWN = (
    "name, bucket_id, owner, owner_id, version, id, updated_at, created_at, last_accessed_at, metadata, user_metadata"
)
COPY = """
insert into storage.objects (bucket_id, name, owner, owner_id, version, metadata, user_metadata)
values (%(bucket)s, %(name)s, %(owner)s, %(owner)s, %(version)s, %(metadata)s, %(user_metadata)s) returning id
"""


def add_routes(blueprint: Blueprint, service: Service) -> None:
    """Add the routes that change what is stored where."""

    @blueprint.delete("/object/<bucket>")
    def remove(bucket: str) -> Response:
        return jsonify(_remove(service, bucket, _list_of_names(), "storage.object.delete_many"))

    @blueprint.delete("/object/<bucket>/<path:name>")
    def remove_one(bucket: str, name: str) -> Response:
        if not _remove(service, bucket, [name], "storage.object.delete"):
            raise no_object()
        return jsonify(message="Successfully deleted")

    @blueprint.post("/object/move")
    def move() -> Response:
        return jsonify(_move(service, *_source_and_target()))

    @blueprint.post("/object/copy")
    def copy() -> Response:
        return jsonify(_copy(service, *_source_and_target()))


def _list_of_names() -> list[str]:
    names = (request.get_json(silent=True) or {}).get("prefixes")
    if not isinstance(names, list) or not names:
        raise invalid("body must have required property 'prefixes'")
    return [str(name) for name in names]


def _source_and_target() -> tuple[str, str, str, str]:
    body = request.get_json(silent=True) or {}
    for name in ("bucketId", "sourceKey", "destinationKey"):
        if not isinstance(body.get(name), str):
            raise invalid(f"body must have required property '{name}'")
    require_valid_name(body["destinationKey"])
    target_bucket = body.get("destinationBucket") or body["bucketId"]
    return body["bucketId"], body["sourceKey"], target_bucket, body["destinationKey"]


def _remove(service: Service, bucket: str, names: list[str], operation: str) -> list[dict[str, Any]]:
    with transaction(service, caller_claims(service), operation) as cursor:
        query = f"delete from storage.objects where bucket_id = %s and name = any(%s) returning {SHOWN}"  # noqa: S608
        removed = cursor.execute(query, (bucket, names)).fetchall()
    service.files.delete(*(row["version"] for row in removed))
    return removed


def _move(service: Service, bucket: str, name: str, to_bucket: str, to_name: str) -> dict[str, Any]:
    with transaction(service, caller_claims(service), "storage.object.move") as cursor:
        found = find_object(cursor, bucket, name)
        cursor.execute(
            "update storage.objects set bucket_id = %s, name = %s where id = %s", (to_bucket, to_name, found["id"])
        )
        if not cursor.rowcount:  # visible, but the policies for updates leave it out
            raise no_object()
    return {"message": "Successfully moved", "Id": str(found["id"]), "Key": f"{to_bucket}/{to_name}"}


def _copy(service: Service, bucket: str, name: str, to_bucket: str, to_name: str) -> dict[str, Any]:
    claims = caller_claims(service)
    with transaction(service, claims, "storage.object.copy") as cursor:
        found = find_object(cursor, bucket, name)
        version = service.files.copy(found["version"])
        values = {"bucket": to_bucket, "name": to_name, "owner": claims.get("sub"), "version": version}
        try:
            row = cursor.execute(COPY, {**values, **_metadata(found)}).fetchone()
        except BaseException:
            service.files.delete(version)
            raise
    return {"Id": str(row["id"]) if row else None, "Key": f"{to_bucket}/{to_name}"}


def _metadata(found: dict[str, Any]) -> dict[str, Any]:
    return {name: Jsonb(found[name]) if found[name] is not None else None for name in ("metadata", "user_metadata")}
