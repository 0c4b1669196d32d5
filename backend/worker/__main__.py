"""The worker: python -m backend.worker. It takes one job at a time from the queue; run as many as you need."""

from __future__ import annotations

import random

import structlog
from redis.exceptions import RedisError

from backend.config import Settings
from backend.queue import connect
from backend.worker import jobs
from backend.worker.horses import Worker
from backend.worker.outage import Outage
from backend.worker.starting import start
from backend.worker.stopping import StopSignal

log = structlog.get_logger(__name__)

LONGEST_PAUSE = 10.0


def main() -> None:
    """Work until told to stop, whatever happens to Redis meanwhile."""
    settings = start()
    jobs.deps()  # imports everything before the first fork; connects nothing
    work(settings)
    log.info("worker_stopped")


def work(settings: Settings) -> None:
    """Run RQ's worker, and anew when it gives up because Redis went away; returns once asked to stop."""
    signal, outage, pause = StopSignal(), Outage(), 0.5
    log.info("worker_started", flag_overrides=settings.flag_overrides)
    while not signal.asked:
        signal.listen()  # RQ's worker has handlers of its own while it runs
        if _session(settings, outage):
            return
        signal.wait(pause * random.uniform(0.7, 1.3))  # noqa: S311 - only spreads many workers
        pause = min(pause * 2, LONGEST_PAUSE) if outage.ongoing else 0.5


def _session(settings: Settings, outage: Outage) -> bool:
    """Run one RQ worker until it ends; True when it was asked to stop."""
    worker = None
    try:
        redis = connect(settings.redis_url, seconds=3.0)
        worker = Worker(redis, outage, queues=settings.worker_queues, grace_seconds=settings.worker_grace_seconds)
        worker.work(logging_level="CRITICAL")  # RQ's own lines say nothing that ours don't
    except RedisError as error:
        outage.began(error)
    return worker is not None and worker.asked_to_stop


if __name__ == "__main__":
    main()
