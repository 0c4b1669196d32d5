"""The lease on a generation: kept alive by a thread, and the one voice that says stop."""

from __future__ import annotations

import contextvars
import math
import random
import threading
import time
from collections.abc import Callable
from enum import StrEnum
from types import TracebackType
from typing import TypeVar

import structlog

from backend.errors import AppError, Unavailable
from backend.rpc import generations as rpc_generations
from backend.rpc.client import Caller

T = TypeVar("T")
log = structlog.get_logger(__name__)

TICK_SECONDS = 0.25


class Reason(StrEnum):
    """Why a worker stops before its work is done."""

    CANCELED = "canceled"
    WORKER_STOPPED = "worker_stopped"
    LOST = "lost"
    EXPIRED = "expired"


class Interrupted(Exception):
    """The work is not to be continued."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason
        super().__init__(reason.value)


class Lease:
    """The right to work on one attempt.

    A thread sends heartbeats and listens for reasons to stop; the work asks `check` or `wait`, which raise Interrupted.
    When heartbeats can't be sent the lease runs out by our own clock, counted from before the last one was sent, so
    that this worker stops no later than another may start.
    """

    def __init__(
        self,
        caller: Caller,
        generation_id: str,
        attempt: int,
        *,
        claimed_at: float,
        lease_seconds: int,
        heartbeat_seconds: float,
        stopping: Callable[[], bool],
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self.progress: float | None = None
        self._caller, self._generation_id, self._attempt = caller, generation_id, attempt
        self._lease_seconds, self._heartbeat_seconds = lease_seconds, heartbeat_seconds
        self._stopping, self._wake = stopping, wake
        self._until = claimed_at + lease_seconds
        self._reason: Reason | None = None
        self._request_id: str | None = None
        self._interrupted, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=contextvars.copy_context().run, args=(self._keep,), daemon=True)

    def __enter__(self) -> Lease:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()

    @property
    def expired(self) -> bool:
        """Whether another worker may own the generation by now."""
        return time.monotonic() >= self._until

    def check(self) -> None:
        """Raise Interrupted when there is a reason to stop; also right after this process stood still for a while."""
        if self._reason is None and self.expired:
            self._interrupt(Reason.EXPIRED)
        if self._reason is not None:
            raise Interrupted(self._reason)

    def wait(self, seconds: float) -> None:
        """Sleep, unless there is a reason to stop."""
        self._interrupted.wait(seconds)
        self.check()

    def store_request_id(self, request_id: str) -> None:
        """Write down what a later attempt needs to go on; keeps trying through an outage while the lease lives."""
        self.persist(lambda: self._beat(request_id), patience=math.inf)
        self.check()

    def request_id(self) -> str | None:
        """Return the provider's id of the request as the row has it by now."""
        self._beat()
        self.check()
        return self._request_id

    def persist(self, action: Callable[[], T], *, patience: float, outage: type[Exception] = Unavailable) -> T:
        """Repeat an action through an outage, until it works, patience ends, or there is a reason to stop."""
        give_up, pause = time.monotonic() + patience, 0.2
        while True:
            self.check()
            try:
                return action()
            except outage:
                if self.expired:
                    raise Interrupted(Reason.EXPIRED) from None
                if time.monotonic() + pause > give_up:
                    raise
            self.wait(pause * random.uniform(0.7, 1.3))  # noqa: S311 - only spreads the tries of many workers
            pause = min(pause * 2, 2.0)

    def _keep(self) -> None:
        next_beat = time.monotonic() + self._heartbeat_seconds
        while not self._ended.wait(TICK_SECONDS) and self._reason is None:
            if self._stopping():
                self._interrupt(Reason.WORKER_STOPPED)
            elif self.expired:
                self._interrupt(Reason.EXPIRED)
            elif time.monotonic() >= next_beat:
                next_beat = time.monotonic() + (self._heartbeat_seconds if self._try_beat() else TICK_SECONDS)

    def _try_beat(self) -> bool:
        try:
            self._beat()
        except Exception as error:  # this thread must outlive whatever goes wrong in one heartbeat
            log.warning("heartbeat_failed", error=str(error) or type(error).__name__)
            return False
        return True

    def _beat(self, request_id: str | None = None) -> None:
        sent = time.monotonic()
        try:
            answer = rpc_generations.heartbeat_generation(
                self._caller,
                generation_id=self._generation_id,
                attempt=self._attempt,
                lease_seconds=self._lease_seconds,
                progress=self.progress,
                provider_request_id=request_id,
            )
        except AppError as error:
            if error.status >= 500:
                raise
            self._interrupt(Reason.LOST)  # stale_attempt, or the row itself is gone
            return
        self._until = sent + self._lease_seconds
        self._request_id = answer.get("provider_request_id")
        if answer["stop"]:
            self._interrupt(Reason.CANCELED)

    def _interrupt(self, reason: Reason) -> None:
        if not self._ended.is_set() and self._reason is None:
            self._reason = reason
            self._interrupted.set()
            self._wake()  # the work may be waiting for a signal instead of for us
