"""State that processes share through Redis, each change one script; a help, never the truth."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import structlog
from redis import Redis
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

AWAY_SECONDS = 5.0  # after a failure Redis is left alone for so long, since each try may cost a second


class Shared:
    """Runs scripts; answers None while Redis is away."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._away_until = 0.0

    def run(self, script: str, keys: Sequence[str], arguments: Sequence[str | int]) -> Any:
        """Return the script's answer, or None when Redis did not give one."""
        if time.monotonic() < self._away_until:
            return None
        try:
            return self._redis.eval(script, len(keys), *keys, *arguments)
        except RedisError as error:
            self._away_until = time.monotonic() + AWAY_SECONDS
            log.warning("shared_state_away", error=str(error))
            return None
