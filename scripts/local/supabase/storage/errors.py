"""Errors of the Storage API: the HTTP status is 400 for nearly all of them, the real one is in the body."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from flask import Response, jsonify


@dataclass(eq=False)
class StorageError(Exception):
    """A refusal."""

    status: int
    code: str
    error: str
    message: str

    def response(self) -> Response:
        """Return the error as the Storage API words it."""
        response = jsonify(statusCode=str(self.status), error=self.error, message=self.message, code=self.code)
        response.status_code = self.status if self.status >= 500 else 400
        return response


def no_bucket() -> StorageError:
    """Return the answer when there is no such bucket, or the caller may not see it."""
    return StorageError(404, "NoSuchBucket", "Bucket not found", "Bucket not found")


def no_object() -> StorageError:
    """Return the answer when there is no such object, or the caller may not see it."""
    return StorageError(404, "NoSuchKey", "not_found", "Object not found")


def duplicate() -> StorageError:
    """Return the refusal of a name that is taken."""
    return StorageError(409, "KeyAlreadyExists", "Duplicate", "The resource already exists")


def too_large() -> StorageError:
    """Return the refusal of a file over the limit."""
    return StorageError(413, "EntityTooLarge", "Payload too large", "The object exceeded the maximum allowed size")


def not_empty() -> StorageError:
    """Return the refusal to delete a bucket that holds objects."""
    return StorageError(409, "InvalidRequest", "InvalidRequest", "The bucket you tried to delete is not empty")


def not_local(what: str) -> StorageError:
    """Return the refusal of something that the platform has and this stand-in has not."""
    return StorageError(501, "NotImplemented", "NotImplemented", f"{what} not in the local stack")


def invalid(message: str) -> StorageError:
    """Return the refusal of a request that is not well formed."""
    return StorageError(400, "InvalidRequest", "Error", message)


def invalid_token(message: str) -> StorageError:
    """Return the refusal of a token in a signed URL."""
    return StorageError(400, "InvalidJWT", "InvalidJWT", message)


def unauthorized(message: str) -> StorageError:
    """Return the refusal of somebody without the right."""
    return StorageError(403, "AccessDenied", "Unauthorized", message)


def from_database(error: psycopg.Error) -> StorageError:
    """Translate what the database refused."""
    message = error.diag.message_primary or str(error)
    if error.sqlstate == "42501":
        return unauthorized(message)
    if error.sqlstate == "23505":
        return duplicate()
    if error.sqlstate == "57014":
        return StorageError(544, "DatabaseTimeout", "DatabaseTimeout", message)
    return StorageError(500, "DatabaseError", "DatabaseError", message)
