"""The users' tables, under the role of the Auth server."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from scripts.local.supabase.auth.errors import AuthError, invalid, unexpected
from scripts.local.supabase.database import Pool, PoolTimeoutError

Connection = psycopg.Connection[Any]
User = dict[str, Any]
NIL = uuid.UUID(int=0)
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
TIMES = ("email_confirmed_at", "invited_at", "confirmation_sent_at", "confirmed_at", "recovery_sent_at")
MORE_TIMES = ("email_change_sent_at", "last_sign_in_at", "banned_until", "deleted_at")


@contextmanager
def transaction(pool: Pool, failure: str = "Database error") -> Iterator[Connection]:
    """Run one transaction; a refusal by the database, a trigger's included, becomes the caller's failure."""
    try:
        with pool.connection() as conn, conn.transaction():
            yield conn
    except (psycopg.Error, PoolTimeoutError) as error:
        raise unexpected(failure) from error


def one(conn: Connection, query: str, *params: Any) -> dict[str, Any] | None:
    """Return the first row of a query."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, params).fetchone()


def rows(conn: Connection, query: str, *params: Any) -> list[dict[str, Any]]:
    """Return all rows of a query."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, params).fetchall()


def valid_email(value: object) -> str:
    """Return an address in the form it is stored in."""
    email = str(value or "").strip().lower()
    if not EMAIL.fullmatch(email):
        raise invalid("Unable to validate email address: invalid format")
    return email


def find_by_email(conn: Connection, email: str) -> User | None:
    """Return the user with an address."""
    return one(conn, "select * from auth.users where email = %s and not is_sso_user and deleted_at is null", email)


def find_by_id(conn: Connection, user_id: object) -> User | None:
    """Return the user with an id."""
    return one(conn, "select * from auth.users where id = %s and deleted_at is null", user_id)


def insert_user(conn: Connection, **columns: Any) -> User:
    """Add a user, with the values that the Auth server gives to every one."""
    now = datetime.now(UTC)
    values = {
        "id": uuid.uuid4(),
        "instance_id": NIL,
        "aud": "authenticated",
        "role": "authenticated",
        "confirmation_token": "",
        "recovery_token": "",
        "email_change_token_new": "",
        "email_change": "",
        "raw_app_meta_data": {"provider": "email", "providers": ["email"]},
        "raw_user_meta_data": {},
        "created_at": now,
        "updated_at": now,
        **columns,
    }
    names = sql.SQL(", ").join(map(sql.Identifier, values))
    places = sql.SQL(", ").join([sql.Placeholder()] * len(values))
    query = sql.SQL("insert into auth.users ({}) values ({}) returning *").format(names, places)
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, [_adapt(value) for value in values.values()]).fetchone() or {}


def update_user(conn: Connection, user_id: object, **columns: Any) -> User:
    """Change some of a user's columns."""
    columns = {"updated_at": datetime.now(UTC), **columns}
    changes = sql.SQL(", ").join(sql.SQL("{} = %s").format(sql.Identifier(name)) for name in columns)
    query = sql.SQL("update auth.users set {} where id = %s returning *").format(changes)
    with conn.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(query, [*map(_adapt, columns.values()), user_id]).fetchone()
    if found is None:
        raise AuthError(404, "user_not_found", "User not found")
    return found


def set_email_identity(conn: Connection, user: User, *, verified: bool) -> None:
    """Add or refresh the identity that lets a user sign in by mail."""
    data = {"sub": str(user["id"]), "email": user["email"], "email_verified": verified, "phone_verified": False}
    conn.execute(
        """
        insert into auth.identities
          (provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at)
        values (%s, %s, %s, 'email', now(), now(), now())
        on conflict (provider_id, provider) do update
          set identity_data = auth.identities.identity_data || excluded.identity_data, updated_at = now()
        """,
        (str(user["id"]), user["id"], Jsonb(data)),
    )


def user_json(conn: Connection, user: User) -> dict[str, Any]:
    """Return a user as the API shows one."""
    identities = rows(conn, "select * from auth.identities where user_id = %s order by created_at", user["id"])
    shown = {
        "id": str(user["id"]),
        "aud": user["aud"],
        "role": user["role"],
        "email": user["email"] or "",
        "phone": user["phone"] or "",
        "new_email": user["email_change"] or None,
        **{name: show_time(user[name]) for name in (*TIMES, *MORE_TIMES)},
        "app_metadata": user["raw_app_meta_data"] or {},
        "user_metadata": user["raw_user_meta_data"] or {},
        "identities": [_identity_json(identity) for identity in identities],
        "created_at": show_time(user["created_at"]),
        "updated_at": show_time(user["updated_at"]),
        "is_anonymous": user["is_anonymous"],
    }
    return {name: value for name, value in shown.items() if value is not None}


def show_time(value: datetime | None) -> str | None:
    """Return a time as RFC 3339 in UTC."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value else None


def _identity_json(identity: dict[str, Any]) -> dict[str, Any]:
    return {
        "identity_id": str(identity["id"]),
        "id": identity["provider_id"],
        "user_id": str(identity["user_id"]),
        "identity_data": identity["identity_data"],
        "provider": identity["provider"],
        "last_sign_in_at": show_time(identity["last_sign_in_at"]),
        "created_at": show_time(identity["created_at"]),
        "updated_at": show_time(identity["updated_at"]),
        "email": identity["email"],
    }


def _adapt(value: Any) -> Any:
    return Jsonb(value) if isinstance(value, dict) else value
