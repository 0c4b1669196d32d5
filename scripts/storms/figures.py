"""Figures of a system at work: how long generations wait for a worker, and how much the queue asks of Redis."""

from __future__ import annotations

import time
from typing import Any

import redis

from scripts.storms.stack import StormStack

# From being ready for a worker (not waiting for a slot of its user, nor for a back-off) to its first start.
WAITS = """
select extract(epoch from started.at - ready.at)
from (select generation_id, min(at) as at from storm.history
      where status = 'queued' and attempt = 0 and dispatch_at < 'infinity' group by 1) ready
join (select generation_id, min(at) as at from storm.history
      where status = 'running' group by 1) started using (generation_id)
join public.generations g on g.id = generation_id
where g.created_at >= %s and g.created_at < %s and started.at >= ready.at
order by 1
"""


def waits(stack: StormStack, since: Any, until: Any) -> dict[str, float]:
    """Return the median and the 99th percentile of enqueue-to-start in seconds, of what was created in between."""
    found = [float(row[0]) for row in stack.patiently(WAITS, (since, until))]
    if not found:
        return {}
    return {name: round(found[min(len(found) - 1, int(len(found) * share))], 3) for name, share in SHARES.items()}


SHARES = {"p50": 0.5, "p99": 0.99}


class RedisMeter:
    """Counts the commands that others send to Redis."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(url, socket_timeout=5, client_name="meter")
        self._total, self._clients = self._read()
        self._at = time.monotonic()

    def lap(self) -> dict[str, float]:
        """Return the commands since the last lap: all, those of workers, those of the others; and the seconds."""
        total, clients = self._read()
        at = time.monotonic()
        grown = {key: count - self._clients.get(key, 0) for key, count in clients.items()}
        by_workers = sum(count for (_, name), count in grown.items() if name)
        found = {"all": total - self._total - 2, "workers": by_workers, "seconds": at - self._at}
        self._total, self._clients, self._at = total, clients, at
        return found

    def _read(self) -> tuple[int, dict[tuple[str, str], int]]:
        """All commands, and those of each connection that is still open; RQ gives its workers' connections a name."""
        statistics: Any = self._redis.info("commandstats")
        clients: Any = self._redis.client_list()
        total = sum(int(entry["calls"]) for entry in statistics.values())
        mine = {(entry["id"], entry["name"]): int(entry.get("tot-cmds", 0)) for entry in clients}
        return total, {key: count for key, count in mine.items() if key[1] != "meter"}
