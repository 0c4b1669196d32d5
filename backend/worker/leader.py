"""A lock in Redis that makes one of several schedulers the leader."""

from __future__ import annotations

import secrets
import time

from redis import Redis

_HOLD = """
local holder = redis.call('get', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('set', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"


class LeaderLock:
    """Held by whoever set it first, until it is released or not renewed in time; known by a token of its own."""

    def __init__(self, redis: Redis, name: str, seconds: float) -> None:
        self._redis, self._name, self._seconds = redis, name, seconds
        self._token = secrets.token_hex(16)
        self._renew_at: float | None = None

    def hold(self) -> bool:
        """Take or keep the lock; True while this process leads. Asks Redis once in a sixth of the lock's time."""
        if self._renew_at is not None and time.monotonic() < self._renew_at:
            return True
        self._renew_at, asked_at = None, time.monotonic()
        if self._redis.eval(_HOLD, 1, self._name, self._token, int(self._seconds * 1000)):
            self._renew_at = asked_at + self._seconds / 6
        return self._renew_at is not None

    def doubt(self) -> None:
        """Ask Redis at the next `hold`, because something went wrong meanwhile."""
        self._renew_at = None

    def release(self) -> None:
        """Let go, if it is ours."""
        self._renew_at = None
        self._redis.eval(_RELEASE, 1, self._name, self._token)
