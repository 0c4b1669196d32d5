"""The hooks: functions of the project that may add claims to every token, and refuse new users."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import psycopg
from flask import request
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
    event = {"user_id": str(user["id"]), "claims": claims, "authentication_method": method}
    answer = _answer(conn, name, event)
    return claims if answer is None else _checked(answer)


def run_before_user_created_hook(conn: Connection, name: str, columns: dict[str, Any]) -> None:
    """Ask the project's hook about somebody who signs up or is invited, before there is such a user."""
    now = datetime.now(UTC).isoformat()
    metadata = {
        "uuid": str(uuid.uuid4()),
        "time": now,
        "name": "before-user-created",
        "ip_address": request.remote_addr,
    }
    user = {
        "id": str(columns["id"]),
        "aud": "authenticated",
        "role": "authenticated",
        "email": columns.get("email", ""),
        "phone": "",
        "app_metadata": columns.get("raw_app_meta_data", {"provider": "email", "providers": ["email"]}),
        "user_metadata": columns.get("raw_user_meta_data", {}),
        "identities": [],
        "created_at": "0001-01-01T00:00:00Z",
        "updated_at": "0001-01-01T00:00:00Z",
        "is_anonymous": columns.get("is_anonymous", False),
    }
    _answer(conn, name, {"metadata": metadata, "user": user})


def _answer(conn: Connection, name: str, event: dict[str, Any]) -> dict[str, Any] | None:
    schema, _, function = name.partition(".")
    if not name or not _exists(conn, schema, function):
        return None
    answer = _call(conn, schema, function, event)
    if error := answer.get("error"):
        status = error.get("http_code") or 500
        code = "unexpected_failure" if status == 500 else "unknown"
        raise AuthError(status, code, error.get("message", ""))
    return answer


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
