"""Guards, attached to a blueprint where it is registered, and who is asking."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import cast

import structlog
from flask import current_app, g, request

from backend.errors import AppError, Forbidden, Unauthenticated
from backend.rpc.admin import admin_check_role
from backend.rpc.client import Caller
from backend.web.context import deps
from backend.web.limits import count
from backend.web.tokens import Tokens, User

FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-Ip")
PRIVATE = [
    ip_network(one)
    for one in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7", "fe80::/10")
]


def public() -> None:
    """Let everyone in."""


def user() -> None:
    """Let signed-in users in."""
    if request.method == "OPTIONS":  # a browser's preflight carries no token
        return
    try:
        g.user = tokens().verify(_bearer())
    except Unauthenticated:
        count()  # by address. Only failures, so that who shares one with somebody who guesses can still work
        raise
    structlog.contextvars.bind_contextvars(user_id=g.user.id)


def _role(needed: str) -> Callable[[], None]:
    """Return a guard that lets in who has this role or a higher one, looked up in the database on each request."""

    def guard() -> None:
        user()
        if request.method == "OPTIONS":
            return
        count()  # before the database is asked, so that nobody can make it work by guessing
        asked = f"{request.method} {request.path}".replace("\0", "%00")  # no text in the database holds a NUL
        admin_check_role(current_caller(), role=needed, request=asked)

    return guard


support, admin, owner = map(_role, ("support", "admin", "owner"))


def ops() -> None:
    """Let whoever watches this installation in: by METRICS_TOKEN, or without one from its own network."""
    token = deps().settings.metrics_token
    try:
        if token is None:
            _refuse_strangers()
        elif not hmac.compare_digest(_bearer().encode(), token.get_secret_value().encode()):
            raise Unauthenticated("The bearer token is not METRICS_TOKEN.")
    except AppError:
        count()
        raise


def _refuse_strangers() -> None:
    # A proxy that nobody told us of stands in the private network as well, with anybody behind it.
    hidden = not deps().settings.trusted_proxies and any(name in request.headers for name in FORWARDED)
    try:
        near = any(ip_address(request.remote_addr or "") in network for network in PRIVATE)
    except ValueError:
        near = False
    if hidden or not near:
        raise Forbidden("Metrics are for this network only: set METRICS_TOKEN to read them from elsewhere.")


ADMINS = (support, admin, owner)
GUARDS = (public, user, ops, *ADMINS)


def tokens() -> Tokens:
    """Return the verifier of this process."""
    return cast(Tokens, current_app.extensions["tokens"])


def current_user() -> User:
    """Return the signed-in user of this request."""
    return cast(User, g.user)


def current_caller() -> Caller:
    """Return the way to the database that acts as the signed-in user."""
    return deps().rpc.as_user(current_user().token, client_ip=request.remote_addr)


def _bearer() -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("Sign in and send the access token as a bearer token.")
    return token.strip()
