"""Guards, attached to a blueprint where it is registered, and who is asking."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import structlog
from flask import current_app, g, request

from backend.errors import Unauthenticated
from backend.rpc.admin import admin_check_role
from backend.rpc.client import Caller
from backend.web.context import deps
from backend.web.limits import count
from backend.web.tokens import Tokens, User


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
        admin_check_role(current_caller(), role=needed)

    return guard


support, admin, owner = map(_role, ("support", "admin", "owner"))

ADMINS = (support, admin, owner)
GUARDS = (public, user, *ADMINS)


def tokens() -> Tokens:
    """Return the verifier of this process."""
    return cast(Tokens, current_app.extensions["tokens"])


def current_user() -> User:
    """Return the signed-in user of this request."""
    return cast(User, g.user)


def current_caller() -> Caller:
    """Return the way to the database that acts as the signed-in user."""
    return deps().rpc.as_user(current_user().token)


def _bearer() -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("Sign in and send the access token as a bearer token.")
    return token.strip()
