"""One-time tokens and the mails that carry them."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlencode, urlsplit

from flask import request

from scripts.local.supabase.auth import store
from scripts.local.supabase.auth.errors import AuthError
from scripts.local.supabase.auth.sessions import Service
from scripts.local.supabase.auth.store import Connection, User

PKCE_PREFIX = "pkce_"


@dataclass(frozen=True)
class Kind:
    """One kind of mail: where its token is kept, and what it says."""

    token_column: str
    sent_column: str
    subject: str
    action: str


KINDS = {
    "signup": Kind("confirmation_token", "confirmation_sent_at", "Confirm your email", "Confirm your email address"),
    "invite": Kind("confirmation_token", "confirmation_sent_at", "You have been invited", "Accept the invite"),
    "magiclink": Kind("recovery_token", "recovery_sent_at", "Your magic link", "Log in"),
    "recovery": Kind("recovery_token", "recovery_sent_at", "Reset your password", "Reset password"),
    "email_change": Kind("email_change_token_new", "email_change_sent_at", "Confirm email change", "Change email"),
    "email_change_current": Kind(
        "email_change_token_current", "email_change_sent_at", "Confirm email change", "Change email"
    ),
}


@dataclass(frozen=True)
class OneTimeToken:
    """A code to type, and the hash of it that a link carries."""

    code: str
    hashed: str


def hash_code(address: str, code: str) -> str:
    """Return what is stored of a code that was sent to an address."""
    return hashlib.sha224((address + code).encode()).hexdigest()


def new_token(address: str, *, pkce: bool = False) -> OneTimeToken:
    """Make a code of six digits."""
    code = f"{secrets.randbelow(1_000_000):06}"
    return OneTimeToken(code, (PKCE_PREFIX if pkce else "") + hash_code(address, code))


def send(
    service: Service, conn: Connection, user: User, kind: str, *, pkce: bool = False, address: str | None = None
) -> User:
    """Store a new token with the user and send it; too soon after the last one is refused."""
    wait_for_interval(service, user, KINDS[kind].sent_column)
    return send_now(service, conn, user, kind, pkce=pkce, address=address)


def send_now(
    service: Service, conn: Connection, user: User, kind: str, *, pkce: bool = False, address: str | None = None
) -> User:
    """Store a new token with the user and send it."""
    address = address or user["email"]
    token = new_token(address, pkce=pkce)
    user = store_token(conn, user, kind, token)
    link = action_link(service, kind.removesuffix("_current"), token, redirect_target(service))
    text = f"{KINDS[kind].action}: {link}\n\nOr enter the code: {token.code}\n"
    service.inbox.deliver(address, KINDS[kind].subject, text, _html(KINDS[kind].action, link, token.code))
    return user


def store_token(conn: Connection, user: User, kind: str, token: OneTimeToken, **columns: Any) -> User:
    """Keep a token's hash with the user."""
    where = KINDS[kind]
    values = {where.token_column: token.hashed, where.sent_column: datetime.now(UTC), **columns}
    return store.update_user(conn, user["id"], **values)


def wait_for_interval(service: Service, user: User, sent_column: str) -> None:
    """Refuse a second mail right after the first."""
    if user[sent_column] is None:
        return
    pause = timedelta(seconds=service.settings.email_interval) - (datetime.now(UTC) - user[sent_column])
    if pause > timedelta(0):
        seconds = int(pause.total_seconds()) + 1
        message = f"For security purposes, you can only request this after {seconds} seconds."
        raise AuthError(429, "over_email_send_rate_limit", message)


def is_expired(service: Service, user: User, kind: str) -> bool:
    """Tell whether the last token of a kind is too old."""
    sent = user[KINDS[kind].sent_column]
    return sent is None or sent + timedelta(seconds=service.settings.otp_expiry) < datetime.now(UTC)


def action_link(service: Service, kind: str, token: OneTimeToken, redirect_to: str) -> str:
    """Return the link that a mail carries."""
    query = urlencode({"token": token.hashed, "type": kind, "redirect_to": redirect_to})
    return f"{service.settings.url}/auth/v1/verify?{query}"


def redirect_target(service: Service, wanted: str | None = None) -> str:
    """Return where a link ends: the address asked for if it is allowed, else the site."""
    from_query = wanted or request.args.get("redirect_to")
    settings = service.settings
    if not from_query:
        return settings.site_url
    same_host = urlsplit(from_query).hostname == urlsplit(settings.site_url).hostname
    allowed = same_host or any(fnmatchcase(from_query, pattern) for pattern in settings.redirect_urls)
    return from_query if allowed else settings.site_url


def _html(action: str, link: str, code: str) -> str:
    return (
        f'<h2>{action}</h2><p><a href="{link.replace("&", "&amp;")}">{action}</a></p>'
        f"<p>Or enter the code: <strong>{code}</strong></p>"
    )
