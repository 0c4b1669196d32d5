"""Supabase access tokens, verified locally against the project's public keys."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import jwt
import structlog
from jwt import PyJWK

from backend.config import Settings
from backend.errors import Unauthenticated, Unavailable
from backend.web.keys import Keys

log = structlog.get_logger(__name__)

ALGORITHMS = ["ES256", "RS256"]
AUDIENCE = "authenticated"
REQUIRED = ["exp", "iat", "sub", "aud", "iss"]
LEEWAY_SECONDS = 10
REMEMBERED = 2000


@dataclass(frozen=True)
class User:
    """The owner of a verified access token."""

    id: str
    email: str | None
    role: str | None
    token: str = field(repr=False)


@dataclass(frozen=True)
class _Verified:
    """A token that was verified, with which key, and when that ends by itself."""

    user: User
    key: PyJWK | str
    expires: float


class Tokens:
    """Turns a bearer token into the user that it proves; the last ones are remembered."""

    def __init__(self, settings: Settings, keys: Keys | None = None) -> None:
        self._issuer = settings.issuer
        self._legacy = settings.jwt_secret
        self.keys = keys or Keys(settings.issuer)
        self._known: dict[str, _Verified] = {}
        self._forgetting = threading.Lock()

    def check(self) -> None:
        """Raise Unavailable unless tokens can be verified."""
        if not self.keys.current() and not self._legacy:
            raise Unavailable

    def verify(self, token: str) -> User:
        """Return the token's user, or raise Unauthenticated; an outage of the key server is Unavailable."""
        known = self._known.get(token)
        if known and time.time() < known.expires and self._is_current(known.key):
            return known.user
        try:
            verified = self._verify(token)
        except jwt.ExpiredSignatureError as error:
            raise Unauthenticated("The access token has expired: refresh it.", reason="expired") from error
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            log.info("token_refused", reason=type(error).__name__)
            raise Unauthenticated from error
        self._remember(token, verified)
        return verified.user

    def _is_current(self, key: PyJWK | str) -> bool:
        """Whether a key still counts. Keys that were fetched anew are other objects, so all is verified again then."""
        return isinstance(key, str) or self.keys.current().get(str(key.key_id)) is key

    def _remember(self, token: str, verified: _Verified) -> None:
        with self._forgetting:
            while len(self._known) >= REMEMBERED:
                del self._known[next(iter(self._known))]  # the oldest
            self._known[token] = verified

    def _verify(self, token: str) -> _Verified:
        header = jwt.get_unverified_header(token)
        if header.get("alg") == "HS256" and self._legacy:
            return self._verified(token, self._legacy.get_secret_value(), ["HS256"])
        if header.get("alg") not in ALGORITHMS:
            raise jwt.InvalidAlgorithmError
        return self._verified(token, self.keys.find(str(header.get("kid"))), ALGORITHMS)

    def _verified(self, token: str, key: PyJWK | str, algorithms: list[str]) -> _Verified:
        claims = self._decode(token, key, algorithms)
        return _Verified(_user(token, claims), key, float(claims["exp"]))

    def _decode(self, token: str, key: PyJWK | str, algorithms: list[str]) -> dict[str, Any]:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=algorithms,
            audience=AUDIENCE,
            issuer=self._issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": REQUIRED},
        )
        return claims


def _user(token: str, claims: dict[str, Any]) -> User:
    if claims.get("role") != "authenticated":
        raise jwt.InvalidTokenError("not a user's token")
    return User(str(UUID(claims["sub"])), claims.get("email") or None, claims.get("user_role"), token)
