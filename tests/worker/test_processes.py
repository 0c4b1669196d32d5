"""Workers and schedulers as processes: started, stopped, killed, and left without Redis."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.core import generations
from backend.rpc import generations as rpc
from backend.worker.schedule import LOCK
from scripts.local.valkey import Valkey
from tests.patience import LONG, within
from tests.worker.world import Process, User, World, eventually

DISPATCH = "/rest/v1/rpc/list_dispatchable"


@pytest.fixture
def own_valkey() -> Iterator[Valkey]:
    """A server that the test may kill."""
    with Valkey() as server:
        yield server


def horse_of(world: World, generation_id: str) -> int:
    """Return the process that runs a generation, as the row names it."""
    world.becomes(generation_id, "running")
    return int(world.row(generation_id)["worker"].rsplit(":", 1)[1])


def is_alive(pid: int) -> bool:
    """Tell whether a process exists and is not only waiting to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def assert_charged_once(world: World, user: User, credits: int) -> None:
    """Neither never nor twice."""
    assert world.figures(user) == (25 - credits, 0, 25 - credits)
    assert world.ledger(user) == [("grant", 25), ("usage", -credits)]


def test_a_worker_draws_what_was_asked_for_and_stops_when_told(world: World) -> None:
    """The ordinary case, and an idle worker that is told to stop is gone at once."""
    worker, user = world.spawn_worker(), world.new_user()
    worker.says("worker_started")
    generation_id = world.start(user, width=128, height=128)
    row = world.becomes(generation_id, "succeeded")
    assert row["attempt"] == 1
    assert_charged_once(world, user, 4)
    assert '"request_id": "request-' in worker.lines()
    assert worker.end(seconds=within(3)) == 0
    assert "worker_stopped" in worker.lines()


def test_the_scheduler_alone_gets_lost_work_done(world: World) -> None:
    """Regression: J3. Redis is emptied between create and run, and a retry waits for its back-off: both run."""
    user = world.new_user()
    lost, flaky = world.start(user, width=64, height=64), world.start(user, "local/flaky", fail_times=1)
    world.deps.redis.flushall()
    for generation_id in (lost, flaky):
        world.let_retry_wait_pass(generation_id)
    world.spawn_worker()
    scheduler = world.spawn_scheduler()
    assert world.becomes(lost, "succeeded", "failed")["status"] == "succeeded"
    assert world.becomes(flaky, "succeeded", "failed")["attempt"] == 2
    assert_sum_charged(world, user, 6)
    assert scheduler.end() == 0


def test_redis_emptied_under_a_running_job_is_no_bug(world: World) -> None:
    """The row has all that matters: RQ misses its record at the end, which nobody is to be woken up for."""
    worker, user = world.spawn_worker(), world.new_user()
    generation_id = world.start(user, "local/slow", seconds=1)
    world.becomes(generation_id, "running")
    world.deps.redis.flushall()
    assert world.becomes(generation_id, "succeeded", "failed")["status"] == "succeeded"
    worker.says("job_record_lost")
    assert "job_broke" not in worker.lines()


def assert_sum_charged(world: World, user: User, credits: int) -> None:
    """Several generations, each charged once."""
    assert world.figures(user) == (25 - credits, 0, 25 - credits)


@pytest.mark.parametrize("victim", ["horse", "worker", "both"])
def test_kill_9_in_the_middle_loses_and_doubles_nothing(world: World, victim: str) -> None:
    """Regression: H2, J2, J4. Whoever is killed, the generation is drawn and charged once, by whichever attempt."""
    first, user = world.spawn_worker(WORKER_LEASE_SECONDS="2", WORKER_GRACE_SECONDS="0.5"), world.new_user()
    first.says("worker_started")
    generation_id = world.start(user, "local/slow", seconds=2)
    horse = horse_of(world, generation_id)
    if victim in ("worker", "both"):
        first.send(signal.SIGKILL)
    if victim in ("horse", "both"):
        os.kill(horse, signal.SIGKILL)
    if victim == "horse":
        first.says("work_horse_died")
    else:
        world.spawn_worker()
    world.spawn_scheduler()
    row = world.becomes(generation_id, "succeeded", "failed")
    assert row["status"] == "succeeded"
    assert row["attempt"] == 2
    assert_charged_once(world, user, 2)
    eventually(lambda: not is_alive(horse), why=lambda: "the work horse outlived its worker")


def test_a_worker_told_to_stop_finishes_what_fits_into_its_grace(world: World) -> None:
    """One attempt, and exit code 0."""
    worker, user = world.spawn_worker(WORKER_GRACE_SECONDS="60"), world.new_user()
    generation_id = world.start(user, "local/slow", seconds=2)
    horse_of(world, generation_id)
    assert worker.end() == 0
    assert (world.row(generation_id)["status"], world.row(generation_id)["attempt"]) == ("succeeded", 1)
    assert_charged_once(world, user, 2)


@pytest.mark.parametrize("again", [False, True], ids=["after its grace", "at a second signal"])
def test_a_worker_told_to_stop_hands_back_what_does_not_fit(world: World, again: bool) -> None:
    """Queued again at once, no failure counted, and another worker goes on."""
    worker = world.spawn_worker(WORKER_GRACE_SECONDS="60" if again else "0.5")
    user = world.new_user()
    generation_id = world.start(user, "local/slow", seconds=20)
    horse_of(world, generation_id)
    eventually(lambda: world.row(generation_id)["provider_request_id"])
    worker.send(signal.SIGTERM)
    if again:
        worker.says("worker_stopping")
        worker.send(signal.SIGTERM)
    assert worker.child.wait(LONG) == 0
    row = world.row(generation_id)
    assert (row["status"], row["failures"], world.figures(user)) == ("queued", 0, (25, 20, 5))
    world.let_slow_work_end(generation_id)
    world.spawn_worker()
    generations.dispatch(world.deps)
    assert world.becomes(generation_id, "succeeded", "failed")["status"] == "succeeded"
    assert_charged_once(world, user, 20)


def test_a_running_generation_is_cancelled_through_another_process(world: World) -> None:
    """The work horse hears of it at its next heartbeat."""
    world.spawn_worker()
    user = world.new_user()
    generation_id = world.start(user, "local/slow", seconds=20)
    horse_of(world, generation_id)
    rpc.cancel_generation(user.caller, generation_id=generation_id)
    world.becomes(generation_id, "canceled")
    assert world.figures(user) == (25, 0, 25)


def test_worker_and_scheduler_outlive_redis(world: World, own_valkey: Valkey) -> None:
    """Redis away at their start, then back; killed while a generation runs, away while one is created, then back."""
    own_valkey.kill()
    elsewhere = {"REDIS_URL": own_valkey.url}
    worker, scheduler = world.spawn_worker(**elsewhere), world.spawn_scheduler(**elsewhere)
    deps = world.variant(**elsewhere)
    for process in (worker, scheduler):
        process.says("redis_away")
    user = world.new_user()
    early = create(deps, user, "early", seconds=1)
    world.let_retry_wait_pass(early)
    own_valkey.start()
    assert world.becomes(early, "succeeded", "failed")["status"] == "succeeded"
    running = create(deps, user, "running", seconds=2)
    horse_of(world, running)
    own_valkey.kill()
    meanwhile = create(deps, user, "meanwhile", seconds=1)
    assert world.becomes(running, "succeeded", "failed")["attempt"] == 1
    world.let_retry_wait_pass(meanwhile)
    own_valkey.start()
    assert world.becomes(meanwhile, "succeeded", "failed")["status"] == "succeeded"
    assert_sum_charged(world, user, 4)
    for process in (worker, scheduler):
        assert process.child.poll() is None
        assert process.lines().count("redis_away") == process.lines().count("redis_back") == 2
        assert process.end() == 0


def create(deps: Any, user: User, key: str, **params: Any) -> str:
    """Start a slow generation with deps of another environment."""
    asked = {"model_id": "local/slow", "prompt": "a fox", "params": params, "key": key, "request_id": None}
    return str(generations.start(deps, user.caller, **asked)["id"])


def test_a_scheduler_that_is_killed_is_followed_by_the_other_which_makes_up_for_each_miss_once(world: World) -> None:
    """Regression: J5. kill -9 gives no lock back: it lapses after its own time, long before the usual 30 seconds."""
    runs = "select runs from private.scheduled_jobs where name = %s"
    missed = ["checkpoints", "reconcile_holds", "reconcile_books", "expiry_notices"]
    world.connection.execute("delete from private.scheduled_jobs")
    both = [world.spawn_scheduler(SCHEDULE_LOCK_SECONDS="3") for _ in range(2)]
    eventually(lambda: sum("scheduler_leads" in one.lines() for one in both) == 1)
    eventually(lambda: all(world.sql.one(runs, name) for name in missed))
    leader, other = sorted(both, key=lambda one: "scheduler_leads" not in one.lines())
    held = world.deps.redis.get(LOCK)
    # As if both had stood still for days, in which every one of these was missed. The leader keeps its times in mind.
    world.connection.execute("update private.scheduled_jobs set last_started_at = last_started_at - interval '3 days'")
    leader.end(signal.SIGKILL)
    other.says("scheduler_leads", seconds=min(within(10), 29))
    assert world.deps.redis.get(LOCK) not in (None, held)
    eventually(lambda: all(world.sql.one(runs, name) == 2 for name in missed))
    rounds = world.supabase.calls.count(DISPATCH)
    eventually(lambda: world.supabase.calls.count(DISPATCH) > rounds + 5)
    assert {name: world.sql.one(runs, name) for name in missed} == dict.fromkeys(missed, 2)
    assert other.end() == 0


def test_scheduler_and_worker_outlive_the_database(world: World) -> None:
    """They say so and work again by themselves; dispatch is due again at once, others rest for up to 30 seconds."""

    def says_of_dispatch(word: str) -> None:
        def said() -> bool:
            return any(word in line and '"dispatch"' in line for line in scheduler.lines().splitlines())

        eventually(said, why=scheduler.lines)

    world.connection.execute("delete from private.scheduled_jobs")
    worker, scheduler = world.spawn_worker(), world.spawn_scheduler()
    worker.says("worker_started")
    eventually(lambda: world.sql.one("select count(last_outcome) from private.scheduled_jobs"))
    with world.database_outage():
        says_of_dispatch("periodic_failing")
    says_of_dispatch("periodic_works_again")
    user = world.new_user()
    generation_id = world.start(user, width=64, height=64)
    assert world.becomes(generation_id, "succeeded", "failed")["status"] == "succeeded"


@pytest.mark.parametrize("module", ["backend.worker", "backend.worker.schedule"])
def test_without_settings_nothing_starts(world: World, module: str) -> None:
    """It names what is missing and exits."""
    process: Process = world.spawn(module, SUPABASE_URL="", REDIS_URL="")
    assert process.child.wait(LONG) == 2
    assert "SUPABASE_URL is missing" in process.lines()
    assert "REDIS_URL is missing" in process.lines()
