"""Counts what a system asks of Redis, as Redis itself sees it: MONITOR tells every command, and what scripts run."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import redis


@dataclass(frozen=True)
class Lap:
    """What was asked in so many seconds: commands as they were sent, and those that scripts ran inside."""

    seconds: float
    sent: Counter[str]
    workers: int
    in_scripts: int


class RedisMeter:
    """Watches from now on; not through a restart of Redis."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(url, socket_timeout=5, client_name="meter")
        # Without a time-out of its own the library gives up after seconds in which nobody asks for anything.
        self._watching = redis.Redis.from_url(url, client_name="meter", socket_timeout=None).monitor()
        self._watching.__enter__()
        self._seen: list[tuple[str, str]] = []
        self._names: dict[str, str] = {}
        self._at = time.monotonic()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def lap(self) -> Lap:
        """Return what was asked since the last lap. RQ gives connections of its workers a name.

        Raises redis.ConnectionError when the watch was lost, for then nothing is known.
        """
        if not self._watcher.is_alive():
            raise redis.ConnectionError("Redis closed the connection that counts its commands")
        clients: Any = self._redis.client_list()
        self._names |= {str(entry["addr"]): str(entry["name"]) for entry in clients}
        seen, self._seen = self._seen, []
        now, began = time.monotonic(), self._at
        self._at = now
        sent = [(who, command) for who, command in seen if who != "lua" and self._names.get(who) != "meter"]
        return Lap(
            seconds=now - began,
            sent=Counter(command for _, command in sent),
            workers=sum(bool(self._names.get(who)) for who, _ in sent),
            in_scripts=sum(who == "lua" for who, _ in seen),
        )

    def stop(self) -> None:
        """Watch no longer."""
        with suppress(redis.RedisError, OSError):
            self._watching.__exit__(None, None, None)

    def _watch(self) -> None:
        with suppress(redis.RedisError, OSError, ValueError, AttributeError):  # the end of the connection
            for told in self._watching.listen():
                who = "lua" if told["client_type"] == "lua" else f"{told['client_address']}:{told['client_port']}"
                self._seen.append((who, str(told["command"]).split(" ", 1)[0].upper()))
