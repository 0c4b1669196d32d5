"""Sessions: access tokens, refresh tokens and the rules of using one twice."""

from __future__ import annotations

import secrets
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import request

from scripts.local.supabase.auth import store
from scripts.local.supabase.auth.errors import AuthError
from scripts.local.supabase.auth.hook import run_access_token_hook
from scripts.local.supabase.auth.store import Connection, User, one, rows
from scripts.local.supabase.database import Pool
from scripts.local.supabase.inbox import Inbox
from scripts.local.supabase.settings import Settings
from scripts.local.supabase.tokens import Tokens


@dataclass(frozen=True)
class Service:
    """What the Auth server works with."""

    pool: Pool
    settings: Settings
    tokens: Tokens
    inbox: Inbox


def start_session(service: Service, conn: Connection, user: User, method: str) -> dict[str, Any]:
    """Sign a user in and return the SESSION of the API."""
    _require_not_banned(user)
    session_id = uuid.uuid4()
    conn.execute(
        "insert into auth.sessions (id, user_id, created_at, updated_at, aal, user_agent, ip)"
        " values (%s, %s, now(), now(), 'aal1', %s, %s)",
        (session_id, user["id"], request.user_agent.string, request.remote_addr),
    )
    conn.execute(
        "insert into auth.mfa_amr_claims (id, session_id, created_at, updated_at, authentication_method)"
        " values (%s, %s, now(), now(), %s)",
        (uuid.uuid4(), session_id, method),
    )
    user = store.update_user(conn, user["id"], last_sign_in_at=datetime.now(UTC))
    token = _add_refresh_token(conn, user, session_id, None)
    return _session_json(service, conn, user, session_id, token, method)


def refresh_session(service: Service, token: str) -> dict[str, Any]:
    """Exchange a refresh token; a token that was used before ends the session when it comes back too late."""
    with store.transaction(service.pool, "Database error granting user") as conn:
        session, used, user = _find_session(conn, token)
        fresh = _rotate(conn, user, session, used, service.settings.refresh_reuse_seconds)
        if fresh is not None:
            conn.execute(
                "update auth.sessions set refreshed_at = now() at time zone 'utc' where id = %s", (session["id"],)
            )
            return _session_json(service, conn, user, session["id"], fresh, "token_refresh")
    # Raised after the commit: the revocation of the session's tokens has to stay.
    raise AuthError(400, "refresh_token_already_used", "Invalid Refresh Token: Already Used")


def end_sessions(conn: Connection, user_id: object, session_id: object, scope: str) -> None:
    """Sign out: everywhere, here, or everywhere else."""
    conditions = {"global": "", "local": " and id = %s", "others": " and id <> %s"}
    if scope not in conditions:
        raise AuthError(400, "validation_failed", "Unsupported logout scope. Use global, local or others")
    params = (user_id,) if scope == "global" else (user_id, session_id)
    conn.execute(f"delete from auth.sessions where user_id = %s{conditions[scope]}", params)  # noqa: S608


def _rotate(
    conn: Connection, user: User, session: dict[str, Any], used: dict[str, Any], reuse_seconds: int
) -> str | None:
    """Return the token that comes next; None when the one used was stolen, as far as one can tell."""
    if not used["revoked"]:
        return _replace(conn, user, session, used)
    active = one(
        conn,
        "select * from auth.refresh_tokens where session_id = %s and not revoked order by id desc limit 1",
        session["id"],
    )
    if active and active["parent"] == used["token"]:
        return active["token"]
    if used["updated_at"] + timedelta(seconds=reuse_seconds) > datetime.now(UTC):
        return _replace(conn, user, session, used)
    conn.execute(
        "update auth.refresh_tokens set revoked = true, updated_at = now() where session_id = %s and not revoked",
        (session["id"],),
    )
    return None


def _find_session(conn: Connection, token: str) -> tuple[dict[str, Any], dict[str, Any], User]:
    used = one(conn, "select * from auth.refresh_tokens where token = %s", token)
    # The session's row is the lock that makes two refreshes take turns.
    session = used and one(conn, "select * from auth.sessions where id = %s for update", used["session_id"])
    used = session and one(conn, "select * from auth.refresh_tokens where token = %s", token)
    user = session and store.find_by_id(conn, session["user_id"])
    if not used or not session or not user:
        raise AuthError(400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found")
    if session["not_after"] and session["not_after"] < datetime.now(UTC):
        raise AuthError(400, "session_expired", "Invalid Refresh Token: Session Expired")
    _require_not_banned(user)
    return session, used, user


def _replace(conn: Connection, user: User, session: dict[str, Any], used: dict[str, Any]) -> str:
    conn.execute("update auth.refresh_tokens set revoked = true, updated_at = now() where id = %s", (used["id"],))
    return _add_refresh_token(conn, user, session["id"], used["token"])


def _add_refresh_token(conn: Connection, user: User, session_id: object, parent: str | None) -> str:
    token = secrets.token_hex(6)
    conn.execute(
        "insert into auth.refresh_tokens"
        " (instance_id, token, user_id, revoked, created_at, updated_at, parent, session_id)"
        " values (%s, %s, %s, false, now(), now(), %s, %s)",
        (store.NIL, token, str(user["id"]), parent, session_id),
    )
    return token


def _require_not_banned(user: User) -> None:
    if user["banned_until"] and user["banned_until"] > datetime.now(UTC):
        raise AuthError(400, "user_banned", "User is banned")


def _session_json(
    service: Service, conn: Connection, user: User, session_id: object, refresh_token: str, method: str
) -> dict[str, Any]:
    claims = _claims(service.settings, conn, user, session_id)
    claims = run_access_token_hook(conn, service.settings.access_token_hook, user, claims, method)
    return {
        "access_token": service.tokens.sign(claims),
        "token_type": "bearer",
        "expires_in": service.settings.jwt_expiry,
        "expires_at": claims["exp"],
        "refresh_token": refresh_token,
        "user": store.user_json(conn, user),
    }


def _claims(settings: Settings, conn: Connection, user: User, session_id: object) -> dict[str, Any]:
    now = int(time.time())
    methods = rows(
        conn,
        "select authentication_method, updated_at from auth.mfa_amr_claims"
        " where session_id = %s order by updated_at desc",
        session_id,
    )
    return {
        "iss": settings.issuer,
        "sub": str(user["id"]),
        "aud": user["aud"],
        "exp": now + settings.jwt_expiry,
        "iat": now,
        "email": user["email"] or "",
        "phone": user["phone"] or "",
        "app_metadata": user["raw_app_meta_data"] or {},
        "user_metadata": user["raw_user_meta_data"] or {},
        "role": user["role"],
        "aal": "aal1",
        "amr": [
            {"method": row["authentication_method"], "timestamp": int(row["updated_at"].timestamp())} for row in methods
        ],
        "session_id": str(session_id),
        "is_anonymous": user["is_anonymous"],
    }
