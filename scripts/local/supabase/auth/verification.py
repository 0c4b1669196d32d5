"""Mails asked for, and what happens when their links are opened or their codes are typed."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify, request
from werkzeug import Response as BaseResponse
from werkzeug.utils import redirect

from scripts.local.supabase.auth import mails, pkce, sessions, store, users
from scripts.local.supabase.auth.caller import json_body
from scripts.local.supabase.auth.errors import AuthError, expired_otp, invalid
from scripts.local.supabase.auth.sessions import Service
from scripts.local.supabase.auth.store import Connection, User, one, valid_email

HALFWAY = "Confirmation link accepted. Please proceed to confirm link sent to the other email"
INVALID_LINK = "Email link is invalid or has expired"
TYPES = ("signup", "invite", "magiclink", "recovery", "email_change")


def add_routes(blueprint: Blueprint, service: Service) -> None:
    """Add the routes of everything that goes through a mail."""

    @blueprint.post("/otp")
    @blueprint.post("/magiclink")
    def otp() -> Response:
        _send_login(service, json_body())
        return jsonify({})

    @blueprint.post("/recover")
    def recover() -> Response:
        body = json_body()
        with store.transaction(service.pool) as conn:
            user = store.find_by_email(conn, valid_email(body.get("email")))
            if user:  # an unknown address gets the same answer
                with_pkce = pkce.remember(conn, user, body, "recovery")
                mails.send(service, conn, user, "recovery", pkce=with_pkce)
        return jsonify({})

    @blueprint.post("/resend")
    def resend() -> Response:
        _resend(service, json_body())
        return jsonify({})

    @blueprint.post("/verify")
    def verify() -> Response:
        body = json_body()
        with store.transaction(service.pool, "Error confirming user") as conn:
            user = _verify(service, conn, _find_by_body(service, conn, body))
            if user is None:
                return jsonify(msg=HALFWAY, code="200")
            return jsonify(sessions.start_session(service, conn, user, "otp"))

    @blueprint.get("/verify")
    def open_link() -> BaseResponse:
        return _open_link(service, request.args.get("token") or "", request.args.get("type") or "")


def _send_login(service: Service, body: dict[str, Any]) -> None:
    if body.get("phone"):
        raise AuthError(400, "phone_provider_disabled", "Phone logins are disabled")
    email = valid_email(body.get("email"))
    with store.transaction(service.pool, users.SAVING_FAILED) as conn:
        user = store.find_by_email(conn, email)
        if user is None:
            if body.get("create_user") is False or not service.settings.allow_signup:
                raise AuthError(422, "otp_disabled", "Signups not allowed for otp")
            user = users.create_user(service, conn, email, body.get("data") or {})
        kind = "magiclink" if user["email_confirmed_at"] else "signup"
        with_pkce = pkce.remember(conn, user, body, "magiclink")
        mails.send(service, conn, user, kind, pkce=with_pkce)


def _resend(service: Service, body: dict[str, Any]) -> None:
    kind = body.get("type")
    if kind not in ("signup", "email_change"):
        raise invalid("Missing one of these types: signup, email_change, sms, phone_change")
    email = valid_email(body.get("email"))
    with store.transaction(service.pool) as conn:
        user = store.find_by_email(conn, email)
        if user is None:
            return
        if kind == "signup" and user["email_confirmed_at"] is None:
            mails.send(service, conn, user, "signup")
        elif kind == "email_change" and user["email_change"]:
            mails.send(service, conn, user, "email_change", address=user["email_change"])


def _open_link(service: Service, hashed: str, kind: str) -> BaseResponse:
    target = mails.redirect_target(service)
    try:
        if not hashed or not kind:
            raise invalid("Verify requires a token and a verification type")
        with store.transaction(service.pool, "Error confirming user") as conn:
            user = _verify(service, conn, _find_by_hash(service, conn, hashed, kind))
            if user is None:
                return _see_other(target, {"message": HALFWAY})
            if hashed.startswith(mails.PKCE_PREFIX):
                separator = "&" if "?" in target else "?"
                code = urlencode({"code": pkce.issue_code(conn, user)})
                return redirect(f"{target}{separator}{code}", 303)
            session = sessions.start_session(service, conn, user, "otp")
            names = ("access_token", "expires_at", "expires_in", "refresh_token", "token_type")
            return _see_other(target, {name: session[name] for name in names} | {"type": kind})
    except AuthError as error:
        name = "access_denied" if error.status < 500 else "server_error"
        return _see_other(
            target, {"error": name, "error_code": error.code, "error_description": error.message, "sb": ""}
        )


def _see_other(target: str, fragment: dict[str, Any]) -> BaseResponse:
    return redirect(f"{target}#{urlencode(fragment)}", 303)


Found = tuple[User, str, str]


def _find_by_body(service: Service, conn: Connection, body: dict[str, Any]) -> Found:
    """Return the user, the kind of mail and the token that a typed code or a hash means."""
    kind = body.get("type")
    if not kind:
        raise invalid("Verify requires a verification type")
    if body.get("token_hash"):
        return _find_by_hash(service, conn, str(body["token_hash"]), kind)
    if not body.get("email") or not body.get("token"):
        raise invalid("Only an email address or phone number should be provided on verify")
    hashed = mails.hash_code(valid_email(body["email"]), str(body["token"]))
    return _find_by_hash(service, conn, hashed, kind, expired_otp())


def _find_by_hash(
    service: Service, conn: Connection, hashed: str, kind: str, refusal: AuthError | None = None
) -> Found:
    refusal = refusal or expired_otp(INVALID_LINK)
    if kind not in (*TYPES, "email"):
        raise invalid("Unsupported verification type")
    for candidate in ("signup", "magiclink") if kind == "email" else (kind,):
        for name in (candidate, "email_change_current") if candidate == "email_change" else (candidate,):
            user = _find_by_column(conn, mails.KINDS[name].token_column, hashed)
            if user and not mails.is_expired(service, user, name):
                return user, name, hashed
    raise refusal


def _find_by_column(conn: Connection, column: str, hashed: str) -> User | None:
    for value in (hashed, mails.PKCE_PREFIX + hashed):  # a code can be typed in a PKCE flow too
        user = one(conn, f"select * from auth.users where {column} = %s and deleted_at is null for update", value)  # noqa: S608
        if user:
            return user
    return None


def _verify(service: Service, conn: Connection, found: Found) -> User | None:
    """Use a token up; None when the other address of a change has still to confirm."""
    user, kind, _ = found
    if not kind.startswith("email_change"):
        return users.confirm(conn, user, **{mails.KINDS[kind].token_column: ""})
    if service.settings.double_confirm_email_change and not user["email_change_confirm_status"]:
        store.update_user(conn, user["id"], email_change_confirm_status=1, **{mails.KINDS[kind].token_column: ""})
        return None
    user = store.update_user(
        conn,
        user["id"],
        email=user["email_change"],
        email_change="",
        email_change_token_new="",
        email_change_token_current="",
        email_change_confirm_status=0,
    )
    return users.confirm(conn, user)
