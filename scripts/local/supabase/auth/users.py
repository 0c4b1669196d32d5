"""Signing up, and what users change about themselves."""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime
from typing import Any

from scripts.local.supabase.auth import mails, pkce, sessions, store
from scripts.local.supabase.auth.caller import require_user
from scripts.local.supabase.auth.errors import AuthError, email_exists
from scripts.local.supabase.auth.hook import run_before_user_created_hook
from scripts.local.supabase.auth.passwords import check_password, hash_password, require_strength
from scripts.local.supabase.auth.sessions import Service
from scripts.local.supabase.auth.store import Connection, User, valid_email

SAVING_FAILED = "Database error saving new user"


def sign_up(service: Service, body: dict[str, Any]) -> dict[str, Any]:
    """Make a user: signed in at once, or after confirming the address."""
    if not service.settings.allow_signup:
        raise AuthError(422, "signup_disabled", "Signups not allowed for this instance")
    if body.get("phone"):
        raise AuthError(400, "phone_provider_disabled", "Phone signups are disabled")
    if not body.get("email"):
        return _sign_up_anonymously(service, body)
    email = valid_email(body["email"])
    password = require_strength(body.get("password"), service.settings.min_password_length)
    with store.transaction(service.pool, SAVING_FAILED) as conn:
        existing = store.find_by_email(conn, email)
        if existing and (existing["email_confirmed_at"] or not service.settings.confirm_email):
            return _already_registered(service, existing)
        user = existing or create_user(service, conn, email, body.get("data") or {}, password=password)
        if service.settings.confirm_email:
            with_pkce = pkce.remember(conn, user, body, "email/signup")
            return store.user_json(conn, mails.send(service, conn, user, "signup", pkce=with_pkce))
        return sessions.start_session(service, conn, user, "password")


def create_user(
    service: Service, conn: Connection, email: str, data: dict[str, Any], *, password: str | None = None
) -> User:
    """Add a user with an address, confirmed unless the project asks for confirmation."""
    confirmed = not service.settings.confirm_email
    user_id = uuid.uuid4()
    about = {"sub": str(user_id), "email": email, "email_verified": confirmed, "phone_verified": False}
    user = insert_asked(
        service,
        conn,
        id=user_id,
        email=email,
        encrypted_password=hash_password(password or secrets.token_urlsafe(24)),
        email_confirmed_at=datetime.now(UTC) if confirmed else None,
        raw_user_meta_data={**data, **about},
    )
    store.set_email_identity(conn, user, verified=confirmed)
    return user


def insert_asked(service: Service, conn: Connection, **columns: Any) -> User:
    """Add a user, unless the project's hook refuses; not for those whom a server makes itself."""
    columns = {"id": uuid.uuid4(), **columns}
    run_before_user_created_hook(conn, service.settings.before_user_created_hook, columns)
    return store.insert_user(conn, **columns)


def confirm(conn: Connection, user: User, **columns: Any) -> User:
    """Take the user's address as proven."""
    confirmed = {
        "email_confirmed_at": user["email_confirmed_at"] or datetime.now(UTC),
        "raw_user_meta_data": {**(user["raw_user_meta_data"] or {}), "email_verified": True},
    }
    user = store.update_user(conn, user["id"], **{"confirmation_token": "", **confirmed, **columns})
    store.set_email_identity(conn, user, verified=True)
    return user


def update_self(service: Service, body: dict[str, Any]) -> dict[str, Any]:
    """Change the caller's data, password or address."""
    with store.transaction(service.pool, "Error updating user") as conn:
        caller = require_user(service, conn)
        user = caller.user
        if body.get("phone"):
            raise AuthError(400, "phone_provider_disabled", "Phone signups are disabled")
        if body.get("data") is not None:
            merged = {**(user["raw_user_meta_data"] or {}), **body["data"]}
            kept = {name: value for name, value in merged.items() if value is not None}
            user = store.update_user(conn, user["id"], raw_user_meta_data=kept)
        if body.get("password") is not None:
            user = _change_password(service, conn, user, body["password"])
            sessions.end_sessions(conn, user["id"], caller.session_id, "others")
        if body.get("email") and valid_email(body["email"]) != user["email"]:
            user = _change_email(service, conn, user, valid_email(body["email"]), body)
        return store.user_json(conn, user)


def _change_password(service: Service, conn: Connection, user: User, password: object) -> User:
    password = require_strength(password, service.settings.min_password_length)
    if check_password(password, user["encrypted_password"]):
        raise AuthError(422, "same_password", "New password should be different from the old password.")
    return store.update_user(conn, user["id"], encrypted_password=hash_password(password))


def _change_email(service: Service, conn: Connection, user: User, email: str, body: dict[str, Any]) -> User:
    if store.find_by_email(conn, email):
        raise email_exists()
    if not service.settings.confirm_email:
        user = store.update_user(conn, user["id"], email=email)
        return confirm(conn, user)
    mails.wait_for_interval(service, user, "email_change_sent_at")
    with_pkce = pkce.remember(conn, user, body, "email_change")
    user = store.update_user(conn, user["id"], email_change=email, email_change_confirm_status=0)
    if service.settings.double_confirm_email_change and user["email"]:
        user = mails.send_now(service, conn, user, "email_change_current", pkce=with_pkce)
    return mails.send_now(service, conn, user, "email_change", pkce=with_pkce, address=email)


def _sign_up_anonymously(service: Service, body: dict[str, Any]) -> dict[str, Any]:
    if not service.settings.allow_anonymous:
        raise AuthError(422, "anonymous_provider_disabled", "Anonymous sign-ins are disabled")
    with store.transaction(service.pool, SAVING_FAILED) as conn:
        user = insert_asked(
            service, conn, is_anonymous=True, raw_user_meta_data=body.get("data") or {}, raw_app_meta_data={}
        )
        return sessions.start_session(service, conn, user, "anonymous")


def _already_registered(service: Service, user: User) -> dict[str, Any]:
    """Say that the address is taken, or, where mails are confirmed, nothing that would tell."""
    if not service.settings.confirm_email:
        raise AuthError(422, "user_already_exists", "User already registered")
    now = store.show_time(datetime.now(UTC))
    return {
        "id": str(uuid.uuid4()),
        "aud": "authenticated",
        "role": "",
        "email": user["email"],
        "phone": "",
        "confirmation_sent_at": now,
        "app_metadata": {"provider": "email", "providers": ["email"]},
        "user_metadata": {},
        "identities": [],
        "created_at": now,
        "updated_at": now,
        "is_anonymous": False,
    }
