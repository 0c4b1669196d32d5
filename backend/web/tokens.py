"""Supabase access tokens, verified locally against the project's public keys."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import jwt
import structlog
from jwt import PyJWK, PyJWKClient

from backend.config import Settings
from backend.errors import Unauthenticated, Unavailable

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


class Keys:
    """The project's public keys: refreshed every ten minutes, and the last good set kept while that fails."""

    def __init__(self, issuer: str, *, lifespan: float = 600, cooldown: float = 30, timeout: float = 3) -> None:
        self._client = PyJWKClient(f"{issuer}/.well-known/jwks.json", cache_jwk_set=False, timeout=timeout)
        self._lifespan, self._cooldown = lifespan, cooldown
        self._lock = threading.Lock()
        self._keys: dict[str, PyJWK] | None = None
        self._fetched = self._tried = float("-inf")
        self._failed = False

    def find(self, kid: str) -> PyJWK:
        """Return the key of this id; Unavailable while nobody can tell, Unauthenticated when there is none."""
        keys = self.current()
        if kid not in keys:
            keys = self._refreshed(older_than=self._cooldown, wait=True) or keys
        if kid in keys:
            return keys[kid]
        if self._failed:
            raise Unavailable
        raise Unauthenticated

    def current(self) -> dict[str, PyJWK]:
        """Return the keys, by id; Unavailable when none could be had yet."""
        # One thread fetches. Who holds an old set goes on with it; who holds none waits for the outcome.
        keys = self._refreshed(older_than=self._lifespan, wait=self._keys is None)
        if keys is None:
            raise Unavailable
        return keys

    def _refreshed(self, older_than: float, *, wait: bool) -> dict[str, PyJWK] | None:
        if self._due(older_than) and self._lock.acquire(blocking=wait):
            try:
                if self._due(older_than):
                    self._fetch()
            finally:
                self._lock.release()
        return self._keys

    def _due(self, older_than: float) -> bool:
        now = time.monotonic()
        # After a failure wait a little, or every request would wait for the time-out of its own.
        rested = now - self._tried > min(self._cooldown, 5)
        return rested and now - self._fetched > older_than

    def _fetch(self) -> None:
        try:
            found = self._client.get_jwk_set().keys
            self._keys = {key.key_id: key for key in found if key.key_id and key.public_key_use in ("sig", None)}
            self._fetched, self._failed = time.monotonic(), False
        except jwt.PyJWKSetError:
            # The server answered and lists no key: a project on the legacy secret, unless we know better.
            self._keys, self._fetched, self._failed = self._keys or {}, time.monotonic(), False
        except (jwt.PyJWTError, OSError, ValueError) as error:
            self._failed = True
            log.warning("jwks_unavailable", reason=str(error), kept=self._keys is not None)
        finally:
            # Last, so that those who wait for the first set go on waiting until it is there.
            self._tried = time.monotonic()


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
