"""The Auth API's paths for users; those for administrators are in `admin`, those of mails in `verification`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, jsonify, request

from scripts.local.supabase.auth import admin, pkce, sessions, store, users, verification
from scripts.local.supabase.auth.caller import json_body, require_user
from scripts.local.supabase.auth.errors import API_VERSION, AuthError, OAuthError, invalid, not_local, uses_new_api
from scripts.local.supabase.auth.passwords import check_password
from scripts.local.supabase.auth.sessions import Service

JWKS_CACHE = "public, max-age=600"
ABSENT = {
    "authorize": "Sign-in with an OAuth provider is",
    "callback": "Sign-in with an OAuth provider is",
    "sso": "Single sign-on is",
    "factors": "Multi-factor authentication is",
    "reauthenticate": "Reauthentication is",
    "admin": "This part of the admin API is",
    "user": "Linking identities is",
    "oauth": "The OAuth server is",
    "passkeys": "Sign-in with passkeys is",
}


def auth_blueprint(service: Service, public_jwk: dict[str, Any]) -> Blueprint:
    """Return the service that answers under /auth/v1."""
    blueprint = Blueprint("auth", __name__, url_prefix="/auth/v1")
    blueprint.register_error_handler(AuthError, AuthError.response)
    blueprint.register_error_handler(OAuthError, OAuthError.response)
    blueprint.after_request(_echo_version)
    _add_public_routes(blueprint, service, public_jwk)
    _add_session_routes(blueprint, service)
    verification.add_routes(blueprint, service)
    admin.add_routes(blueprint, service)

    @blueprint.route("/<path:path>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    def unknown(path: str) -> Response:
        first = path.split("/")[0]
        if first in ABSENT:
            raise not_local(ABSENT[first])
        raise AuthError(404, "not_found", "404 page not found")

    return blueprint


def _add_public_routes(blueprint: Blueprint, service: Service, public_jwk: dict[str, Any]) -> None:
    settings = service.settings

    @blueprint.get("/health")
    def health() -> Response:
        return jsonify(version="local", name="GoTrue", description="A local stand-in for the Supabase Auth API")

    @blueprint.get("/.well-known/jwks.json")
    def jwks() -> Response:
        response = jsonify(keys=[public_jwk])
        response.headers["Cache-Control"] = JWKS_CACHE
        return response

    @blueprint.get("/settings")
    def show_settings() -> Response:
        external = {"email": True, "phone": False, "anonymous_users": settings.allow_anonymous}
        return jsonify(
            external=external,
            disable_signup=not settings.allow_signup,
            mailer_autoconfirm=not settings.confirm_email,
            phone_autoconfirm=False,
            sms_provider="",
            saml_enabled=False,
        )


def _add_session_routes(blueprint: Blueprint, service: Service) -> None:
    grants: dict[str, Callable[[Service, dict[str, Any]], dict[str, Any]]] = {
        "password": _password_grant,
        "refresh_token": _refresh_grant,
        "pkce": pkce.exchange_code,
    }

    @blueprint.post("/signup")
    def signup() -> Response:
        return jsonify(users.sign_up(service, json_body()))

    @blueprint.post("/token")
    def token() -> Response:
        grant = request.args.get("grant_type", "")
        if grant in ("id_token", "web3"):
            raise not_local(f"The grant type {grant} is")
        if grant not in grants:
            raise AuthError(400, "invalid_credentials", "unsupported_grant_type")
        return jsonify(grants[grant](service, json_body()))

    @blueprint.get("/user")
    def get_user() -> Response:
        with store.transaction(service.pool) as conn:
            return jsonify(store.user_json(conn, require_user(service, conn).user))

    @blueprint.put("/user")
    def put_user() -> Response:
        return jsonify(users.update_self(service, json_body()))

    @blueprint.post("/logout")
    def logout() -> tuple[str, int]:
        with store.transaction(service.pool) as conn:
            caller = require_user(service, conn)
            scope = request.args.get("scope", "global")
            sessions.end_sessions(conn, caller.user["id"], caller.session_id, scope)
        return "", 204


def _password_grant(service: Service, body: dict[str, Any]) -> dict[str, Any]:
    if body.get("phone"):
        raise AuthError(400, "phone_provider_disabled", "Phone logins are disabled")
    if not body.get("email"):
        raise invalid("missing email or phone")
    with store.transaction(service.pool, "Database error granting user") as conn:
        user = store.find_by_email(conn, str(body["email"]).strip().lower())
        if user is None or not check_password(str(body.get("password") or ""), user["encrypted_password"]):
            raise AuthError(400, "invalid_credentials", "Invalid login credentials")
        if user["email_confirmed_at"] is None:
            raise AuthError(400, "email_not_confirmed", "Email not confirmed")
        return sessions.start_session(service, conn, user, "password")


def _refresh_grant(service: Service, body: dict[str, Any]) -> dict[str, Any]:
    if not body.get("refresh_token"):
        raise OAuthError("invalid_request", "refresh_token required")
    return sessions.refresh_session(service, str(body["refresh_token"]))


def _echo_version(response: Response) -> Response:
    if uses_new_api():
        response.headers["X-Supabase-Api-Version"] = API_VERSION
    return response
