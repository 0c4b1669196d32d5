"""The custom access token hook: a function of the project that may add claims to every token."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from scripts.local.supabase.auth.errors import AuthError, unexpected
from scripts.local.supabase.auth.store import Connection, User, one
from scripts.local.supabase.rest.fragments import ident

REQUIRED = ("aud", "exp", "iat", "sub", "email", "phone", "role", "aal", "session_id", "is_anonymous")
TIMEOUT = "2s"


def run_access_token_hook(
    conn: Connection, name: str, user: User, claims: dict[str, Any], method: str
) -> dict[str, Any]:
    """Return the claims that the project's hook makes of ours; ours when there is no such function."""
    schema, _, function = name.partition(".")
    if not name or not _exists(conn, schema, function):
        return claims
    event = {"user_id": str(user["id"]), "claims": claims, "authentication_method": method}
    answer = _call(conn, schema, function, event)
    if error := answer.get("error"):
        status = error.get("http_code") or 500
        code = "unexpected_failure" if status == 500 else "unknown"
        raise AuthError(status, code, error.get("message", ""))
    return _checked(answer)


def _exists(conn: Connection, schema: str, function: str) -> bool:
    query = (
        "select true from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace"
        " where n.nspname = %s and p.proname = %s and p.pronargs = 1"
    )
    return one(conn, query, schema, function) is not None


def _call(conn: Connection, schema: str, function: str, event: dict[str, Any]) -> dict[str, Any]:
    try:
        with conn.transaction():
            conn.execute("select set_config('statement_timeout', %s, true)", (TIMEOUT,))
            row = one(conn, f"select {ident(schema, function)}(%s) as answer", Jsonb(event))
            conn.execute("set local statement_timeout to default")
    except psycopg.Error as error:
        raise unexpected(f"Error running hook URI: pg-functions://postgres/{schema}/{function}: {error}") from error
    answer = row["answer"] if row else None
    if not isinstance(answer, dict):
        raise unexpected("Error unmarshaling JSON output from the hook: expected an object")
    return answer


def _checked(answer: dict[str, Any]) -> dict[str, Any]:
    claims = answer.get("claims")
    if not isinstance(claims, dict):
        raise unexpected("output claims field is missing")
    missing = [name for name in REQUIRED if name not in claims]
    if missing:
        details = "".join(f"\n- (root): {name} is required" for name in missing)
        raise unexpected(f"output claims do not conform to the expected schema: {details}\n")
    return claims
