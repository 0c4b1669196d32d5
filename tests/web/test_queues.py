"""The queue in the hands of an admin: seen, paused, resumed, drained and mended, with a real worker behind it."""

from __future__ import annotations

import time

import pytest
import rq
from flask import Flask

from backend.control import Orders
from backend.core import generations
from backend.queue import connect
from tests.patience import LONG, within
from tests.web.person import Person
from tests.worker.world import World, eventually

QUEUES = "/api/v1/admin/queues"


@pytest.fixture
def ada(app: Flask, world: World) -> Person:
    """Ada, who is an admin."""
    person = Person(app, world.new_user())
    world.connection.execute("insert into private.user_roles values (%s, 'admin')", [person.id])
    return person


def state(ada: Person, queue: str = "default") -> dict[str, object]:
    """One queue as Ada sees it."""
    found: dict[str, object] = next(one for one in ada.get(QUEUES).json["queues"] if one["name"] == queue)
    return found


def order(ada: Person, path: str) -> int:
    """Give an order."""
    return ada.ask("POST", f"{QUEUES}/{path}").status_code


def small(person: Person) -> str:
    """Start a little picture."""
    return str(person.started(width=64, height=64)["id"])


def broken_job(world: World, why: str) -> str:
    """A job that raised, as RQ keeps it."""
    world.connection.execute("select 1")
    job = rq.Queue("default", connection=world.deps.redis).enqueue("backend.worker.jobs.no_such_job", failure_ttl=3600)
    job.ended_at = job.enqueued_at
    world.deps.redis.lrem("rq:queue:default", 0, job.id)
    with world.deps.redis.pipeline() as steps:
        job._handle_failure(f"Traceback\n  File x\nValueError: {why}", steps)
        steps.execute()
    return str(job.id)


def is_waiting_for_work(world: World) -> bool:
    """Tell whether the one worker has read its orders and waits again."""
    client = world.deps.redis
    return client.info("clients")["blocked_clients"] == 1 and not list(client.scan_iter("rq:queue:wake-*"))


@pytest.mark.parametrize("role", [None, "support"])
def test_only_admins_come_near_it(world: World, alice: Person, role: str | None) -> None:
    """Users and support staff are refused at each door."""
    if role:
        world.connection.execute("insert into private.user_roles values (%s, %s)", [alice.id, role])
    assert {alice.get(f"{QUEUES}{path}").status_code for path in ("", "/failed")} == {403}
    for path in ("low/pause", "low/resume", "failed/x/requeue", "workers/x/drain"):
        assert order(alice, path) == 403


def test_an_order_is_in_the_audit_log(world: World, ada: Person) -> None:
    """Written before it is given: also one that comes to nothing."""
    assert [order(ada, "low/pause"), order(ada, "low/resume"), order(ada, "workers/nobody/drain")] == [200, 200, 404]
    query = "select request ->> 'order', subject_id from private.audit_log where actor = %s order by id"
    rows = world.connection.execute(query, [f"user:{ada.id}"]).fetchall()
    assert rows == [("pause_queue", "low"), ("resume_queue", "low"), ("drain_worker", "nobody")]


def test_a_paused_queue_is_left_alone_until_it_is_resumed(world: World, ada: Person, alice: Person) -> None:
    """A worker that waits hears of both at once; a paused generation waits in the database, other queues go on."""
    worker = world.spawn_worker()
    eventually(lambda: ada.get(QUEUES).json["workers"])
    assert [order(ada, "default/pause") for _ in range(2)] == [200, 200]
    eventually(lambda: is_waiting_for_work(world))  # it has woken and taken note
    waiting, other = small(alice), small(alice)
    world.deps.redis.lrem("rq:queue:default", 0, f"gen-{other}-0")
    world.deps.redis.delete(f"rq:job:gen-{other}-0")
    world.deps.queue.enqueue_generation(other, 0, None, "high")
    world.becomes(other, "succeeded")
    generations.dispatch(world.deps)
    assert (world.row(waiting)["status"], state(ada)["paused"]) == ("queued", True)
    assert world.deps.redis.lpos("rq:queue:default", f"gen-{waiting}-0") is not None
    assert [order(ada, "default/resume") for _ in range(2)] == [200, 200]
    world.becomes(waiting, "succeeded", seconds=within(4))
    assert state(ada)["paused"] is False
    assert worker.child.poll() is None


def test_a_worker_starts_without_what_is_paused_and_waits_even_when_all_is(world: World, ada: Person) -> None:
    """Nothing but its own wake-up is left to wait for, and that is no busy loop."""
    for queue in ("high", "default", "low", "emails", "maintenance"):
        assert order(ada, f"{queue}/pause") == 200
    alice = Person(ada._app, world.new_user())
    waiting = small(alice)
    world.spawn_worker()
    eventually(lambda: ada.get(QUEUES).json["workers"])
    eventually(lambda: is_waiting_for_work(world))
    before = world.deps.redis.info("stats")["total_commands_processed"]
    time.sleep(1)
    assert world.deps.redis.info("stats")["total_commands_processed"] - before < 10
    assert world.row(waiting)["status"] == "queued"
    order(ada, "default/resume")
    world.becomes(waiting, "succeeded", seconds=within(4))


def test_a_drained_worker_finishes_its_job_and_exits(world: World, ada: Person, alice: Person) -> None:
    """However long the job takes: a grace is for SIGTERM. An idle one is gone at once; a gone one is unknown."""
    busy = world.spawn_worker(WORKER_GRACE_SECONDS="0")
    running = str(alice.started("local/slow", seconds=2)["id"])
    world.becomes(running, "running")
    [worker] = ada.get(QUEUES).json["workers"]
    assert (worker["state"], worker["draining"], worker["job"]) == ("busy", False, f"gen-{running}-0")
    assert [order(ada, f"workers/{worker['name']}/drain") for _ in range(2)] == [200, 200]
    assert ada.get(QUEUES).json["workers"][0]["draining"] is True
    assert busy.child.wait(LONG) == 0
    assert (world.row(running)["status"], world.row(running)["attempt"]) == ("succeeded", 1)
    idle = world.spawn_worker()
    eventually(lambda: ada.get(QUEUES).json["workers"])
    name = ada.get(QUEUES).json["workers"][0]["name"]
    assert order(ada, f"workers/{name}/drain") == 200
    assert idle.child.wait(within(3)) == 0
    assert order(ada, f"workers/{name}/drain") == 404
    assert world.deps.control.orders().draining == frozenset()


def test_broken_jobs_are_listed_without_prompts_and_put_back(world: World, ada: Person) -> None:
    """Kind and message are shown, what is quoted or secret is not; putting back twice is once."""
    jobs = [broken_job(world, f"bad prompt 'a secret fox' by Bearer {world.keys.secret_key}") for _ in range(3)]
    page = ada.get(f"{QUEUES}/failed?limit=2&offset=1").json
    assert (page["total"], len(page["data"])) == (3, 2)
    assert page["data"][0]["error"].startswith("ValueError: bad prompt '...' by")
    assert world.keys.secret_key not in str(page)
    assert state(ada)["failed"] == 3
    answers = [ada.ask("POST", f"{QUEUES}/failed/{jobs[0]}/requeue").json["state"] for _ in range(2)]
    assert answers == ["queued", "queued"]
    assert (state(ada)["failed"], state(ada)["depth"]) == (2, 1)
    assert float(str(state(ada)["oldest_seconds"])) >= 0


def test_an_order_can_be_tried(world: World, ada: Person) -> None:
    """Nothing is ordered or written down, what there is not is told all the same; an unknown word is no try."""
    job = broken_job(world, "x")
    world.spawn_worker()
    eventually(lambda: ada.get(QUEUES).json["workers"])
    [worker] = ada.get(QUEUES).json["workers"]
    before = ada.get(QUEUES).json["queues"]
    for path in ("low/pause", "low/resume", f"failed/{job}/requeue", f"workers/{worker['name']}/drain"):
        tried = ada.ask("POST", f"{QUEUES}/{path}", json={"dry_run": True})
        assert (tried.status_code, tried.json["dry_run"]) == (200, True)
    assert ada.get(QUEUES).json["queues"] == before
    assert world.deps.control.orders() == Orders(frozenset(), frozenset())
    rows = world.connection.execute("select count(*) from private.audit_log where actor = %s", [f"user:{ada.id}"])
    assert rows.fetchone() == (0,)
    for path in ("nothing/pause", "failed/nothing/requeue", "workers/nothing/drain"):
        assert ada.ask("POST", f"{QUEUES}/{path}", json={"dry_run": True}).status_code == 404
    for body in ({"dryrun": True}, {"dry_run": "yes"}, []):
        assert ada.ask("POST", f"{QUEUES}/low/pause", json=body).status_code == 422
    assert world.deps.control.orders().paused == frozenset()


@pytest.mark.parametrize("path", ["nothing/pause", "nothing/resume", "failed/nothing/requeue", "workers/nothing/drain"])
def test_what_there_is_not_is_404(ada: Person, path: str) -> None:
    """And the answer says what there is."""
    answer = ada.ask("POST", f"{QUEUES}/{path}")
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "not_found")
    assert "nothing" in answer.json["error"]["details"].values()


def test_without_redis_it_says_so(world: World, ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """503, not 500."""
    gone = connect("redis://127.0.0.1:9/0")
    monkeypatch.setattr(world.deps.control, "_redis", gone)
    assert ada.get(QUEUES).status_code == 503
    assert order(ada, "low/pause") == 503
