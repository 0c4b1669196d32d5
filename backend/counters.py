"""Counts in fixed windows: in Redis, where all processes see them, or in this process while Redis is away."""

from __future__ import annotations

import time
from collections.abc import Mapping

import structlog
from limits.storage import MemoryStorage
from redis import Redis
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

AWAY_SECONDS = 2.0  # for so long nobody waits for a Redis that has failed

COUNT = """
local found = {}
for number, key in ipairs(KEYS) do
  local counted, left = redis.call('incr', key), redis.call('pttl', key)
  if left < 0 then
    left = ARGV[number] * 1000
    redis.call('pexpire', key, left)
  end
  found[number] = {counted, left}
end
return found
"""


class Counters:
    """Counters that begin anew when their window ends."""

    def __init__(self, redis: Redis) -> None:
        self._count = redis.register_script(COUNT)
        self._here, self._away_until = MemoryStorage(), 0.0

    def count(self, windows: Mapping[str, int]) -> list[tuple[int, float]]:
        """Add one to each of these counters, given with the seconds of their windows, in one command.

        Returns the figures and the seconds that are left of the windows.
        """
        if time.monotonic() >= self._away_until:
            try:
                return [(n, ms / 1000) for n, ms in self._count([*windows], [*windows.values()])]
            except RedisError as error:
                log.warning("counting_without_redis", reason=type(error).__name__)
                self._away_until = time.monotonic() + AWAY_SECONDS
        return [
            (self._here.incr(name, seconds), self._here.get_expiry(name) - time.time())
            for name, seconds in windows.items()
        ]
