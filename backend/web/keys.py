"""The public keys that sign the project's access tokens."""

from __future__ import annotations

import threading
import time

import jwt
import structlog
from jwt import PyJWK, PyJWKClient

from backend.errors import Unauthenticated, Unavailable

log = structlog.get_logger(__name__)


class Keys:
    """The project's public keys: refreshed every five minutes, and the last good set kept while that fails."""

    def __init__(self, issuer: str, *, lifespan: float = 300, cooldown: float = 30, timeout: float = 3) -> None:
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
