"""Looking at the queue and steering it: what admins and metrics see of RQ, and the orders that workers follow.

Orders stand in one hash in Redis: `paused:<queue>` and `drain:<worker>`. A worker reads it before each wait for work,
and waits on a list of its own beside the queues, so that whoever gives an order can wake it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import rq
from redis import Redis
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.job import Job
from rq.registry import FailedJobRegistry, StartedJobRegistry
from rq.worker_registration import REDIS_WORKER_KEYS

from backend.queue import QUEUES

ORDERS = "scrip:orders"
ERRORS = "scrip:provider_errors"  # a hash: provider and code -> how often
WAKE = "wake-"  # and the worker's name: the list that it waits on beside the queues
WAKE_SECONDS = 60  # a worker that is busy for longer reads its orders anyway before it waits again

Json = dict[str, Any]


@dataclass(frozen=True)
class Orders:
    """What a worker has been told."""

    paused: frozenset[str]
    draining: frozenset[str]


class Control:
    """The queue as its operator sees it. Redis trouble raises RedisError; KeyError: there is no such thing."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def orders(self) -> Orders:
        """Return the orders in force; one command."""
        return _orders(self._redis.hgetall(ORDERS))

    def pause(self, queue: str, *, dry_run: bool = False) -> None:
        """Let no worker take from this queue from now on."""
        order, workers = f"paused:{_known(queue)}", self._alive()
        if not dry_run:
            self._order(order, workers)

    def resume(self, queue: str, *, dry_run: bool = False) -> None:
        """Let workers take from this queue again."""
        order, workers = f"paused:{_known(queue)}", self._alive()
        if not dry_run:
            self._redis.hdel(ORDERS, order)
            self._wake(workers)

    def drain(self, worker: str, *, dry_run: bool = False) -> None:
        """Let this worker finish its job, and then exit."""
        if worker not in self._alive():
            raise KeyError(worker)
        if not dry_run:
            self._order(f"drain:{worker}", [worker])

    def drained(self, worker: str) -> None:
        """Forget the order; the worker is leaving."""
        self._redis.hdel(ORDERS, f"drain:{worker}")

    def look(self) -> Json:
        """Return {queues, workers, provider_errors} in two round trips."""
        steps = self._redis.pipeline(transaction=False)
        for name in QUEUES:
            steps.llen(_line(name))
            steps.lindex(_line(name), 0)
            steps.zcard(StartedJobRegistry(name, self._redis).key)
            steps.zcard(FailedJobRegistry(name, self._redis).key)
        steps.smembers(REDIS_WORKER_KEYS)
        steps.hgetall(ORDERS)
        steps.hgetall(ERRORS)
        *counts, keys, given, errors = steps.execute()
        heads, names = counts[1::4], sorted(key.decode() for key in keys)
        for head in heads:
            steps.hget(Job.key_for(head.decode() if head else ""), "enqueued_at")
        for name in names:
            steps.hmget(name, "state", "current_job", "queues", "last_heartbeat", "birth", "hostname")
        rest, orders = steps.execute(), _orders(given)
        ages = [_age(found) for found in rest[: len(QUEUES)]]
        workers = zip(names, rest[len(QUEUES) :], strict=True)
        return {
            "queues": [
                {
                    "name": name, "depth": counts[4 * n], "oldest_seconds": ages[n], "started": counts[4 * n + 2],
                    "failed": counts[4 * n + 3], "paused": name in orders.paused,
                }
                for n, name in enumerate(QUEUES)
            ],
            "workers": [_worker(_name(key), found, orders) for key, found in workers if found[0]],
            "provider_errors": {field.decode(): int(count) for field, count in errors.items()},
        }  # fmt: skip

    def failed(self, limit: int, offset: int) -> tuple[int, list[Json]]:
        """Return how many jobs have failed, and a page of them: those that failed first come first."""
        found = []
        for name in QUEUES:
            registry = FailedJobRegistry(name, self._redis)
            pairs = cast(list[tuple[bytes, float]], self._redis.zrange(registry.key, 0, -1, withscores=True))
            found += [(score, job_id.decode()) for job_id, score in pairs]
        page = [job_id for _, job_id in sorted(found)[offset : offset + limit]]
        jobs = Job.fetch_many(page, connection=self._redis) if page else []
        return len(found), [_failure(job) for job in jobs if job]

    def requeue(self, job_id: str, *, dry_run: bool = False) -> str:
        """Put a failed job before the workers again and return its state; one that is there already stays as it is."""
        try:
            job = Job.fetch(job_id, connection=self._redis)
            failed = FailedJobRegistry(job.origin, self._redis)
            if dry_run:
                return "queued" if job in failed else str(job.get_status(refresh=False).value)
            failed.requeue(job_id)
        except NoSuchJobError as error:
            raise KeyError(job_id) from error
        except InvalidJobOperation:
            return str(job.get_status(refresh=False).value)
        return "queued"

    def count_error(self, provider: str, code: str) -> None:
        """Count an error of a provider."""
        self._redis.hincrby(ERRORS, f"{provider}:{code}", 1)

    def _alive(self) -> list[str]:
        keys = sorted(cast(set[bytes], self._redis.smembers(REDIS_WORKER_KEYS)))
        steps = self._redis.pipeline(transaction=False)
        for key in keys:
            steps.exists(key)
        return [_name(key.decode()) for key, there in zip(keys, steps.execute(), strict=True) if there]

    def _order(self, order: str, workers: list[str]) -> None:
        self._redis.hset(ORDERS, order, datetime.now(UTC).isoformat())
        self._wake(workers)

    def _wake(self, workers: list[str]) -> None:
        steps = self._redis.pipeline(transaction=False)
        for worker in workers:
            steps.lpush(_line(wake_line(worker)), "wake")
            steps.expire(_line(wake_line(worker)), WAKE_SECONDS)
        steps.execute()


def wake_line(worker: str) -> str:
    """Return the name of the list that a worker waits on beside the queues."""
    return WAKE + worker


def is_wake(key: bytes | str) -> bool:
    """Tell whether what ended a wait was an order."""
    return (key.decode() if isinstance(key, bytes) else key).startswith(_line(WAKE))


def _known(queue: str) -> str:
    if queue not in QUEUES:
        raise KeyError(queue)
    return queue


def _line(name: str) -> str:
    return rq.Queue.redis_queue_namespace_prefix + name


def _name(key: str) -> str:
    return key.removeprefix(rq.Worker.redis_worker_namespace_prefix)


def _orders(given: Any) -> Orders:
    words = [field.decode().split(":", 1) for field in given]
    return Orders(
        frozenset(name for kind, name in words if kind == "paused"),
        frozenset(name for kind, name in words if kind == "drain"),
    )


def _time(found: bytes | None) -> datetime | None:
    return datetime.fromisoformat(found.decode()).astimezone(UTC) if found else None


def _age(enqueued_at: bytes | None) -> float:
    since = _time(enqueued_at)
    return max(0.0, (datetime.now(UTC) - since).total_seconds()) if since else 0.0


def _worker(name: str, found: list[bytes | None], orders: Orders) -> Json:
    state, job, queues, seen, birth, host = found
    return {
        "name": name, "host": (host or b"").decode(), "state": (state or b"").decode(), "job": job and job.decode(),
        "queues": [one for one in (queues or b"").decode().split(",") if one in QUEUES],
        "started_at": _time(birth), "last_seen_at": _time(seen), "draining": name in orders.draining,
    }  # fmt: skip


def _failure(job: Job) -> Json:
    result = job.latest_result()
    lines = ((result.exc_string if result else None) or "").strip().splitlines()
    return {
        "id": job.id, "queue": job.origin, "function": job.func_name, "enqueued_at": job.enqueued_at,
        "failed_at": job.ended_at, "error": lines[-1] if lines else "",
    }  # fmt: skip
