"""The scheduler's own rules: one leads, another takes over, and doing things twice has the effect of once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import pytest
from structlog.testing import capture_logs

from backend.errors import Unavailable
from backend.rpc import generations as rpc
from backend.worker import schedule, timetable
from backend.worker.schedule import Scheduler
from backend.worker.stopping import StopSignal
from tests.patience import LONG
from tests.worker.world import World, eventually


class Running:
    """A scheduler in a thread."""

    def __init__(self, world: World) -> None:
        self.signal = StopSignal()
        self.scheduler = Scheduler(world.variant(SCHEDULE_LOCK_SECONDS="1").settings, self.signal)
        self.thread = threading.Thread(target=self.scheduler.run)
        self.thread.start()

    @property
    def leads(self) -> bool:
        """Whether it does the work."""
        return self.thread.is_alive() and self.scheduler.leading

    def stop(self) -> None:
        """Tell it to stop, as SIGTERM does."""
        self.signal.asked = True
        self.thread.join(LONG)
        assert not self.thread.is_alive()


@contextmanager
def schedulers(world: World, count: int) -> Iterator[list[Running]]:
    """Run several beside the test."""
    running = [Running(world) for _ in range(count)]
    try:
        yield running
    finally:
        for one in running:
            one.stop()


def test_of_two_schedulers_one_works(world: World) -> None:
    """Regression: J5. Lost attempts are counted once, hints are given once, and what has no slot waits on."""
    service, user = world.deps.rpc.as_service(), world.new_user()
    *lost, without_slot = [world.start(user, "local/slow", seconds=1) for _ in range(5)]
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
    row = world.row(without_slot)
    assert (row["status"], row["failures"], row["dispatch_at"].year) == ("queued", 0, datetime.max.year)
    assert f"gen-{without_slot}-0".encode() not in waiting
    assert world.figures(user) == (25, 5, 20)


def test_the_other_takes_over_when_the_leader_stops(world: World) -> None:
    """At its next look, without waiting for the lock to lapse."""
    with schedulers(world, 2) as both:
        eventually(lambda: any(one.leads for one in both))
        first, second = sorted(both, key=lambda one: not one.leads)
        held = world.deps.redis.get(schedule.LOCK)
        first.stop()
        assert world.deps.redis.get(schedule.LOCK) != held
        eventually(lambda: second.leads)


def test_a_scheduler_whose_lock_was_taken_stops_leading(world: World) -> None:
    """It slept too long and another leads: it waits for its turn."""
    with schedulers(world, 1) as (only,):
        eventually(lambda: only.leads)
        world.deps.redis.set(schedule.LOCK, "another")
        eventually(lambda: not only.leads)
        world.deps.redis.delete(schedule.LOCK)
        eventually(lambda: only.leads)


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
    assert names == [
        *("sweep_generations", "sweep_credits", "dispatch", "charges", "collect_metrics", "roll_up_statistics"),
        *("checkpoints", "reconcile_wallets", "reconcile_holds", "reconcile_books", "reconcile_audit_log"),
        *("stripe_events", "stripe_healer", "auto_topups", "expiry_notices", "deliver_gifts"),
        *("tidy_provider_results", "alerts"),
    ]
    for job in schedule.periodic_jobs(world.deps.settings):
        job.run(world.deps)


def counting(world: World, monkeypatch: pytest.MonkeyPatch, *jobs: tuple[str, float]) -> list[str]:
    """Put these jobs in place of the real ones, forget what is known of them, and return the list of their runs."""
    ran: list[str] = []
    made = lambda settings: [  # noqa: E731
        schedule.Periodic(name, seconds, lambda deps, name=name: ran.append(name)) for name, seconds in jobs
    ]
    monkeypatch.setattr(schedule, "periodic_jobs", made)
    world.connection.execute("delete from private.scheduled_jobs")
    return ran


def last_run(world: World, name: str, *, hours: float) -> None:
    """Let a job have run so many hours ago, under another leader."""
    world.connection.execute(
        "insert into private.scheduled_jobs (name, interval_seconds, planned_at, last_started_at)"
        " values (%s, 3600, now(), private.clock() - make_interval(hours => 1) * %s)",
        [name, hours],
    )


def test_a_missed_run_is_made_up_for_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten were missed while no scheduler ran: one run; what ran half an hour ago waits; what never ran runs."""
    ran = counting(world, monkeypatch, ("missed", 3600), ("recent", 3600), ("new", 3600), ("tick", 0.1))
    last_run(world, "missed", hours=10)
    last_run(world, "recent", hours=0.5)
    with schedulers(world, 2):
        eventually(lambda: ran.count("tick") > 2)
    with schedulers(world, 1):
        eventually(lambda: ran.count("tick") > 5)
    assert sorted(name for name in ran if name != "tick") == ["missed", "new"]


def test_runs_are_noted_for_everybody_to_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outcome, error and counts; a job that runs often is noted seldom, but a change of its outcome at once."""
    ran = counting(world, monkeypatch, ("fast", 0.05))
    calls = world.supabase.calls
    noted = "/rest/v1/rpc/note_scheduled_run"
    before = calls.count(noted)
    with schedulers(world, 1) as (only,):
        eventually(lambda: len(ran) > 10)
        assert calls.count(noted) == before + 1

        def refuses(deps: object) -> object:
            raise Unavailable("Not now.")

        only.scheduler._jobs[0].run = refuses
        eventually(lambda: world.sql.as_service("list_scheduled_jobs")[0]["last_outcome"] == "failed")
    (row,) = world.sql.as_service("list_scheduled_jobs")
    assert (row["last_error"], row["failures_in_a_row"]) == ("unavailable: Not now.", 1)
    assert row["runs"] > 10 and row["failures"] == 1


def test_what_fails_need_not_wait_for_its_next_day(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daily job that met an outage of seconds is done soon after, and then again in a day."""
    monkeypatch.setattr(timetable, "RETRY_SECONDS", 0.05)
    ran = counting(world, monkeypatch, ("daily", 86_400), ("tick", 0.1))
    last_run(world, "daily", hours=1)
    with schedulers(world, 1) as (only,):
        eventually(lambda: "tick" in ran)
        daily = only.scheduler._jobs[0]
        works = daily.run

        def fails_twice(deps: object) -> object:
            if daily.failures_in_a_row < 2:
                raise Unavailable("Not now.")
            return works(only.scheduler._deps)

        daily.run = fails_twice
        daily.due_at = 0
        eventually(lambda: "daily" in ran)
        ticks = ran.count("tick")
        eventually(lambda: ran.count("tick") > ticks + 3)
    assert ran.count("daily") == 1


def test_a_scheduler_that_cannot_plan_waits_for_the_database(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It leads, and begins as soon as the database tells what ran last."""
    ran = counting(world, monkeypatch, ("tick", 0.1))
    with world.supabase.outage("/rest/v1/rpc/plan_scheduled_jobs"), schedulers(world, 1) as (only,):
        eventually(lambda: only.leads)
        assert ran == []
        world.supabase.down = ()
        eventually(lambda: len(ran) > 1)
