"""The Storage API's paths."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request

from scripts.local.supabase.storage import buckets, changes, downloads, signing, uploads
from scripts.local.supabase.storage.caller import SERVICE, Service, caller_claims, transaction
from scripts.local.supabase.storage.errors import StorageError, invalid, not_local
from scripts.local.supabase.storage.listing import list_objects

ABSENT = {
    "render": "Image transformation is",
    "upload": "Resumable upload is",
    "s3": "The S3 protocol is",
    "iceberg": "Analytics buckets are",
    "vector": "Vector buckets are",
}


def storage_blueprint(service: Service) -> Blueprint:
    """Return the service that answers under /storage/v1."""
    blueprint = Blueprint("storage", __name__, url_prefix="/storage/v1")
    blueprint.register_error_handler(StorageError, StorageError.response)
    buckets.add_routes(blueprint, service)
    _add_upload_routes(blueprint, service)
    _add_signing_routes(blueprint, service)
    downloads.add_routes(blueprint, service)
    changes.add_routes(blueprint, service)

    @blueprint.get("/status")
    def status() -> str:
        return ""

    @blueprint.post("/object/list/<bucket>")
    def list_bucket(bucket: str) -> Response:
        with transaction(service, caller_claims(service), "storage.object.list") as cursor:
            return jsonify(list_objects(cursor, bucket, json_body()))

    @blueprint.route("/<path:path>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    def unknown(path: str) -> Response:
        first = path.split("/")[0]
        if first in ABSENT:
            raise not_local(ABSENT[first])
        raise StorageError(404, "NotFound", "Not Found", f"Route {request.method}:/{path} not found")

    return blueprint


def json_body() -> dict[str, Any]:
    """Return the request's JSON object."""
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise invalid("body must be object")
    return body


def _wants_overwrite() -> bool:
    return request.headers.get("x-upsert", "").lower() == "true"


def _add_upload_routes(blueprint: Blueprint, service: Service) -> None:
    def save(bucket: str, name: str, *, overwrite: bool, operation: str) -> Response:
        claims = caller_claims(service)
        upload = uploads.read_upload(request, bucket, name)
        owner = claims.get("sub")
        return jsonify(uploads.save(service, claims, upload, overwrite=overwrite, operation=operation, owner=owner))

    @blueprint.post("/object/<bucket>/<path:name>")
    def upload(bucket: str, name: str) -> Response:
        return save(bucket, name, overwrite=_wants_overwrite(), operation="storage.object.upload")

    @blueprint.put("/object/<bucket>/<path:name>")
    def replace(bucket: str, name: str) -> Response:
        return save(bucket, name, overwrite=True, operation="storage.object.upload_update")

    @blueprint.put("/object/upload/sign/<bucket>/<path:name>")
    def upload_signed(bucket: str, name: str) -> Response:
        token = signing.check(service.settings.keys, request.args.get("token", ""), f"{bucket}/{name}")
        return jsonify(
            uploads.save(
                service,
                SERVICE,
                uploads.read_upload(request, bucket, name),
                overwrite=bool(token.get("upsert")),
                operation="storage.object.upload_signed",
                owner=token.get("owner"),
            )
        )


def _add_signing_routes(blueprint: Blueprint, service: Service) -> None:
    keys = service.settings.keys

    @blueprint.post("/object/upload/sign/<bucket>/<path:name>")
    def sign_upload(bucket: str, name: str) -> Response:
        claims, overwrite = caller_claims(service), _wants_overwrite()
        uploads.require_permission(service, claims, bucket, name, overwrite=overwrite)
        url = f"{bucket}/{name}"
        token = signing.sign(keys, url, signing.UPLOAD_SECONDS, owner=claims.get("sub"), upsert=overwrite)
        return jsonify(url=signing.signed_path("upload/sign", url, token), token=token)

    @blueprint.post("/object/sign/<bucket>/<path:name>")
    def sign_one(bucket: str, name: str) -> Response:
        seconds = signing.seconds_of(json_body().get("expiresIn"))
        with transaction(service, caller_claims(service), "storage.object.sign") as cursor:
            downloads.find_object(cursor, bucket, name)
        url = f"{bucket}/{name}"
        return jsonify(signedURL=signing.signed_path("sign", url, signing.sign(keys, url, seconds)))

    @blueprint.post("/object/sign/<bucket>")
    def sign_many(bucket: str) -> Response:
        body = json_body()
        seconds, paths = signing.seconds_of(body.get("expiresIn")), body.get("paths")
        if not isinstance(paths, list) or not paths:
            raise invalid("body must have required property 'paths'")
        with transaction(service, caller_claims(service), "storage.object.sign_many") as cursor:
            query = "select name from storage.objects where bucket_id = %s and name = any(%s)"
            known = {row["name"] for row in cursor.execute(query, (bucket, [str(path) for path in paths]))}
        return jsonify([_signed(service, f"{bucket}/{path}", str(path), seconds, path in known) for path in paths])


def _signed(service: Service, url: str, path: str, seconds: int, known: bool) -> dict[str, Any]:
    if not known:
        error = "Either the object does not exist or you do not have access to it"
        return {"error": error, "path": path, "signedURL": None}
    token = signing.sign(service.settings.keys, url, seconds)
    return {"error": None, "path": path, "signedURL": signing.signed_path("sign", url, token)}
