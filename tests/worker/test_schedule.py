"""The scheduler's own rules: one leads, another takes over, and doing things twice has the effect of once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from structlog.testing import capture_logs

from backend.rpc import generations as rpc
from backend.worker import schedule
from backend.worker.schedule import Scheduler
from backend.worker.stopping import StopSignal
from tests.worker.world import World, eventually


@pytest.fixture(autouse=True)
def _quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(schedule, "LOCK_SECONDS", 1.0)


class Running:
    """A scheduler in a thread."""

    def __init__(self, world: World) -> None:
        self.signal = StopSignal()
        self.scheduler = Scheduler(world.deps.settings, self.signal)
        self.thread = threading.Thread(target=self.scheduler.run)
        self.thread.start()

    @property
    def leads(self) -> bool:
        """Whether it does the work."""
        return self.thread.is_alive() and self.scheduler.leading

    def stop(self) -> None:
        """Tell it to stop, as SIGTERM does."""
        self.signal.asked = True
        self.thread.join(5)
        assert not self.thread.is_alive()


@contextmanager
def schedulers(world: World, count: int) -> Iterator[list[Running]]:
    """Run several beside the test."""
    running = [Running(world) for _ in range(count)]
    yield running
    for one in running:
        one.stop()


def test_of_two_schedulers_one_works(world: World) -> None:
    """Regression: J5. Lost attempts are counted once, hints are given once."""
    service, user = world.deps.rpc.as_service(), world.new_user()
    lost = [world.start(user, "local/slow", seconds=1) for _ in range(5)]
    for generation_id in lost:
        rpc.claim_generation(service, generation_id=generation_id, worker="gone", lease_seconds=1)
    world.deps.redis.delete("rq:queue:default")
    with schedulers(world, 2) as both:
        eventually(lambda: sum(one.leads for one in both) == 1)
        for generation_id in lost:
            world.becomes(generation_id, "queued")
            world.let_retry_wait_pass(generation_id)
        expected = {f"gen-{generation_id}-1".encode() for generation_id in lost}
        eventually(lambda: expected <= set(world.deps.redis.lrange("rq:queue:default", 0, -1)))
        assert sum(one.leads for one in both) == 1
    waiting = world.deps.redis.lrange("rq:queue:default", 0, -1)
    assert len(waiting) == len(set(waiting))
    assert {world.row(generation_id)["failures"] for generation_id in lost} == {1}
    assert world.figures(user) == (25, 5, 20)


def test_the_other_takes_over_when_the_leader_stops(world: World) -> None:
    """At its next look, without waiting for the lock to lapse."""
    with schedulers(world, 2) as both:
        eventually(lambda: any(one.leads for one in both))
        first, second = sorted(both, key=lambda one: not one.leads)
        first.stop()
        eventually(lambda: second.leads, seconds=2)


def test_a_scheduler_whose_lock_was_taken_stops_leading(world: World) -> None:
    """It slept too long and another leads: it waits for its turn."""
    with schedulers(world, 1) as (only,):
        eventually(lambda: only.leads)
        world.deps.redis.set(schedule.LOCK, "another", px=800)
        eventually(lambda: not only.leads, seconds=2)
        eventually(lambda: only.leads, seconds=3)


def test_one_job_that_breaks_does_not_stop_the_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in one of them is logged, and the rest of the clock goes on."""
    ran: list[str] = []

    def breaks(deps: object) -> object:
        ran.append("broken")
        raise RuntimeError("a bug of ours")

    def works(deps: object) -> object:
        return ran.append("sound")

    jobs = [schedule.Periodic("broken", 0.2, breaks), schedule.Periodic("sound", 0.2, works)]
    monkeypatch.setattr(schedule, "periodic_jobs", lambda settings: jobs)
    with capture_logs() as lines, schedulers(world, 1):
        eventually(lambda: ran.count("sound") > 1 and ran.count("broken") > 1)
    assert {"periodic_broke"} <= {line["event"] for line in lines}


def test_everything_that_must_happen_by_the_clock_does(world: World) -> None:
    """Lost leases, lapsed holds, lost hints and the day's checkpoints."""
    names = [job.name for job in schedule.periodic_jobs(world.deps.settings)]
    assert names == ["sweep_generations", "sweep_credits", "dispatch", "charges", "checkpoints"]
    for job in schedule.periodic_jobs(world.deps.settings):
        job.run(world.deps)
