"""One transaction per request, as PostgREST runs it: role, claims and settings first, then the statement."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import psycopg

from scripts.local.supabase.database import Pool, PoolTimeoutError
from scripts.local.supabase.rest import errors
from scripts.local.supabase.rest.catalog import Snapshot
from scripts.local.supabase.rest.fragments import Fragment, ident, join

ISOLATION_LEVELS = ("read committed", "repeatable read", "serializable")
RESPONSE_SETTINGS = "; select current_setting('response.headers', true), current_setting('response.status', true)"


class Row(NamedTuple):
    """What a statement gives back: the rows it answers with, all rows there are, rows inserted, and the JSON."""

    returned: int
    total: int | None
    inserted: int | None
    body: str


@dataclass(frozen=True)
class Context:
    """Who asks, and how."""

    role: str
    is_anonymous: bool
    claims: dict[str, Any]
    method: str
    path: str
    headers: dict[str, str]
    cookies: dict[str, str]
    schema: str


@dataclass(frozen=True)
class Outcome:
    """The row of a statement, and what the database wants in the response."""

    row: Row
    headers: list[tuple[str, str]]
    status: int | None


def run(
    pool: Pool,
    snapshot: Snapshot,
    context: Context,
    statement: Fragment,
    *,
    read_only: bool,
    settings: dict[str, str],
    check: Callable[[Row], None],
) -> Outcome:
    """Run a statement and commit, unless it or the check refuses."""
    prologue = _prologue(snapshot, context, read_only, settings)
    query = prologue + statement + RESPONSE_SETTINGS
    try:
        with pool.connection() as conn, conn.cursor() as cursor:
            row, headers, status = _execute(cursor, query)
            check(row)
            outcome = Outcome(row, _response_headers(headers), _response_status(status))
            cursor.execute("commit")
            return outcome
    except PoolTimeoutError:
        raise errors.pool_timeout() from None
    except psycopg.Error as error:
        raise errors.from_database(error, is_anonymous=context.is_anonymous) from error


def _execute(cursor: psycopg.Cursor[Any], query: Fragment) -> tuple[Row, str | None, str | None]:
    """Send everything in one message; the last two results are the statement's and the response settings'."""
    cursor.execute(query.text.encode(), query.params)
    rows: list[Any] = [result.fetchone() for result in cursor.results() if result.description]
    statement, (headers, status) = rows[-2:]
    return Row(*statement), headers, status


def _prologue(snapshot: Snapshot, context: Context, read_only: bool, settings: dict[str, str]) -> Fragment:
    search_path = ", ".join(ident(name) for name in (context.schema, *snapshot.extra_search_path))
    wanted = {
        "search_path": search_path.replace("%%", "%"),
        **snapshot.role_settings.get(context.role, {}),
        "role": context.role,
        "request.jwt.claims": json.dumps(context.claims),
        "request.method": context.method,
        "request.path": context.path,
        "request.headers": json.dumps(context.headers),
        "request.cookies": json.dumps(context.cookies),
        **settings,
    }
    begin = _begin(wanted.pop("default_transaction_isolation", ""), read_only)
    set_all = join(", ", (Fragment("set_config(%s, %s, true)", item) for item in wanted.items()))
    pre_request = f"; select {_qualified(snapshot.pre_request)}()" if snapshot.pre_request else ""
    return f"{begin}; select " + set_all + pre_request + "; "


def _begin(isolation: str, read_only: bool) -> str:
    level = f" isolation level {isolation.lower()}" if isolation.lower() in ISOLATION_LEVELS else ""
    return f"begin{level}{' read only' if read_only else ''}"


def _qualified(name: str) -> str:
    return ident(*name.split("."))


def _response_status(value: str | None) -> int | None:
    if not value:
        return None
    if not value.isdigit() or not 100 <= int(value) <= 999:
        raise errors.RestError(500, "PGRST112", "response.status guc must be a valid status code")
    return int(value)


def _response_headers(value: str | None) -> list[tuple[str, str]]:
    if not value:
        return []
    try:
        found = [item for entry in json.loads(value) for item in _single(entry)]
    except (ValueError, TypeError, AttributeError):
        message = "response.headers guc must be a JSON array composed of objects with a single key and a string value"
        raise errors.RestError(500, "PGRST111", message) from None
    return found


def _single(entry: dict[str, str]) -> list[tuple[str, str]]:
    items = list(entry.items())
    if len(items) != 1 or not isinstance(items[0][1], str):
        raise ValueError
    return items
