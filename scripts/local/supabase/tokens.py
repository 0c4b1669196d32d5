"""Signing and verifying the stack's JSON Web Tokens."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Any

import jwt
from jwt import PyJWK
from jwt.types import Options

from scripts.local.supabase.keys import Keys

# Times are checked on every use, after the cache of verified tokens; the services look at the other claims.
UNCHECKED: Options = {
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}


class TokenError(Exception):
    """The token cannot be trusted; the text says why."""


class TokenTimeError(TokenError):
    """The token is genuine, but it is not the time for it."""


class Tokens:
    """Signs users' tokens with ES256 and trusts these and the legacy secret's HS256."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._signing_key = PyJWK(keys.signing_key)
        self._verified = lru_cache(maxsize=1024)(self._verify_signature)

    def sign(self, claims: dict[str, Any]) -> str:
        """Return a user's access token."""
        return jwt.encode(claims, self._signing_key.key, algorithm="ES256", headers={"kid": self._signing_key.key_id})

    def verify(self, token: str, *, leeway: float = 0) -> dict[str, Any]:
        """Return the claims of a genuine token that is valid now."""
        claims = self._verified(token)
        _check_times(claims, time.time(), leeway)
        return claims

    def _verify_signature(self, token: str) -> dict[str, Any]:
        if token.count(".") != 2:
            raise TokenError(f"Expected 3 parts in JWT; got {token.count('.') + 1}")
        try:
            key, algorithm = self._key_for(jwt.get_unverified_header(token))
            return jwt.decode(token, key, algorithms=[algorithm], options=UNCHECKED)
        except jwt.InvalidSignatureError as error:
            raise TokenError("JWT cryptographic operation failed") from error
        except jwt.InvalidTokenError as error:
            raise TokenError(str(error)) from error

    def _key_for(self, header: dict[str, Any]) -> tuple[Any, str]:
        if header.get("alg") not in ("HS256", "ES256"):
            raise TokenError("Wrong or unsupported encoding algorithm")
        if header["alg"] == "HS256":
            return self._keys.jwt_secret, "HS256"
        if header.get("kid") == self._signing_key.key_id:
            return self._signing_key.key, "ES256"
        raise TokenError("No suitable key or wrong key type")


def _check_times(claims: dict[str, Any], now: float, leeway: float) -> None:
    for name in ("exp", "nbf", "iat"):
        if name in claims and not isinstance(claims[name], int | float):
            raise TokenError(f"The JWT '{name}' claim must be a number")
    if "exp" in claims and now > claims["exp"] + leeway:
        raise TokenTimeError("JWT expired")
    if "nbf" in claims and now + leeway < claims["nbf"]:
        raise TokenTimeError("JWT not yet valid")
    if "iat" in claims and now + leeway < claims["iat"]:
        raise TokenTimeError("JWT issued at future")
