"""Who calls the Auth API, and with what."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask import g, request

from scripts.local.supabase.auth import store
from scripts.local.supabase.auth.errors import AuthError
from scripts.local.supabase.auth.sessions import Service
from scripts.local.supabase.auth.store import Connection, User, one
from scripts.local.supabase.tokens import TokenError

ADMIN_ROLES = ("service_role", "supabase_admin")


@dataclass(frozen=True)
class Caller:
    """A signed-in user."""

    user: User
    session_id: object


def json_body() -> dict[str, Any]:
    """Return the request's JSON object; an empty body is an empty one."""
    try:
        body = json.loads(request.get_data() or b"{}")
        json.dumps(body, ensure_ascii=False).encode()  # half a surrogate pair is valid JSON, but not text
    except (ValueError, RecursionError):
        raise AuthError(400, "bad_json", "Could not parse request body as JSON") from None
    if not isinstance(body, dict):
        raise AuthError(400, "bad_json", "Could not parse request body as JSON: expected an object")
    return body


def require_user(service: Service, conn: Connection) -> Caller:
    """Return the user whose token came along; the session must still be there."""
    claims = _claims(service)
    if not claims.get("sub"):
        raise AuthError(403, "bad_jwt", "invalid claim: missing sub claim")
    if not _is_uuid(claims["sub"]):
        raise AuthError(403, "bad_jwt", "invalid claim: sub claim must be a UUID")
    user = store.find_by_id(conn, claims["sub"])
    if user is None:
        raise AuthError(403, "user_not_found", "User from sub claim in JWT does not exist")
    session_id = claims.get("session_id")
    if session_id and not _session_exists(conn, session_id):
        raise AuthError(403, "session_not_found", "Session from session_id claim in JWT does not exist")
    return Caller(user, session_id)


def require_admin(service: Service) -> None:
    """Refuse whoever is not the project's own server."""
    if _claims(service).get("role") not in ADMIN_ROLES:
        raise AuthError(403, "not_admin", "User not allowed")


def _claims(service: Service) -> dict[str, Any]:
    if not g.token or not request.headers.get("Authorization", "").lower().startswith("bearer "):
        raise AuthError(401, "no_authorization", "This endpoint requires a valid Bearer token")
    try:
        return service.tokens.verify(g.token)
    except TokenError as error:
        message = f"invalid JWT: unable to parse or verify signature, {error}"
        raise AuthError(403, "bad_jwt", message) from None


def _session_exists(conn: Connection, session_id: object) -> bool:
    return _is_uuid(session_id) and one(conn, "select 1 from auth.sessions where id = %s", session_id) is not None


def _is_uuid(value: object) -> bool:
    try:
        UUID(str(value))
    except ValueError:
        return False
    return True
