"""How often somebody may ask."""

from __future__ import annotations

import math
from ipaddress import IPv6Network, ip_address
from typing import NamedTuple, cast

from flask import Flask, Response, current_app, g, request
from limits import RateLimitItem, parse_many

from backend.deps import Deps
from backend.errors import RateLimited

HEADERS = {
    "RateLimit-Limit": "Requests that may be made in the present window.",
    "RateLimit-Remaining": "Requests that are left of it.",
    "RateLimit-Reset": "Seconds until the window ends.",
}


class Window(NamedTuple):
    """What was counted against one limit, this request included, and the seconds until that is forgotten."""

    limit: RateLimitItem
    counted: int
    left: float

    @property
    def seconds(self) -> int:
        """Whole seconds after which the limit is there again."""
        return max(1, math.ceil(self.left))


class Limits:
    """Counts every request: by user once the token is verified, by address before that.

    In fixed windows, so that Retry-After is a promise: after it the whole limit is there again.
    """

    def __init__(self, deps: Deps) -> None:
        settings = deps.settings
        self._public, self._default, self._write = (
            parse_many(text)
            for text in (settings.rate_limit_public, settings.rate_limit_default, settings.rate_limit_write)
        )
        self._counters = deps.counters

    def init_app(self, app: Flask) -> None:
        """Count what leads nowhere, and tell everybody how much is left."""
        app.extensions["limits"] = self
        app.before_request(_count_lost)
        app.after_request(_tell)

    def count(self) -> None:
        """Count this request; RateLimited when there were too many."""
        limits = self._limits()
        counted = self._counters.count({name: limit.get_expiry() for name, limit in limits.items()})
        windows = [Window(limit, *figures) for limit, figures in zip(limits.values(), counted, strict=True)]
        spent = [window for window in windows if window.counted > window.limit.amount]
        # Of several limits the answer tells of the one that somebody meets first, or waits for longest.
        if spent:
            g.window = max(spent, key=lambda window: window.left)
            raise RateLimited(retry_after=g.window.seconds, limit=str(g.window.limit))
        g.window = min(windows, key=lambda window: window.limit.amount - window.counted)

    def _limits(self) -> dict[str, RateLimitItem]:
        """Return the limits that this request falls under, by the names of their counters."""
        if "user" not in g:
            address = _address()
            return {limit.key_for("scrip", "address", address): limit for limit in self._public}
        user = g.user.id
        limits = {limit.key_for("scrip", "user", user): limit for limit in self._default}
        if request.method not in ("GET", "HEAD"):
            route = f"{request.endpoint}:{request.method}"
            limits |= {limit.key_for("scrip", route, user): limit for limit in self._write}
        return limits


def _tell(response: Response) -> Response:
    window: Window | None = g.get("window")
    if window:
        figures = (window.limit.amount, max(0, window.limit.amount - window.counted), window.seconds)
        response.headers.update(zip(HEADERS, map(str, figures), strict=True))
    return response


def count() -> None:
    """Count this request; runs after the guard of its blueprint."""
    if request.method != "OPTIONS":  # a browser's preflight is not the user's doing
        cast(Limits, current_app.extensions["limits"]).count()


def _count_lost() -> None:
    if request.url_rule is None:  # no route, so no guard
        count()


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
