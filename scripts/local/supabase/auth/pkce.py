"""Proof key for code exchange: a link opened elsewhere gives a code that only the first browser can redeem."""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from scripts.local.supabase.auth import sessions, store
from scripts.local.supabase.auth.errors import AuthError, invalid
from scripts.local.supabase.auth.sessions import Service
from scripts.local.supabase.auth.store import Connection, User, one

LIFETIME = timedelta(minutes=5)


def remember(conn: Connection, user: User, body: dict[str, Any], method: str) -> bool:
    """Keep the challenge of a request that has one; tell whether it had."""
    challenge, kind = body.get("code_challenge"), str(body.get("code_challenge_method") or "plain").lower()
    if not challenge:
        return False
    if kind not in ("s256", "plain"):
        raise invalid(f"PKCE flow: code_challenge_method {kind} is not supported")
    conn.execute(
        "insert into auth.flow_state (id, user_id, auth_code, code_challenge_method, code_challenge, provider_type,"
        " authentication_method, created_at, updated_at) values (%s, %s, %s, %s, %s, 'email', %s, now(), now())",
        (uuid.uuid4(), user["id"], str(uuid.uuid4()), kind, challenge, method),
    )
    return True


def issue_code(conn: Connection, user: User) -> str:
    """Return the code for the user's last challenge."""
    flow = one(
        conn,
        "update auth.flow_state set auth_code_issued_at = now() where id = (select id from auth.flow_state"
        " where user_id = %s order by created_at desc limit 1) returning auth_code",
        user["id"],
    )
    if flow is None:
        raise AuthError(422, "flow_state_not_found", "No associated flow state found")
    return flow["auth_code"]


def exchange_code(service: Service, body: dict[str, Any]) -> dict[str, Any]:
    """Give a session for a code and the verifier of its challenge."""
    code, verifier = body.get("auth_code"), body.get("code_verifier")
    if not code or not verifier:
        raise invalid("invalid request: both auth code and code verifier should be non-empty")
    with store.transaction(service.pool, "Database error granting user") as conn:
        flow = one(conn, "select * from auth.flow_state where auth_code = %s for update", str(code))
        if flow is None or flow["user_id"] is None:
            raise AuthError(404, "flow_state_not_found", "invalid flow state, no valid flow state found")
        if flow["created_at"] + LIFETIME < datetime.now(UTC):
            raise AuthError(422, "flow_state_expired", "invalid flow state, flow state has expired")
        if not hmac.compare_digest(_challenge(str(verifier), flow["code_challenge_method"]), flow["code_challenge"]):
            raise AuthError(400, "bad_code_verifier", "code challenge does not match previously saved code verifier")
        user = store.find_by_id(conn, flow["user_id"])
        if user is None:
            raise AuthError(404, "user_not_found", "User not found")
        conn.execute("delete from auth.flow_state where id = %s", (flow["id"],))
        return sessions.start_session(service, conn, user, flow["authentication_method"].replace("email/signup", "otp"))


def _challenge(verifier: str, method: str) -> str:
    if method == "plain":
        return verifier
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
