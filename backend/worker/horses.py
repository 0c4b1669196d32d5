"""RQ's worker with our way of stopping and of bearing an outage; each job runs in a forked process, a work horse."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import rq
import structlog
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import RedisError
from rq.exceptions import DequeueTimeout, InvalidJobOperation, NoSuchJobError, StopRequested
from rq.job import Job
from rq.worker import WorkerStatus

from backend import sentry
from backend.control import Control, is_wake, wake_line
from backend.queue import ALIVE_SECONDS
from backend.worker import stopping
from backend.worker.outage import Outage

log = structlog.get_logger(__name__)

# An idle worker shows life in Redis 15 seconds before this is over: four commands a minute.
IDLE_SECONDS = 60


class Line(rq.Queue):
    """A queue beside which a worker waits for orders: they end the wait as if its time were over."""

    @classmethod
    def lpop(cls, queue_keys: Sequence[str], timeout: int | None, connection: Redis | None = None) -> Any:
        """Wait for the next job of any of these queues."""
        found = super().lpop(queue_keys, timeout, connection=connection)
        if found and is_wake(found[0]):
            raise DequeueTimeout(timeout, queue_keys)
        return found

    @classmethod
    def lmove(cls, connection: Redis, queue_key: str, timeout: int | None) -> Any:
        """Wait for orders alone, when every queue is paused."""
        return cls.lpop([queue_key], timeout, connection)


class Worker(rq.Worker):
    """On SIGTERM it takes no new work and lets its horse finish or hand back; on a second one, hand back at once."""

    max_connection_wait_time = 5.0

    def __init__(self, redis: Redis, outage: Outage, *, queues: Sequence[str], grace_seconds: float) -> None:
        super().__init__(list(queues), connection=redis, worker_ttl=IDLE_SECONDS, queue_class=Line)
        self._served = tuple(queues)
        self._control, self._listening = Control(redis), False
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

    def dequeue_job_and_maintain_ttl(self, *args: Any, **kwargs: Any) -> Any:
        """Wait for work, and for orders."""
        self._listening = True
        return super().dequeue_job_and_maintain_ttl(*args, **kwargs)

    def perform_job(self, *args: Any, **kwargs: Any) -> bool:
        """Run the job; what it reported is sent before the horse ends."""
        try:
            return super().perform_job(*args, **kwargs)
        finally:
            sentry.flush()

    def reorder_queues(self, reference_queue: rq.Queue) -> None:
        """Note that a job was taken, which is what RQ calls this for: orders must wait now until it has been run."""
        self._listening = False

    def register_death(self) -> None:
        """Leave, and take the order to do so along."""
        self._control.drained(self.name)
        super().register_death()  # type: ignore[no-untyped-call]

    def _obey(self) -> None:
        """Leave paused queues out, and stop when told to drain; what is left is one list that wakes this worker."""
        orders = self._control.orders()
        if self.name in orders.draining:
            log.info("worker_drains")
            self.asked_to_stop = self._stop_requested = True
            raise StopRequested
        names = [wake_line(self.name), *(name for name in self._served if name not in orders.paused)]
        self._ordered_queues = [Line(name, connection=self.connection) for name in names]

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Show life; the first thing to fail when Redis is away, and RQ itself tries it again and again."""
        if pipeline is not None:
            super().heartbeat(ALIVE_SECONDS, pipeline)
            return
        try:
            with self.connection.pipeline(transaction=False) as sent:
                super().heartbeat(ALIVE_SECONDS, sent)
                forgotten = sent.execute()[0]  # the field is new: Redis was emptied, or has dropped us
            if forgotten:
                self._introduce()
            if self._listening:
                self._obey()  # RQ shows life just before each wait for work
        except RedisError as error:
            self._outage.began(error)
            raise
        self._outage.ended()

    def _introduce(self) -> None:
        self.connection.delete(self.key)
        self.register_birth()  # type: ignore[no-untyped-call]  # RQ has no types there
        self.connection.expire(self.key, ALIVE_SECONDS)
        log.info("worker_listed_again")

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
        if isinstance(exc_info[1], InvalidJobOperation | NoSuchJobError):
            log.warning("job_record_lost", job_id=job.id)  # Redis was emptied meanwhile; the row has all that matters
            return
        log.error("job_broke", job_id=job.id, exc_info=exc_info)

    def _tell_horse(self) -> None:
        if self.horse_pid:
            try:
                os.kill(self.horse_pid, signal.SIGTERM)
            except ProcessLookupError:
                log.debug("work_horse_gone")
