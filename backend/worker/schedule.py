"""The scheduler: python -m backend.worker.schedule. Run two for safety; one leads and the other waits for its lock.

What it calls is idempotent in SQL, so the worst that two leaders at once could do is the same thing twice.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from redis.exceptions import RedisError

from backend.config import ConfigError, Settings, load_settings
from backend.core import charges, generations
from backend.core.checkpoints import Checkpoints
from backend.deps import Deps, build_deps
from backend.errors import AppError
from backend.logs import configure_logging
from backend.queue import connect
from backend.rpc import credits as rpc_credits
from backend.worker.leader import LeaderLock
from backend.worker.outage import Outage
from backend.worker.stopping import StopSignal

log = structlog.get_logger(__name__)

LOCK = "scrip:scheduler"
LOCK_SECONDS = 30.0
LOOK_SECONDS = 10.0  # the longest between two looks at the lock; well below its time


@dataclass
class Periodic:
    """Something to be done again and again while leading."""

    name: str
    seconds: float
    run: Callable[[Deps], object]
    due_at: float = 0.0
    failing: bool = False

    def plan(self) -> None:
        """Set the next time, a little off the beat so that many installations don't act in step."""
        self.due_at = time.monotonic() + self.seconds * random.uniform(0.9, 1.1)  # noqa: S311 - no secret

    def note_failure(self, error: AppError) -> None:
        """Say once that it fails; it is tried again at its next time."""
        if not self.failing:
            log.warning("periodic_failing", job=self.name, code=error.code, reason=error.message)
        self.failing = True

    def note_success(self) -> None:
        """Say that it works again."""
        if self.failing:
            log.info("periodic_works_again", job=self.name)
        self.failing = False


def periodic_jobs(settings: Settings) -> list[Periodic]:
    """Return everything that happens by the clock."""
    sweep = settings.schedule_sweep_seconds
    return [
        Periodic("sweep_generations", sweep, generations.sweep),
        Periodic("sweep_credits", sweep * 6, _sweep_credits),
        Periodic("dispatch", settings.schedule_dispatch_seconds, generations.dispatch),
        Periodic("charges", sweep, charges.take_noted),
        Periodic("checkpoints", settings.schedule_checkpoint_seconds, Checkpoints().sign),
    ]


def _sweep_credits(deps: Deps) -> object:
    return rpc_credits.sweep_credits(deps.rpc.as_service())


class Scheduler:
    """Leads or waits, until told to stop."""

    def __init__(self, settings: Settings, signal: StopSignal) -> None:
        self._deps = build_deps(settings)
        self._jobs = periodic_jobs(settings)
        self._signal = signal
        self._outage = Outage()
        self._lock = LeaderLock(connect(settings.redis_url), LOCK, LOCK_SECONDS)
        self.leading = False

    def run(self) -> None:
        """Return once told to stop; another scheduler can then lead at once."""
        while not self._signal.asked:
            if self._leads():
                self._run_due()
            self._signal.wait(self._pause())
        try:
            self._lock.release()
        except RedisError as error:
            self._outage.began(error)

    def _leads(self) -> bool:
        before, self.leading = self.leading, False
        try:
            self.leading = self._lock.hold()
            self._outage.ended()
        except RedisError as error:
            self._outage.began(error)
        if self.leading != before:
            log.info("scheduler_leads" if self.leading else "scheduler_waits")
        return self.leading

    def _run_due(self) -> None:
        for job in self._jobs:
            if self._signal.asked or not self.leading or time.monotonic() < job.due_at:
                continue
            job.plan()
            self._run(job)

    def _run(self, job: Periodic) -> None:
        try:
            log.debug("periodic_done", job=job.name, result=job.run(self._deps))
            job.note_success()
        except RedisError as error:
            self._outage.began(error)
            self._lock.doubt()
            self.leading = False
        except AppError as error:
            job.note_failure(error)
        except Exception:
            log.exception("periodic_broke", job=job.name)  # the others must go on

    def _pause(self) -> float:
        if self._outage.ongoing:
            return 1.0
        if not self.leading:
            return LOOK_SECONDS * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        return min(LOOK_SECONDS, max(0.0, min(job.due_at for job in self._jobs) - time.monotonic()))


def main() -> int:
    """Keep time until told to stop."""
    try:
        settings = load_settings()
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    configure_logging(settings)
    signal = StopSignal()
    signal.listen()
    log.info("scheduler_started")
    Scheduler(settings, signal).run()
    log.info("scheduler_stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
