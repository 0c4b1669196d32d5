"""Reading objects: with a token, through a signed URL, or from a public bucket."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, Response, jsonify, request, send_file

from scripts.local.supabase.storage import signing
from scripts.local.supabase.storage.buckets import bucket_of
from scripts.local.supabase.storage.caller import SERVICE, Cursor, Service, caller_claims, transaction
from scripts.local.supabase.storage.errors import no_bucket, no_object

READ = ["GET", "HEAD"]


def add_routes(blueprint: Blueprint, service: Service) -> None:
    """Add the routes that hand out files and what is known about them."""

    def as_caller(bucket: str, name: str, operation: str) -> dict[str, Any]:
        with transaction(service, caller_claims(service), operation) as cursor:
            return find_object(cursor, bucket, name)

    def as_public(bucket: str, name: str, operation: str) -> dict[str, Any]:
        if not bucket_of(service, bucket)["public"]:
            raise no_bucket()
        with transaction(service, SERVICE, operation) as cursor:
            return find_object(cursor, bucket, name)

    @blueprint.route("/object/<bucket>/<path:name>", methods=READ)
    @blueprint.route("/object/authenticated/<bucket>/<path:name>", methods=READ)
    def download(bucket: str, name: str) -> Response:
        return _file(service, as_caller(bucket, name, "storage.object.get_authenticated"))

    @blueprint.route("/object/public/<bucket>/<path:name>", methods=READ)
    def download_public(bucket: str, name: str) -> Response:
        return _file(service, as_public(bucket, name, "storage.object.get_public"))

    @blueprint.route("/object/sign/<bucket>/<path:name>", methods=READ)
    def download_signed(bucket: str, name: str) -> Response:
        signing.check(service.settings.keys, request.args.get("token", ""), f"{bucket}/{name}")
        with transaction(service, SERVICE, "storage.object.get_signed") as cursor:
            return _file(service, find_object(cursor, bucket, name))

    @blueprint.route("/object/info/<bucket>/<path:name>", methods=READ)
    @blueprint.route("/object/info/authenticated/<bucket>/<path:name>", methods=READ)
    def info(bucket: str, name: str) -> Response:
        return jsonify(_info(as_caller(bucket, name, "storage.object.get_authenticated_info")))

    @blueprint.route("/object/info/public/<bucket>/<path:name>", methods=READ)
    def info_public(bucket: str, name: str) -> Response:
        return jsonify(_info(as_public(bucket, name, "storage.object.get_public_info")))


def find_object(cursor: Cursor, bucket: str, name: str) -> dict[str, Any]:
    """Return an object's row, if the transaction's role may see it."""
    query = "select * from storage.objects where bucket_id = %s and name = %s"
    found = cursor.execute(query, (bucket, name)).fetchone()
    if found is None:
        raise no_object()
    return found


def _file(service: Service, found: dict[str, Any]) -> Response:
    metadata = found["metadata"] or {}
    wanted = request.args.get("download")
    response = send_file(
        service.files.existing(found["version"]),
        as_attachment=wanted is not None,
        download_name=wanted or found["name"].rsplit("/", 1)[-1],
        etag=str(metadata.get("eTag", "")).strip('"'),
        last_modified=found["updated_at"],
        conditional=True,
    )
    response.headers["Content-Type"] = metadata.get("mimetype") or "application/octet-stream"
    response.headers["Cache-Control"] = metadata.get("cacheControl") or "no-cache"
    if wanted is None:
        response.headers.pop("Content-Disposition", None)
    return response


def _info(found: dict[str, Any]) -> dict[str, Any]:
    metadata = found["metadata"] or {}
    updated: datetime = found["updated_at"]
    return {
        "id": str(found["id"]),
        "name": found["name"],
        "version": found["version"],
        "bucket_id": found["bucket_id"],
        "size": metadata.get("size"),
        "content_type": metadata.get("mimetype"),
        "cache_control": metadata.get("cacheControl"),
        "etag": metadata.get("eTag"),
        "metadata": found["user_metadata"] or {},
        "last_modified": updated,
        "created_at": found["created_at"],
    }
