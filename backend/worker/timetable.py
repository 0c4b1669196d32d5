"""When a job of the scheduler runs next, and what is noted of its runs in the database."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import structlog

from backend.deps import Deps
from backend.errors import AppError
from backend.rpc import scheduler as rpc

log = structlog.get_logger(__name__)

RETRY_SECONDS = 30.0  # what failed is tried again so soon, then after twice as long, at most at its next time
NOTE_SECONDS = 30.0  # a job that runs more often is noted only so often, or when its outcome changes


@dataclass
class Periodic:
    """Something to be done again and again while leading."""

    name: str
    seconds: float
    run: Callable[[Deps], object]
    due_at: float = 0.0
    failures_in_a_row: int = 0
    _runs: int = field(default=0, repr=False)
    _failures: int = field(default=0, repr=False)
    _note_at: float = field(default=0.0, repr=False)
    _noted_ok: bool | None = field(default=None, repr=False)

    def begin(self, started_seconds_ago: float | None) -> None:
        """Plan from the last run, whoever made it: a run that was missed is made up for at once, and once."""
        waited = self.seconds if started_seconds_ago is None else started_seconds_ago
        self.due_at = time.monotonic() + max(0.0, self.seconds - waited)
        self._noted_ok = None

    def plan(self) -> None:
        """Set the next time, a little off the beat so that many installations don't act in step."""
        self.due_at = time.monotonic() + self.seconds * random.uniform(0.9, 1.1)  # noqa: S311 - no secret

    def ended(self, deps: Deps, started: float, error: str | None, result: Any) -> None:
        """Count a run, say when it begins or ceases to fail, and note it when it is time to."""
        took = time.monotonic() - started
        if error and not self.failures_in_a_row:
            log.warning("periodic_failing", job=self.name, reason=error)
        elif self.failures_in_a_row and not error:
            log.info("periodic_works_again", job=self.name, failures=self.failures_in_a_row)
        if error:
            self.due_at = min(self.due_at, time.monotonic() + RETRY_SECONDS * 2 ** min(self.failures_in_a_row, 16))
        self._runs += 1
        self._failures += bool(error)
        self.failures_in_a_row = self.failures_in_a_row + 1 if error else 0
        if time.monotonic() >= self._note_at or self._noted_ok is not (error is None):
            self._note(deps, started, took, error, result)

    def _note(self, deps: Deps, started: float, took: float, error: str | None, result: Any) -> None:
        try:
            rpc.note_scheduled_run(
                deps.rpc.as_service(),
                name=self.name,
                started_seconds_ago=time.monotonic() - started,
                took_seconds=took,
                runs=self._runs,
                failures=self._failures,
                failures_in_a_row=self.failures_in_a_row,
                error=error,
                result=result,
            )
        except AppError as refusal:
            log.debug("run_not_noted", job=self.name, code=refusal.code)  # counted with the next one
            return
        self._runs = self._failures = 0
        self._noted_ok, self._note_at = error is None, time.monotonic() + NOTE_SECONDS
