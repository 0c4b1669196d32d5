"""Supabase access tokens, verified locally against the project's public keys."""

from __future__ import annotations

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


@dataclass(frozen=True)
class User:
    """The owner of a verified access token."""

    id: str
    email: str | None
    role: str | None
    token: str = field(repr=False)


class Tokens:
    """Turns a bearer token into the user that it proves."""

    def __init__(self, settings: Settings, keys: Keys | None = None) -> None:
        self._issuer = settings.issuer
        self._legacy = settings.jwt_secret
        self.keys = keys or Keys(settings.issuer)

    def check(self) -> None:
        """Raise Unavailable unless tokens can be verified."""
        if not self.keys.current() and not self._legacy:
            raise Unavailable

    def verify(self, token: str) -> User:
        """Return the token's user, or raise Unauthenticated; an outage of the key server is Unavailable."""
        try:
            return _user(token, self._claims(token))
        except jwt.ExpiredSignatureError as error:
            raise Unauthenticated("The access token has expired: refresh it.", reason="expired") from error
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            log.info("token_refused", reason=type(error).__name__)
            raise Unauthenticated from error

    def _claims(self, token: str) -> dict[str, Any]:
        header = jwt.get_unverified_header(token)
        if header.get("alg") == "HS256" and self._legacy:
            return self._decode(token, self._legacy.get_secret_value(), ["HS256"])
        if header.get("alg") not in ALGORITHMS:
            raise jwt.InvalidAlgorithmError
        return self._decode(token, self.keys.find(str(header.get("kid"))), ALGORITHMS)

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
