"""The queue towards the workers: RQ on Redis. A hint, never the truth: the row in the database decides."""

from __future__ import annotations

import socket
import sys
from datetime import UTC, datetime, timedelta

import rq
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Unreachable
from redis.exceptions import RedisError as RedisError
from redis.retry import Retry
from rq.exceptions import DuplicateJobError
from rq.job import Job
from rq.utils import utcparse

HIGH = "high"
DEFAULT = "default"
LOW = "low"
EMAILS = "emails"
MAINTENANCE = "maintenance"
QUEUES = (HIGH, DEFAULT, LOW, EMAILS, MAINTENANCE)

ALIVE_SECONDS = 75  # a worker that shows no life for so long counts as dead; an idle one does every 45 seconds
UNCONFIRMED = "scrip:unconfirmed"  # a set of reservations whose price could not be taken at once
RUN_GENERATION = "backend.worker.jobs.run_generation"
BUILD_ARCHIVE = "backend.worker.jobs.build_archive"
APPLY_STRIPE_EVENT = "backend.worker.jobs.apply_stripe_event"
TOP_UP = "backend.worker.jobs.top_up"

# Only a backstop against a job that hangs for ever: leases and each model's own time-out end it long before.
JOB_SECONDS = int(timedelta(hours=2).total_seconds())
FAILURE_SECONDS = int(timedelta(hours=1).total_seconds())


def connect(url: str, *, seconds: float = 1.0) -> Redis:
    """Return a Redis client that gives up quickly, and tries once more when a kept connection had died."""
    return Redis.from_url(
        url,
        socket_connect_timeout=seconds,
        socket_timeout=seconds,
        retry=Retry(NoBackoff(), 1, supported_errors=(Unreachable,)),
        socket_keepalive=True,
        socket_keepalive_options=_keepalive(),
        health_check_interval=0,
        driver_info=None,  # each work horse would introduce its library on four connections: eight commands a job
    )


def _keepalive() -> dict[int, int]:
    """Find a silently lost connection within two minutes, also while a worker waits on it for work."""
    if sys.platform != "linux":
        return {}
    return {socket.TCP_KEEPIDLE: 60, socket.TCP_KEEPINTVL: 15, socket.TCP_KEEPCNT: 4}


class Queue:
    """Puts work before the workers. Redis trouble raises RedisError; whoever calls decides what it means."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._listed: set[str] = set()

    def enqueue_generation(
        self, generation_id: str, attempt: int, request_id: str | None, queue: str = DEFAULT
    ) -> bool:
        """Put a generation before the workers; False when it is waiting there already."""
        return self._put(queue, f"gen-{generation_id}-{attempt}", RUN_GENERATION, generation_id, request_id)

    def enqueue_archive(self, batch_id: str) -> bool:
        """Have the results of a batch packed; False when that is waiting there already."""
        return self._put(LOW, f"zip-{batch_id}", BUILD_ARCHIVE, batch_id)

    def enqueue_stripe_event(self, event_id: str, request_id: str | None) -> bool:
        """Put an event of Stripe before the workers; False when it is waiting there already."""
        return self._put(HIGH, f"stripe-{event_id}", APPLY_STRIPE_EVENT, event_id, request_id)

    def enqueue_topup(self, user_id: str) -> bool:
        """Have credits bought for somebody; False when that is waiting there already."""
        return self._put(DEFAULT, f"topup-{user_id}", TOP_UP, user_id)

    def note_unconfirmed(self, reservation_id: str) -> None:
        """Remember a reservation that is still to be confirmed."""
        self._redis.sadd(UNCONFIRMED, reservation_id)

    def unconfirmed(self, limit: int) -> list[str]:
        """Return some of the reservations that are still to be confirmed."""
        found = self._redis.srandmember(UNCONFIRMED, limit)
        return [one.decode() for one in found if isinstance(one, bytes)] if isinstance(found, list) else []

    def forget_unconfirmed(self, reservation_id: str) -> None:
        """Its confirmation is decided."""
        self._redis.srem(UNCONFIRMED, reservation_id)

    def workers_alive(self) -> int:
        """Count the workers that have shown life lately: their keys in Redis live no longer than that."""
        keys = self._redis.smembers(rq.Worker.redis_workers_keys)
        return int(self._redis.exists(*keys)) if keys else 0

    def oldest_seconds(self) -> float:
        """Return for how long the oldest job of any queue has been waiting; 0 when all are empty."""
        with self._redis.pipeline(transaction=False) as heads:
            for name in QUEUES:
                heads.lindex(rq.Queue.redis_queue_namespace_prefix + name, 0)
            ids = [found.decode() for found in heads.execute() if found]
        with self._redis.pipeline(transaction=False) as times:
            for job_id in ids:
                times.hget(Job.key_for(job_id), "enqueued_at")
            since = [utcparse(found.decode()) for found in times.execute() if found]
        return max(((datetime.now(UTC) - one).total_seconds() for one in since), default=0.0)

    def ping(self) -> None:
        """Raise RedisError unless Redis answers."""
        self._redis.ping()

    def _put(self, queue: str, job_id: str, function: str, *args: str | None) -> bool:
        try:
            self._push(queue, job_id, function, *args, unique=True)
        except DuplicateJobError:
            # A record in Redis can outlive its place in the line (a worker died between taking and starting it).
            # Without this look the job would count as queued for ever.
            if self._is_waiting(queue, job_id):
                return False
            self._push(queue, job_id, function, *args, unique=False)
        return True

    def _push(self, queue: str, job_id: str, function: str, *args: str | None, unique: bool) -> None:
        # A job that must be the only one is put by one script of RQ's. What comes before it, in a trip of its own, only
        # lists the queue's name for RQ's own tools: once per process will do. RQ has no argument that leaves it out:
        # it writes it into a pipeline that it is given, which is never sent, and runs the script at once all the same.
        skipped = self._redis.pipeline() if unique and queue in self._listed else None
        rq.Queue(queue, connection=self._redis).enqueue(
            function,
            *args,
            job_id=job_id,
            unique=unique,
            job_timeout=JOB_SECONDS,
            result_ttl=0,
            failure_ttl=FAILURE_SECONDS,
            description=job_id,
            pipeline=skipped,
        )
        self._listed.add(queue)

    def _is_waiting(self, queue: str, job_id: str) -> bool:
        return self._redis.lpos(rq.Queue.redis_queue_namespace_prefix + queue, job_id) is not None
