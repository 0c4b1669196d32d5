"""Queue: how soon a job starts, how many a worker gets through, and what Redis is asked for it.

The job does nothing, so what is left is ours and RQ's. RQ's own worker does the same job as the floor.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import redis
import rq
from rq.job import Job, JobStatus

from scripts.benchmarks.figures import Figure, percentile
from scripts.benchmarks.ground import CannotMeasure
from scripts.benchmarks.stage import Stage
from scripts.local import environment
from scripts.local.places import ROOT
from scripts.local.processes import start
from scripts.storms.meter import RedisMeter

GROUP = "queue"
NOTHING = "math.sqrt"
FLOOR = "RQ's own worker"
PATIENCE = 60.0


@dataclass(frozen=True)
class Effort:
    """How much to measure."""

    one_by_one: int
    in_a_row: int
    idle_seconds: float
    worker_idle_seconds: float = 0


QUICK = Effort(one_by_one=40, in_a_row=100, idle_seconds=20)
FULL = Effort(one_by_one=200, in_a_row=400, idle_seconds=60, worker_idle_seconds=46)
SMOKE = Effort(one_by_one=2, in_a_row=3, idle_seconds=0.5, worker_idle_seconds=0.5)


@dataclass(frozen=True)
class Found:
    """What one kind of worker does."""

    waits: list[float]
    rate: float
    commands: float
    idle: float


def measure(stage: Stage, effort: Effort) -> list[Figure]:
    """Our worker, then RQ's own, on the same Redis."""
    stage.settle()
    stage.say("the whole stack idle")
    stack_idle = _idle(stage, effort.idle_seconds)
    stage.halt("scheduler")
    ours = _worker(stage, effort, "our worker")
    stage.halt("worker")
    with rq_worker(stage):
        floor = _worker(stage, effort, FLOOR)

    def figure(name: str, pick: Callable[[Found], float], unit: str) -> Figure:
        return Figure(GROUP, name, pick(ours), unit, pick(floor), FLOOR)

    figures = [
        figure("from enqueue to start, p50", lambda found: percentile(found.waits, 0.5) * 1000, "ms"),
        figure("from enqueue to start, p99", lambda found: percentile(found.waits, 0.99) * 1000, "ms"),
        figure("empty jobs per worker", lambda found: found.rate, "per s"),
        figure("Redis commands per job, enqueue included", lambda found: found.commands, ""),
        Figure(GROUP, "Redis commands per minute of an idle stack", stack_idle, "", also="worker and scheduler"),
    ]
    if effort.worker_idle_seconds:  # a worker shows life every 45 seconds only
        figures.append(figure("Redis commands per minute of an idle worker", lambda found: found.idle, ""))
    return figures


def _worker(stage: Stage, effort: Effort, who: str) -> Found:
    """What the worker that listens now does."""
    with redis.Redis.from_url(stage.valkey.url) as connection:
        queue = rq.Queue("default", connection=connection)
        stage.say(f"{who}: {effort.one_by_one} jobs one by one")
        _finish([_enqueue(queue)])
        waits = [_wait(queue) for _ in range(effort.one_by_one)]
        stage.say(f"{who}: {effort.in_a_row} jobs in a row")
        with _metered(stage) as lap:
            began = time.perf_counter()
            _finish([_enqueue(queue) for _ in range(effort.in_a_row)], look_every=None)
            rate = effort.in_a_row / (time.perf_counter() - began)
            commands = lap() / effort.in_a_row
    if effort.worker_idle_seconds:
        stage.say(f"{who}: idle")
    return Found(waits, rate, commands, _idle(stage, effort.worker_idle_seconds))


def _enqueue(queue: rq.Queue) -> Job:
    return queue.enqueue(NOTHING, 4.0, result_ttl=120)


def _wait(queue: rq.Queue) -> float:
    job = _enqueue(queue)
    _finish([job])
    if job.started_at is None or job.enqueued_at is None:
        raise CannotMeasure("RQ did not say when a job started")
    return (job.started_at - job.enqueued_at).total_seconds()


def _finish(jobs: list[Job], look_every: float | None = 0.002) -> None:
    """Wait for the jobs; where commands are counted, look at the last one only, and seldom."""
    until = time.monotonic() + PATIENCE
    while jobs[-1].get_status() not in (JobStatus.FINISHED, JobStatus.FAILED):
        if time.monotonic() > until:
            raise CannotMeasure(f"a job was not done within {PATIENCE:.0f} s")
        time.sleep(look_every or 0.05)
    for job in jobs if look_every else jobs[-1:]:
        job.refresh()
        if job.get_status(refresh=False) is not JobStatus.FINISHED:
            raise CannotMeasure("an empty job failed")


def _idle(stage: Stage, seconds: float) -> float:
    """Commands in a minute in which nothing is to be done."""
    if not seconds:
        return 0.0
    with _metered(stage) as lap:
        time.sleep(seconds)
        return lap() * 60 / seconds


@contextmanager
def _metered(stage: Stage) -> Iterator[Callable[[], int]]:
    meter = RedisMeter(stage.valkey.url)
    try:
        yield lambda: sum(meter.lap().sent.values())
    finally:
        meter.stop()


@contextmanager
def rq_worker(stage: Stage) -> Iterator[None]:
    """RQ's worker as it comes."""
    code = "import sys; from rq.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "worker", "--quiet", "default"]
    env = environment.for_child({"RQ_REDIS_URL": stage.valkey.url})
    child = start(command, name="rq", log=stage.places.logs / "rq.log", env=env, cwd=ROOT)
    try:
        yield
    finally:
        child.stop()
