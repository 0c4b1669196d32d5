"""How often somebody may ask: counted in Redis, or in this process while Redis is away."""

from __future__ import annotations

import time
from functools import cached_property
from ipaddress import IPv6Network, ip_address
from typing import Any, cast

from flask import Flask, Response, current_app, g, request
from flask_limiter import Limiter, RateLimitExceeded
from limits.errors import StorageError
from limits.storage import RedisStorage

from backend.deps import Deps
from backend.errors import RateLimited

HEADERS = {
    "RateLimit-Limit": "Requests that may be made in the present window.",
    "RateLimit-Remaining": "Requests that are left of it.",
    "RateLimit-Reset": "Seconds until the window ends.",
}


COUNT = """
local counted = redis.call('incrby', KEYS[1], ARGV[2])
local left = redis.call('ttl', KEYS[1])
if left < 0 then
  redis.call('expire', KEYS[1], ARGV[1])
  left = tonumber(ARGV[1])
end
return {counted, left}
"""


class Counters(RedisStorage):
    """Counters in Redis that take one command: what the headers tell comes along with the count."""

    STORAGE_SCHEME = ["counters"]  # noqa: RUF012  # the base class has it so

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count, and remember the figures for the rest of the request."""
        counted, left = self._count([self.prefixed_key(key)], [expiry, amount])
        g.setdefault("counted", {})[key] = (int(counted), time.time() + left)
        return int(counted)

    @cached_property
    def _count(self) -> Any:
        return self.storage.register_script(COUNT)

    def get(self, key: str) -> int:
        """Return how often was counted."""
        counted: int = g.counted[key][0] if key in g.get("counted", {}) else super().get(key)
        return counted

    def get_expiry(self, key: str) -> float:
        """Return when the window ends."""
        ends: float = g.counted[key][1] if key in g.get("counted", {}) else super().get_expiry(key)
        return ends


class Limits:
    """Counts every request: by user once the token is verified, by address before that."""

    def __init__(self, deps: Deps) -> None:
        settings = deps.settings
        # Fixed windows, so that Retry-After is a promise: after it the whole limit is there again.
        self._limiter = limiter = Limiter(
            _address,
            strategy="fixed-window",
            storage_uri="counters://",  # names the kind only, the pool knows the address
            storage_options={"connection_pool": deps.counters, "wrap_exceptions": True},  # type: ignore[dict-item]
            in_memory_fallback_enabled=True,
            swallow_errors=True,
            key_prefix="scrip",
            request_identifier=lambda: request.endpoint or "nowhere",
        )
        self._by_address = limiter.shared_limit(settings.rate_limit_public, "address")(_address_counted)
        self._by_user = limiter.shared_limit(settings.rate_limit_default, "user", key_func=_user)(_user_counted)
        self._by_route = limiter.limit(settings.rate_limit_write, key_func=_user, per_method=True)(_route_counted)

    def init_app(self, app: Flask) -> None:
        """Count what leads nowhere, and tell everybody how much is left."""
        app.extensions["limits"] = self
        app.before_request(_count_lost)
        app.after_request(self._tell)
        self._limiter.init_app(app)

    def count(self) -> None:
        """Count this request; RateLimited when there were too many."""
        try:
            if "user" not in g:
                self._by_address()
                return
            self._by_user()
            if request.method not in ("GET", "HEAD"):
                self._by_route()
        except RateLimitExceeded as error:
            raise RateLimited(retry_after=self._seconds(), limit=str(error.limit.limit)) from error

    def _seconds(self) -> int:
        """Return how long it is until the window ends."""
        current = self._limiter.current_limit
        try:
            return max(1, current.reset_at - int(time.time())) if current else 1
        except StorageError:
            return 1

    def _tell(self, response: Response) -> Response:
        current = self._limiter.current_limit
        if current:
            try:
                figures = (current.limit.amount, current.remaining, self._seconds())
            except StorageError:
                return response  # Redis went away in between
            response.headers.update(zip(HEADERS, map(str, figures), strict=True))
        return response


def count() -> None:
    """Count this request; runs after the guard of its blueprint."""
    if request.method != "OPTIONS":  # a browser's preflight is not the user's doing
        cast(Limits, current_app.extensions["limits"]).count()


def _count_lost() -> None:
    if request.url_rule is None:  # no route, so no guard
        count()


def _user() -> str:
    return cast(str, g.user.id)


def _address() -> str:
    """Return whom an address belongs to: IPv6 is handed out by the /64, and some proxies add a port."""
    given = request.remote_addr or ""
    for text in (given, given.rpartition(":")[0].strip("[]")):
        try:
            found = ip_address(text)
        except ValueError:
            continue
        return str(found if found.version == 4 else IPv6Network((int(found), 64), strict=False))
    return "unknown"


# Flask-Limiter counts calls of decorated functions, which tells them apart by name.
def _address_counted() -> None: ...
def _user_counted() -> None: ...
def _route_counted() -> None: ...
