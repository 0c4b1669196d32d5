"""The scheduler: python -m backend.worker.schedule. Run two for safety; one leads and the other waits for its lock.

What it calls is idempotent in SQL, so the worst that two leaders at once could do is the same thing twice. When each
job ran last stands in private.scheduled_jobs: whoever begins to lead goes on from there.
"""

from __future__ import annotations

import random
import time

import structlog
from redis.exceptions import RedisError

from backend.config import Settings
from backend.core import (
    alerts,
    charges,
    generations,
    healing,
    notices,
    provider_results,
    reconcile,
    statistics,
    stripe_events,
    topups,
)
from backend.core.checkpoints import Checkpoints
from backend.deps import Deps, build_deps
from backend.errors import AppError
from backend.queue import connect
from backend.rpc import credits as rpc_credits
from backend.rpc import gifts as rpc_gifts
from backend.rpc import metrics as rpc_metrics
from backend.rpc.scheduler import plan_scheduled_jobs
from backend.worker.leader import LeaderLock
from backend.worker.outage import Outage
from backend.worker.starting import start
from backend.worker.stopping import StopSignal
from backend.worker.timetable import Periodic

log = structlog.get_logger(__name__)

LOCK = "scrip:scheduler"
DAY = 86_400.0


def periodic_jobs(settings: Settings) -> list[Periodic]:
    """Return everything that happens by the clock."""
    sweep = settings.schedule_sweep_seconds
    return [
        Periodic("sweep_generations", sweep, generations.sweep),
        Periodic("sweep_credits", sweep * 6, _sweep_credits),
        Periodic("dispatch", settings.schedule_dispatch_seconds, generations.dispatch),
        Periodic("charges", sweep, charges.take_noted),
        Periodic("collect_metrics", 15, _collect_metrics),
        Periodic("roll_up_statistics", 15, statistics.roll_up),
        Periodic("checkpoints", settings.schedule_checkpoint_seconds, Checkpoints().sign),
        Periodic("reconcile_wallets", 60, reconcile.wallets),
        Periodic("reconcile_holds", 600, reconcile.holds),
        Periodic("reconcile_books", DAY, reconcile.books),
        Periodic("reconcile_audit_log", 3600, reconcile.audit_log),
        Periodic("stripe_events", settings.schedule_dispatch_seconds, stripe_events.dispatch),
        Periodic("stripe_healer", settings.schedule_heal_seconds, healing.heal),
        Periodic("auto_topups", settings.schedule_dispatch_seconds, topups.dispatch),
        Periodic("expiry_notices", 3600, notices.expiring),
        Periodic("deliver_gifts", 60, _deliver_gifts),
        Periodic("tidy_provider_results", 3600, provider_results.tidy),
        Periodic("alerts", settings.schedule_alert_seconds, alerts.check),
    ]


def _sweep_credits(deps: Deps) -> object:
    return rpc_credits.sweep_credits(deps.rpc.as_service())


def _deliver_gifts(deps: Deps) -> object:
    return rpc_gifts.deliver_gifts(deps.rpc.as_service())


def _collect_metrics(deps: Deps) -> object:
    return rpc_metrics.collect_metrics(deps.rpc.as_service())


class Scheduler:
    """Leads or waits, until told to stop."""

    def __init__(self, settings: Settings, signal: StopSignal) -> None:
        self._deps = build_deps(settings)
        self._jobs = periodic_jobs(settings)
        self._signal = signal
        self._outage = Outage()
        self._lock = LeaderLock(connect(settings.redis_url), LOCK, settings.schedule_lock_seconds)
        self._look_seconds = settings.schedule_lock_seconds / 3
        self.leading = False
        self._planned = False

    def run(self) -> None:
        """Return once told to stop; another scheduler can then lead at once."""
        while not self._signal.asked:
            if self._leads() and self._plans():
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
            self._planned = False
            log.info("scheduler_leads" if self.leading else "scheduler_waits")
        return self.leading

    def _plans(self) -> bool:
        """Read once per leadership when each job ran last; False while the database does not tell."""
        if not self._planned:
            service = self._deps.rpc.as_service()
            named = [{"name": job.name, "interval_seconds": job.seconds} for job in self._jobs]
            try:
                last = {row["name"]: row["started_seconds_ago"] for row in plan_scheduled_jobs(service, jobs=named)}
            except AppError as error:
                log.warning("scheduler_cannot_plan", code=error.code, reason=error.message)
                return False
            for job in self._jobs:
                job.begin(last.get(job.name))
            self._planned = True
        return True

    def _run_due(self) -> None:
        for job in self._jobs:
            if self._signal.asked or not self.leading or time.monotonic() < job.due_at:
                continue
            job.plan()
            self._run(job)

    def _run(self, job: Periodic) -> None:
        started, result, failure = time.monotonic(), None, None
        try:
            result = job.run(self._deps)
            log.debug("periodic_done", job=job.name, result=result)
        except RedisError as error:
            self._outage.began(error)
            self._lock.doubt()
            self.leading = self._planned = False
            return
        except AppError as error:
            failure = f"{error.code}: {error.message}"
        except Exception as error:
            log.exception("periodic_broke", job=job.name)  # the others must go on
            failure = f"a bug: {type(error).__name__}"
        job.ended(self._deps, started, failure, result)

    def _pause(self) -> float:
        if self._outage.ongoing or (self.leading and not self._planned):
            return 1.0
        if not self.leading:
            return self._look_seconds * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
        return min(self._look_seconds, max(0.0, min(job.due_at for job in self._jobs) - time.monotonic()))


def main() -> None:
    """Keep time until told to stop."""
    settings = start()
    signal = StopSignal()
    signal.listen()
    log.info("scheduler_started", flag_overrides=settings.flag_overrides)
    Scheduler(settings, signal).run()
    log.info("scheduler_stopped")


if __name__ == "__main__":
    main()
