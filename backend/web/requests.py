"""What happens around every request: its id, its access line, and the size of its body."""

from __future__ import annotations

import re
import time
from uuid import uuid4

import structlog
from flask import Flask, Response, g, request

from backend import metrics
from backend.errors import InvalidParams, PayloadTooLarge
from backend.web.body import StrictRequest

log = structlog.get_logger("backend.web")

MAX_BODY_BYTES = 256 * 1024
MORE_BODY_BYTES = {
    "batches.create": 2 * 1024 * 1024,  # 500 prompts
    "prompt_tools.import_document": 4 * 1024 * 1024,  # 500 presets of 4000 characters
}
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


def init_app(app: Flask) -> None:
    """Give every request an id, an access line, a size limit and a strict JSON body."""
    app.request_class = StrictRequest
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.url_map.merge_slashes = False  # it would redirect, to whatever host the caller named
    app.before_request(_begin)
    app.before_request(_refuse_large_body)
    app.after_request(_end)


def _begin() -> None:
    given = request.headers.get("X-Request-Id", "")
    g.started = time.perf_counter()
    g.request_id = given if _REQUEST_ID.fullmatch(given) else uuid4().hex
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _refuse_large_body() -> None:
    """Refuse it on every route, also on those that never look at a body."""
    most = MORE_BODY_BYTES.get(request.endpoint or "", MAX_BODY_BYTES)
    request.max_content_length = most
    length = request.content_length or 0
    if "Transfer-Encoding" in request.headers:
        length = len(_chunks(most))
    if length > most:
        raise PayloadTooLarge(max_bytes=most)


def _chunks(most: int) -> bytes:
    # The length shows only on reading, and werkzeug cuts off what is past the limit without a word.
    request.max_content_length = most + 1
    try:
        return request.get_data()
    except Exception as error:  # each server has its own for chunks that are none
        raise InvalidParams("The body could not be read.", field="body") from error


def _end(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.request_id
    seconds = time.perf_counter() - g.started
    rule = request.url_rule.rule if request.url_rule else None
    metrics.saw_request(route=rule, method=request.method, status=response.status_code, seconds=seconds)
    route, ms = rule or request.path[:200], round(seconds * 1000, 1)
    log.info("request", method=request.method, route=route, status=response.status_code, ms=ms)
    return response
