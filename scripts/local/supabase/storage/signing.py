"""Tokens of signed URLs: HS256, naming the one object that they open."""

from __future__ import annotations

import time
from typing import Any

import jwt

from scripts.local.supabase.keys import Keys
from scripts.local.supabase.storage.errors import StorageError, invalid, invalid_token

UPLOAD_SECONDS = 2 * 3600


def seconds_of(value: Any) -> int:
    """Return `expiresIn`, which one of the clients sends as text."""
    try:
        seconds = int(value)
    except (TypeError, ValueError):
        raise invalid("body/expiresIn must be integer") from None
    if seconds < 1:
        raise invalid("body/expiresIn must be >= 1")
    return seconds


def sign(keys: Keys, url: str, seconds: int, **more: Any) -> str:
    """Return a token for one object, named `bucket/path`."""
    now = int(time.time())
    return jwt.encode({"url": url, **more, "iat": now, "exp": now + seconds}, keys.jwt_secret, algorithm="HS256")


def check(keys: Keys, token: str, url: str) -> dict[str, Any]:
    """Return the claims of a token, if it is for this object and still good."""
    try:
        claims: dict[str, Any] = jwt.decode(token, keys.jwt_secret, algorithms=["HS256"], options={"require": ["exp"]})
    except jwt.ExpiredSignatureError:
        raise invalid_token('"exp" claim timestamp check failed') from None
    except jwt.InvalidTokenError as error:
        raise invalid_token(str(error)) from None
    if claims.get("url") != url:
        raise StorageError(400, "InvalidSignature", "InvalidSignature", "Invalid signature")
    return claims


def signed_path(kind: str, url: str, token: str) -> str:
    """Return the relative URL that clients add to the Storage API's address; they encode it themselves."""
    return f"/object/{kind}/{url}?token={token}"
