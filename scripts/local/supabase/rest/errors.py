"""Errors of the REST API: PostgREST's own codes, and the HTTP status of each SQLSTATE."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import psycopg
from flask import Response

JSON = "application/json; charset=utf-8"

# The longest matching prefix decides.
STATUS_OF_SQLSTATE = {
    "08": 503, "09": 500, "0L": 403, "0P": 403, "21": 500, "23503": 409, "23505": 409, "25": 500, "25006": 405,
    "28": 403, "2D": 500, "38": 500, "39": 500, "3B": 500, "40": 500, "42883": 404, "42P01": 404, "42P17": 500,
    "53": 503, "53400": 500, "54": 500, "55": 500, "57": 500, "57P01": 503, "58": 500, "F0": 500, "HV": 500,
    "P0": 500, "P0001": 400, "XX": 500,
}  # fmt: skip


@dataclass(eq=False)
class RestError(Exception):
    """An answer that is not what the caller asked for."""

    status: int
    code: str
    message: str
    details: Any = None
    hint: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        """Return the error as PostgREST words it."""
        body = {"code": self.code, "details": self.details, "hint": self.hint, "message": self.message}
        response = Response(json.dumps(body), self.status, content_type=JSON)
        response.headers["Proxy-Status"] = f"PostgREST; error={self.code}"
        response.headers.update(self.headers)
        return response


def not_local(what: str) -> RestError:
    """Return the refusal of something that the platform has and this stand-in has not."""
    hint = "Use `npx supabase start` or a hosted project for this."
    return RestError(501, "LOCAL501", f"{what} not in the local stack", hint=hint)


def parse_error(what: str, details: str) -> RestError:
    """Return the refusal of a query string that cannot be read."""
    return RestError(400, "PGRST100", f'"failed to parse {what}"', details)


def unavailable(code: str = "PGRST000") -> RestError:
    """Return the answer while the database cannot be reached."""
    messages = {
        "PGRST000": "Database connection error. Retrying the connection.",
        "PGRST001": "Database client error. Retrying the connection.",
        "PGRST002": "Could not query the database for the schema cache. Retrying.",
    }
    return RestError(503, code, messages[code], headers={"Retry-After": "0"})


def pool_timeout() -> RestError:
    """Return the answer when no connection became free in time."""
    return RestError(504, "PGRST003", "Timed out acquiring connection from connection pool.")


def invalid_token(message: str, code: str = "PGRST301") -> RestError:
    """Return the refusal of a token."""
    challenge = f'Bearer error="invalid_token", error_description="{message}"'
    return RestError(401, code, message, headers={"WWW-Authenticate": challenge})


def from_database(error: psycopg.Error, *, is_anonymous: bool) -> RestError:
    """Translate what the database refused."""
    diag = error.diag
    if error.sqlstate is None:
        return _without_sqlstate(error)
    if error.sqlstate == "PGRST":
        return _raised_response(diag.message_primary or "", diag.message_detail)
    status = _status(error.sqlstate, diag.message_primary or "", is_anonymous)
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    if status == 503:
        headers["Retry-After"] = "0"
    return RestError(
        status, error.sqlstate, diag.message_primary or "", diag.message_detail, diag.message_hint, headers
    )


def _without_sqlstate(error: psycopg.Error) -> RestError:
    if isinstance(error, psycopg.DataError):  # the client library refused a value, such as a NUL character
        return RestError(400, "22021", str(error))
    return unavailable("PGRST001")


def _status(sqlstate: str, message: str, is_anonymous: bool) -> int:
    if sqlstate.startswith("PT"):
        return int(sqlstate[2:]) if sqlstate[2:].isdigit() else 500
    if sqlstate == "42501":
        return 401 if is_anonymous else 403
    if sqlstate == "21000" and message.endswith("requires a WHERE clause"):
        return 400
    if sqlstate == "22023" and message.startswith("role ") and message.endswith("does not exist"):
        return 401
    for length in (5, 2):
        if sqlstate[:length] in STATUS_OF_SQLSTATE:
            return STATUS_OF_SQLSTATE[sqlstate[:length]]
    return 400


def _raised_response(message: str, detail: str | None) -> RestError:
    """Read the error and the response that `raise sqlstate 'PGRST'` describes."""
    try:
        body = json.loads(message)
        code, text = body["code"], body["message"]
    except (ValueError, TypeError, KeyError):
        return _bad_raise(
            f"Invalid JSON value for MESSAGE: '{message}'", "MESSAGE", "'code', 'message'", "keys", "'details', 'hint'"
        )
    if detail is None:
        return _bad_raise(
            "DETAIL is missing in the RAISE statement", "DETAIL", "'status', 'headers'", "key", "'status_text'"
        )
    try:
        described = json.loads(detail)
        status, headers = int(described["status"]), {str(k): str(v) for k, v in described["headers"].items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        return _bad_raise(
            f"Invalid JSON value for DETAIL: '{detail}'", "DETAIL", "'status', 'headers'", "key", "'status_text'"
        )
    return RestError(status, code, text, body.get("details"), body.get("hint"), headers)


def _bad_raise(details: str, part: str, required: str, noun: str, optional: str) -> RestError:
    hint = f"{part} must be a JSON object with obligatory keys: {required} and optional {noun}: {optional}."
    message = "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error"
    return RestError(500, "PGRST121", message, details, hint)
