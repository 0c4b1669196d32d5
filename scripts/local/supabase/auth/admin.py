"""The Auth API for the project's own server: users of every kind, invites and links."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, jsonify, request

from scripts.local.supabase.auth import mails, store, users
from scripts.local.supabase.auth.caller import json_body, require_admin
from scripts.local.supabase.auth.errors import AuthError, email_exists, invalid
from scripts.local.supabase.auth.passwords import hash_password, require_strength
from scripts.local.supabase.auth.sessions import Service
from scripts.local.supabase.auth.store import Connection, User, one, rows, valid_email

SECONDS = {"h": 3600, "m": 60, "s": 1}
METADATA = {"user_metadata": "raw_user_meta_data", "app_metadata": "raw_app_meta_data"}
LINK_TYPES = ("signup", "invite", "magiclink", "recovery", "email_change_current", "email_change_new")


def add_routes(blueprint: Blueprint, service: Service) -> None:
    """Add the routes that need the secret key."""

    @blueprint.get("/admin/users")
    def list_users() -> Response:
        require_admin(service)
        return _list_users(service)

    @blueprint.post("/admin/users")
    def create_user() -> Response:
        require_admin(service)
        return jsonify(_create(service, json_body()))

    @blueprint.get("/admin/users/<user_id>")
    def show_user(user_id: str) -> Response:
        require_admin(service)
        with store.transaction(service.pool) as conn:
            return jsonify(store.user_json(conn, _find(conn, user_id)))

    @blueprint.put("/admin/users/<user_id>")
    def update_user(user_id: str) -> Response:
        require_admin(service)
        return jsonify(_update(service, user_id, json_body()))

    @blueprint.delete("/admin/users/<user_id>")
    def delete_user(user_id: str) -> Response:
        require_admin(service)
        _delete(service, user_id, soft=bool(json_body().get("should_soft_delete")))
        return jsonify({})

    @blueprint.post("/invite")
    def invite() -> Response:
        require_admin(service)
        return jsonify(_invite(service, json_body()))

    @blueprint.post("/admin/generate_link")
    def generate_link() -> Response:
        require_admin(service)
        return jsonify(_generate_link(service, json_body()))


def _list_users(service: Service) -> Response:
    page, size = max(request.args.get("page", 1, int), 1), max(request.args.get("per_page", 50, int), 1)
    with store.transaction(service.pool) as conn:
        total = (one(conn, "select count(*)::int as n from auth.users where deleted_at is null") or {"n": 0})["n"]
        found = rows(
            conn,
            "select * from auth.users where deleted_at is null order by created_at desc, id limit %s offset %s",
            size,
            (page - 1) * size,
        )
        response = jsonify(users=[store.user_json(conn, user) for user in found], aud="authenticated")
    last = max(-(-total // size), 1)
    links = [f'<{request.path}?page={page + 1}&per_page={size}>; rel="next"'] if page < last else []
    response.headers["Link"] = ", ".join([*links, f'<{request.path}?page={last}&per_page={size}>; rel="last"'])
    response.headers["X-Total-Count"] = str(total)
    return response


def _create(service: Service, body: dict[str, Any]) -> dict[str, Any]:
    if not body.get("email"):
        raise invalid("Cannot create a user without either an email or phone")
    email = valid_email(body["email"])
    with store.transaction(service.pool, "Database error creating new user") as conn:
        if store.find_by_email(conn, email):
            raise email_exists()
        password = body.get("password")
        confirmed = bool(body.get("email_confirm"))
        user = store.insert_user(
            conn,
            id=uuid.UUID(body["id"]) if body.get("id") else uuid.uuid4(),
            email=email,
            encrypted_password=body.get("password_hash") or (hash_password(str(password)) if password else ""),
            email_confirmed_at=datetime.now(UTC) if confirmed else None,
            raw_user_meta_data={**(body.get("user_metadata") or {}), "email_verified": confirmed},
            raw_app_meta_data={"provider": "email", "providers": ["email"], **(body.get("app_metadata") or {})},
            role=body.get("role") or "authenticated",
            banned_until=_banned_until(body),
        )
        store.set_email_identity(conn, user, verified=confirmed)
        return store.user_json(conn, user)


def _update(service: Service, user_id: str, body: dict[str, Any]) -> dict[str, Any]:
    with store.transaction(service.pool, "Error updating user") as conn:
        user = _find(conn, user_id)
        changes: dict[str, Any] = {}
        if body.get("password"):
            password = require_strength(body["password"], service.settings.min_password_length)
            changes["encrypted_password"] = hash_password(password)
        if body.get("email"):
            changes["email"] = valid_email(body["email"])
        for name, column in METADATA.items():
            if body.get(name) is not None:
                changes[column] = _merged(user[column], body[name])
        if body.get("role"):
            changes["role"] = body["role"]
        if body.get("ban_duration"):
            changes["banned_until"] = _banned_until(body)
        user = store.update_user(conn, user["id"], **changes)
        if body.get("email_confirm"):
            user = users.confirm(conn, user)
        elif body.get("email"):
            store.set_email_identity(conn, user, verified=True)
        return store.user_json(conn, user)


def _delete(service: Service, user_id: str, *, soft: bool) -> None:
    with store.transaction(service.pool, "Database error deleting user") as conn:
        user = _find(conn, user_id)
        if not soft:
            conn.execute("delete from auth.users where id = %s", (user["id"],))
            return
        gone = f"deleted-{user['id']}"
        store.update_user(
            conn, user["id"], email=gone, encrypted_password="", raw_user_meta_data={}, deleted_at=datetime.now(UTC)
        )
        conn.execute("delete from auth.identities where user_id = %s", (user["id"],))
        conn.execute("delete from auth.sessions where user_id = %s", (user["id"],))


def _invite(service: Service, body: dict[str, Any]) -> dict[str, Any]:
    email = valid_email(body.get("email"))
    with store.transaction(service.pool, "Database error inviting user") as conn:
        user = _invited(service, conn, email, body)
        return store.user_json(conn, mails.send_now(service, conn, user, "invite"))


def _invited(service: Service, conn: Connection, email: str, body: dict[str, Any]) -> User:
    user = store.find_by_email(conn, email)
    if user and user["email_confirmed_at"]:
        raise email_exists()
    if user is None:
        data = body.get("data") or {}
        user = users.insert_asked(service, conn, email=email, encrypted_password="", raw_user_meta_data=data)
        store.set_email_identity(conn, user, verified=False)
    return store.update_user(conn, user["id"], invited_at=datetime.now(UTC))


def _generate_link(service: Service, body: dict[str, Any]) -> dict[str, Any]:
    kind, email = body.get("type"), valid_email(body.get("email"))
    if kind not in LINK_TYPES:
        raise invalid(f"Invalid email action link type requested: {kind}")
    if str(kind).startswith("email_change"):
        return _email_change_link(service, str(kind), email, body)
    with store.transaction(service.pool, "Database error creating link") as conn:
        user = store.find_by_email(conn, email)
        if kind == "signup" and user and user["email_confirmed_at"]:
            raise email_exists()
        if kind == "invite":
            user = _invited(service, conn, email, body)
        if user is None and kind == "recovery":
            raise AuthError(404, "user_not_found", "User with this email not found")
        if user is None:  # a magic link for a new address is a sign-up
            kind = "signup"
            user = users.insert_asked(
                service,
                conn,
                email=email,
                encrypted_password=hash_password(body["password"]) if body.get("password") else "",
                raw_user_meta_data=body.get("data") or {},
            )
            store.set_email_identity(conn, user, verified=False)
        token = mails.new_token(email)
        user = mails.store_token(conn, user, str(kind), token)
        return _link_json(service, conn, user, str(kind), token, body)


def _email_change_link(service: Service, kind: str, email: str, body: dict[str, Any]) -> dict[str, Any]:
    new_email = valid_email(body.get("new_email"))
    with store.transaction(service.pool, "Database error creating link") as conn:
        user = store.find_by_email(conn, email)
        if user is None:
            raise AuthError(404, "user_not_found", "User with this email not found")
        if store.find_by_email(conn, new_email):
            raise email_exists()
        is_current = kind == "email_change_current"
        token = mails.new_token(email if is_current else new_email)
        name = kind if is_current else "email_change"
        user = mails.store_token(conn, user, name, token, email_change=new_email, email_change_confirm_status=0)
        return _link_json(service, conn, user, "email_change", token, body)


def _link_json(
    service: Service, conn: Connection, user: User, kind: str, token: mails.OneTimeToken, body: dict[str, Any]
) -> dict[str, Any]:
    target = mails.redirect_target(service, body.get("redirect_to"))
    return {
        **store.user_json(conn, user),
        "action_link": mails.action_link(service, kind, token, target),
        "email_otp": token.code,
        "hashed_token": token.hashed,
        "redirect_to": target,
        "verification_type": kind,
    }


def _find(conn: Connection, user_id: str) -> User:
    try:
        parsed = uuid.UUID(user_id)
    except ValueError:
        raise AuthError(404, "validation_failed", "user_id must be an UUID") from None
    user = store.find_by_id(conn, parsed)
    if user is None:
        raise AuthError(404, "user_not_found", "User not found")
    return user


def _merged(old: dict[str, Any] | None, new: dict[str, Any]) -> dict[str, Any]:
    merged = {**(old or {}), **new}
    return {name: value for name, value in merged.items() if value is not None}


def _banned_until(body: dict[str, Any]) -> datetime | None:
    duration = body.get("ban_duration")
    if not duration or duration == "none":
        return None
    parts = re.findall(r"(\d+(?:\.\d+)?)(h|m|s)", str(duration))
    if "".join(number + unit for number, unit in parts) != duration:
        raise invalid(f"invalid format for ban_duration: {duration}; expected a duration such as 24h or 1h30m")
    return datetime.now(UTC) + timedelta(seconds=sum(float(number) * SECONDS[unit] for number, unit in parts))
