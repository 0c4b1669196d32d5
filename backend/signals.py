"""Waking one process from another, through Redis: a short-lived list per key that the waiting side pops.

One command per wait and one per signal. A hint: a lost signal costs the rest of the wait, nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog
from redis import Redis
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

LONGEST_WAIT = 10.0
KEPT_SECONDS = 60  # a signal that nobody waits for
AWAY_SECONDS = 30.0  # after a failure waits are plain sleeps for so long

_SEND = "redis.call('lpush', KEYS[1], '1') redis.call('ltrim', KEYS[1], 0, 0) redis.call('expire', KEYS[1], ARGV[1])"


class Signals:
    """Signals by key. `waiting` is a connection with time-outs above LONGEST_WAIT, `sending` an impatient one."""

    def __init__(self, sending: Redis, waiting: Redis) -> None:
        self._sending, self._waiting = sending, waiting
        self._away_until = 0.0

    def send(self, key: str) -> None:
        """Wake whoever waits for this key, or let the next wait end at once; does nothing while Redis is away."""
        try:
            self._sending.eval(_SEND, 1, _name(key), KEPT_SECONDS)
        except RedisError as error:
            log.warning("signal_not_sent", error=str(error))

    def wait(self, key: str, seconds: float, sleep: Callable[[float], object] = time.sleep) -> bool:
        """Wait for a signal, at most `seconds`; True when it came. Without Redis it is a plain `sleep`."""
        until = time.monotonic() + seconds
        if time.monotonic() >= self._away_until:
            try:
                return self._waiting.blpop([_name(key)], timeout=max(0.01, min(seconds, LONGEST_WAIT))) is not None
            except RedisError as error:
                self._away_until = time.monotonic() + AWAY_SECONDS
                log.warning("signals_away", error=str(error))
        sleep(max(0.0, until - time.monotonic()))
        return False


def _name(key: str) -> str:
    return f"scrip:signal:{key}"
