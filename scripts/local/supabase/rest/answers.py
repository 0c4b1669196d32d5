"""From a statement's outcome to the HTTP response."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response, request
from werkzeug.datastructures import MultiDict

from scripts.local.supabase.rest.catalog import Function
from scripts.local.supabase.rest.errors import RestError
from scripts.local.supabase.rest.request import RESERVED, Accept, Preferences, Query
from scripts.local.supabase.rest.transaction import Outcome, Row

CONDITIONS = ("and", "or", "not.and", "not.or")


def accept_any(row: Row) -> None:
    """Let any number of rows pass."""


def require_single(row: Row) -> None:
    """Refuse an answer that is not one row; the transaction is rolled back."""
    if row.returned != 1:
        details = f"The result contains {row.returned} rows"
        raise RestError(406, "PGRST116", "Cannot coerce the result to a single JSON object", details)


def split_arguments(
    arguments: MultiDict[str, str], is_operation: Callable[[str], bool]
) -> tuple[dict[str, str], MultiDict[str, str]]:
    """Tell the arguments of a function called by GET from filters and paging."""
    passed: dict[str, str] = {}
    others: MultiDict[str, str] = MultiDict()
    for name, value in arguments.items(multi=True):
        if name in RESERVED or name in CONDITIONS or is_operation(value):
            others.add(name, value)
        else:
            passed[name] = value
    return passed, others


def rows(outcome: Outcome, query: Query, accept: Accept, prefer: Preferences) -> Response:
    """Answer a read."""
    row = outcome.row
    status = _read_status(row, query.offset)
    return _respond(outcome, status, row.body, accept, prefer, _content_range(query.offset, row.returned, row.total))


def function(outcome: Outcome, called: Function, query: Query, accept: Accept, prefer: Preferences) -> Response:
    """Answer a call."""
    if called.returns_void:
        return _respond(outcome, 204, "", accept, prefer, None)
    if called.returns_set:
        return rows(outcome, query, accept, prefer)
    return _respond(outcome, 200, outcome.row.body, accept, prefer, "0-0/*")


def insert(outcome: Outcome, accept: Accept, prefer: Preferences) -> Response:
    """Answer an insert; an upsert that only merged has created nothing."""
    merged = prefer.resolution == "merge-duplicates" and outcome.row.inserted == 0
    body = outcome.row.body if prefer.returns == "representation" else ""
    return _respond(outcome, 200 if merged else 201, body, accept, prefer, f"*/{_total(outcome.row.total)}")


def change(outcome: Outcome, accept: Accept, prefer: Preferences) -> Response:
    """Answer an update or delete."""
    row = outcome.row
    updated = request.method == "PATCH"
    content_range = _content_range(0, row.returned, row.total) if updated else f"*/{_total(row.total)}"
    if prefer.returns == "representation":
        return _respond(outcome, 200, row.body, accept, prefer, content_range)
    return _respond(outcome, 204, "", accept, prefer, content_range)


def _respond(
    outcome: Outcome, status: int, body: str, accept: Accept, prefer: Preferences, content_range: str | None
) -> Response:
    response = Response("" if request.method == "HEAD" else body, outcome.status or status)
    if body:
        response.headers["Content-Type"] = accept.content_type
    else:
        response.headers.pop("Content-Type", None)
    if content_range:
        response.headers["Content-Range"] = content_range
    if applied := prefer.applied():
        response.headers["Preference-Applied"] = applied
    for name, value in outcome.headers:
        response.headers[name] = value
    return response


def _read_status(row: Row, offset: int) -> int:
    if row.total is None:
        return 200
    if offset and offset > row.total:
        details = f"An offset of {offset} was requested, but there are only {row.total} rows."
        raise RestError(416, "PGRST103", "Requested range not satisfiable", details)
    return 206 if row.returned < row.total else 200


def _content_range(first: int, count: int, total: int | None) -> str:
    found = f"{first}-{first + count - 1}" if count else "*"
    return f"{found}/{_total(total)}"


def _total(total: int | None) -> str:
    return "*" if total is None else str(total)
