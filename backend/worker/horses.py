"""RQ's worker with our way of stopping and of bearing an outage; each job runs in a forked process, a work horse."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime
from typing import Any

import rq
import structlog
from redis import Redis
from redis.exceptions import RedisError
from rq.exceptions import StopRequested
from rq.job import Job
from rq.worker import WorkerStatus

from backend.queue import QUEUES
from backend.worker import stopping
from backend.worker.outage import Outage

log = structlog.get_logger(__name__)

# How often an idle worker shows life in Redis: a few commands every two minutes.
IDLE_SECONDS = 120


class Worker(rq.Worker):
    """On SIGTERM it takes no new work and lets its horse finish or hand back; on a second one, hand back at once."""

    max_connection_wait_time = 5.0

    def __init__(self, redis: Redis, outage: Outage, *, grace_seconds: float) -> None:
        super().__init__(QUEUES, connection=redis, worker_ttl=IDLE_SECONDS)
        self.asked_to_stop = False
        self._outage = outage
        self._grace_seconds = grace_seconds
        self._own_pid = os.getpid()

    def subscribe(self) -> None:
        """Skip RQ's command channel: nobody uses it, and a thread must not be running when the worker forks."""

    def unsubscribe(self) -> None:
        """Nothing was subscribed to."""

    def request_stop(self, signum: int, frame: Any) -> None:
        """Stop after the work in progress; called on SIGTERM and Ctrl-C, and on every further one."""
        log.info("worker_stopping", busy=bool(self.horse_pid), again=self.asked_to_stop)
        self.asked_to_stop = self._stop_requested = True
        self._shutdown_requested_date = datetime.now(UTC)
        self._tell_horse()
        if self.get_state() != WorkerStatus.BUSY:
            raise StopRequested

    def fork_work_horse(self, job: Job, queue: rq.Queue) -> None:
        """Fork, and pass on a signal that came meanwhile."""
        super().fork_work_horse(job, queue)
        if self.asked_to_stop:
            self._tell_horse()

    def setup_work_horse_signals(self) -> None:
        """Let the horse hear of a stop instead of dying of it."""
        stopping.prepare_horse(self._own_pid, self._grace_seconds, requested=self.asked_to_stop)

    def heartbeat(self, *args: Any, **kwargs: Any) -> None:
        """Show life; the first thing to fail when Redis is away, and RQ itself tries it again and again."""
        try:
            super().heartbeat(*args, **kwargs)
        except RedisError as error:
            self._outage.began(error)
            raise
        self._outage.ended()

    def maintain_heartbeats(self, job: Job) -> None:
        """Show that a job is alive; without Redis it goes on all the same, since its lease is in the database."""
        try:
            super().maintain_heartbeats(job)
        except RedisError as error:
            self._outage.began(error)

    def set_current_job_working_time(self, *args: Any, **kwargs: Any) -> None:
        """Note how long a job has been running; for show only."""
        try:
            super().set_current_job_working_time(*args, **kwargs)
        except RedisError as error:
            self._outage.began(error)

    def handle_work_horse_killed(self, job: Job, retpid: int, ret_val: int, rusage: Any) -> None:
        """Say that a horse died; its generation is found by the sweep when the lease has run out."""
        log.error("work_horse_died", job_id=job.id, wait_status=ret_val)

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """Say that a job raised, which is a bug; its generation is found by the sweep or the dispatcher."""
        log.error("job_broke", job_id=job.id, exc_info=exc_info)

    def _tell_horse(self) -> None:
        if self.horse_pid:
            try:
                os.kill(self.horse_pid, signal.SIGTERM)
            except ProcessLookupError:
                log.debug("work_horse_gone")
