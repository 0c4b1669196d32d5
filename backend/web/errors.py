"""One JSON shape for every error, whoever raised it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NoReturn

import structlog
from flask import Flask, Response, g, jsonify, request
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from backend.errors import (
    AppError,
    FeatureDisabled,
    Internal,
    InvalidParams,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
)
from backend.flags import FLAGS
from backend.metrics import saw_disabled_feature

log = structlog.get_logger("backend.web")

RETRY_AFTER_SECONDS = 5
_OF_HTTP: dict[int, type[AppError]] = {404: NotFound, 405: MethodNotAllowed, 413: PayloadTooLarge}


def init_app(app: Flask) -> None:
    """Answer every error, ours, Flask's and the unforeseen, in the one shape."""
    app.register_error_handler(AppError, render)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unforeseen)


def render(error: AppError) -> Response:
    """Return the answer for an error."""
    body = {
        "code": error.code,
        "message": error.message,
        "details": error.details,
        "request_id": g.get("request_id"),
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    response = jsonify(error=body)
    response.status_code = error.status
    response.headers.update(_headers(error))
    if isinstance(error, FeatureDisabled) and error.details.get("flag") in FLAGS:
        saw_disabled_feature(flag=error.details["flag"])
    return response


def refuse_invalid(error: ValidationError) -> NoReturn:
    """Turn a validation failure into InvalidParams that names the field; flask-openapi calls it."""
    problems = [
        {
            "field": ".".join(str(part) for part in found["loc"]) or "body",
            "reason": found["msg"].removeprefix("Value error, "),
        }
        for found in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    first = problems[0]
    raise InvalidParams(f"{first['field']}: {first['reason']}.", **first, problems=problems)


def _headers(error: AppError) -> dict[str, str]:
    if error.status in (429, 503):
        return {"Retry-After": str(error.details.get("retry_after", RETRY_AFTER_SECONDS))}
    if error.status == 401:
        problem = ', error="invalid_token"' if "Authorization" in request.headers else ""
        return {"WWW-Authenticate": f'Bearer realm="scrip"{problem}'}
    return {}


def _http(error: HTTPException) -> Response:
    response = render(_of_http(error))
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


def _of_http(error: HTTPException) -> AppError:
    status = error.code or 500
    if status in _OF_HTTP:
        return _OF_HTTP[status]()
    return InvalidParams(error.description) if status < 500 else Internal()


def _unforeseen(error: Exception) -> Response:
    log.error("unforeseen_error", exc_info=error)
    return render(Internal())
