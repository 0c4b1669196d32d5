"""Transactions under the role of whoever calls, as the Storage API runs them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from flask import g, request
from psycopg.rows import DictRow, dict_row

from scripts.local.supabase.database import Pool, PoolTimeoutError
from scripts.local.supabase.settings import Settings
from scripts.local.supabase.storage.errors import StorageError, from_database, invalid, unauthorized
from scripts.local.supabase.storage.files import Files
from scripts.local.supabase.tokens import TokenError, Tokens

Cursor = psycopg.Cursor[DictRow]
SERVICE = {"role": "service_role"}
SET_ALL = """
select set_config('role', %(role)s, true), set_config('request.jwt.claim.role', %(role)s, true),
  set_config('request.jwt.claim.sub', %(sub)s, true), set_config('request.jwt.claims', %(claims)s, true),
  set_config('request.headers', %(headers)s, true), set_config('request.method', %(method)s, true),
  set_config('request.path', %(path)s, true), set_config('storage.operation', %(operation)s, true),
  set_config('storage.allow_delete_query', 'true', true)
"""


@dataclass(frozen=True)
class Service:
    """What the Storage server works with."""

    pool: Pool
    settings: Settings
    tokens: Tokens
    files: Files


def caller_claims(service: Service) -> dict[str, Any]:
    """Return the claims of the token that came along."""
    if not request.headers.get("Authorization"):
        raise invalid("headers must have required property 'authorization'")
    try:
        return service.tokens.verify(g.token)
    except TokenError as error:
        raise unauthorized(str(error)) from None


@contextmanager
def as_service(cursor: Cursor) -> Iterator[None]:
    """Look at everything for a moment, within the caller's transaction."""
    role = (cursor.execute("select current_setting('role') as role").fetchone() or {})["role"]
    cursor.execute("select set_config('role', 'service_role', true)")
    yield
    cursor.execute("select set_config('role', %s, true)", (role,))


@contextmanager
def transaction(service: Service, claims: dict[str, Any], operation: str) -> Iterator[Cursor]:
    """Run one transaction in which the claims' role, and its policies, apply."""
    settings = {
        "role": str(claims.get("role") or "anon"),
        "sub": str(claims.get("sub") or ""),
        "claims": json.dumps(claims),
        "headers": json.dumps({name.lower(): value for name, value in request.headers.items()}),
        "method": request.method,
        "path": request.path.removeprefix("/storage/v1"),
        "operation": operation,
    }
    try:
        with service.pool.connection() as conn, conn.transaction(), conn.cursor(row_factory=dict_row) as cursor:
            cursor.execute(SET_ALL, settings)
            yield cursor
    except psycopg.Error as error:
        raise from_database(error) from error
    except PoolTimeoutError:
        raise StorageError(544, "DatabaseTimeout", "DatabaseTimeout", "no connection became free in time") from None
