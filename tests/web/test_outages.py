"""When a part is away: the right answer meanwhile, and by itself back to work afterwards."""

from __future__ import annotations

import socket

import pytest
from flask import Flask

from backend.app import create_app
from backend.core.catalog import forget_models
from backend.queue import ALIVE_SECONDS
from backend.rpc.scheduler import plan_scheduled_jobs
from tests.web.person import GENERATIONS, Person
from tests.web.test_errors import check_shape
from tests.worker.world import World, eventually


def closed_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


def test_all_is_ready(app: Flask, world: World) -> None:
    """Every part is named. Without a worker or scheduler this process still serves, and says what is wanting."""
    world.connection.execute("delete from private.scheduled_jobs")
    vital = {"database": "ok", "redis": "ok", "jwks": "ok"}
    wanting = {"workers": "none alive", "scheduler": "has never led"}
    answer = app.test_client().get("/ready")
    assert answer.status_code == 200
    assert answer.json == {"status": "ready", "checks": vital | wanting, "degraded": ["workers", "scheduler"]}
    plan_scheduled_jobs(world.deps.rpc.as_service(), jobs=[{"name": "dispatch", "interval_seconds": 5}])
    world.connection.execute("update private.scheduled_jobs set planned_at = planned_at - interval '2 minutes'")
    world.deps.redis.sadd("rq:workers", "rq:worker:dead", "rq:worker:living")
    world.deps.redis.set("rq:worker:living", "", ex=ALIVE_SECONDS)
    checks = app.test_client().get("/ready").json["checks"]
    assert checks["workers"] == "ok" and checks["scheduler"].startswith("late: dispatch by ")
    world.connection.execute("delete from private.scheduled_jobs")


def test_database_down_is_503_and_then_it_recovers(app: Flask, world: World, alice: Person) -> None:
    """Reads and spends say when to come again; nothing needs a restart. (regression: A2)"""
    alice.started()
    with world.database_outage():
        for answer in (alice.get("/api/v1/credits/balance"), alice.get(GENERATIONS), alice.create()):
            check_shape(answer, 503, "unavailable")
            assert int(answer.headers["Retry-After"]) > 0
        not_ready = check_shape(app.test_client().get("/ready"), 503, "unavailable")
        assert not_ready["details"]["checks"] == {"database": "not answering", "redis": "ok", "jwks": "ok"}
        assert app.test_client().get("/health").status_code == 200
    eventually(lambda: app.test_client().get("/ready").status_code == 200)
    assert alice.available() == 21
    assert alice.create().status_code == 202


@pytest.mark.parametrize("known", [True, False], ids=["models known", "models not known"])
def test_a_gateway_that_answers_503_is_503(world: World, alice: Person, known: bool) -> None:
    """A proxy's page instead of PostgREST; the provider is never called. (regression: A2)"""
    if known:
        alice.started()
    else:
        forget_models()
    with world.supabase.outage("/rest/v1"):
        check_shape(alice.create(), 503, "unavailable")
        check_shape(alice.get("/api/v1/me"), 503, "unavailable")
    assert alice.available() == (21 if known else 25)


def test_redis_down_while_creating_is_202(world: World, alice: Person) -> None:
    """The row is the truth: the dispatcher finds it when Redis is back."""
    without = world.variant(REDIS_URL=f"redis://127.0.0.1:{closed_port()}/0")
    person = Person(create_app(deps=without), alice.user)
    answer = person.create()
    assert (answer.status_code, answer.json["status"]) == (202, "queued")
    assert alice.available() == 21
    not_ready = check_shape(create_app(deps=without).test_client().get("/ready"), 503, "unavailable")
    assert not_ready["details"]["checks"]["redis"] == "not answering"


def test_storage_down_still_tells_what_became_of_the_credits(world: World, alice: Person) -> None:
    """The generation is shown without addresses."""
    generation = alice.started(width=64, height=64)
    world.run(generation["id"])
    with world.supabase.outage("/storage/v1"):
        shown = alice.get(f"{GENERATIONS}/{generation['id']}")
    assert (shown.status_code, shown.json["status"], shown.json["outputs"][0]["url"]) == (200, "succeeded", None)


def test_auth_down_is_503_and_not_401(world: World, alice: Person) -> None:
    """Nobody is signed out because a key server is away; who came before goes on working."""
    with world.supabase.outage("/auth/v1"):
        check_shape(Person(create_app(deps=world.deps), alice.user).get("/api/v1/me"), 503, "unavailable")
    fresh = Person(create_app(deps=world.deps), alice.user)
    assert fresh.get("/api/v1/me").status_code == 200
    with world.supabase.outage("/auth/v1"):
        assert fresh.get("/api/v1/me").status_code == 200


def test_a_database_behind_its_migrations_is_not_ready(app: Flask, world: World) -> None:
    """The new release waits until somebody has migrated; it says which version is there."""
    history = "supabase_migrations.schema_migrations"
    with world.connection.transaction():
        newest = world.sql.one(f"select max(version) from {history}")
        world.connection.execute(f"create temp table kept as select * from {history} where version = '{newest}'")
        world.connection.execute(f"delete from {history} where version = '{newest}'")
    try:
        error = check_shape(app.test_client().get("/ready"), 503, "unavailable")
        assert newest in error["details"]["checks"]["database"]
    finally:
        world.connection.execute(f"insert into {history} select * from kept; drop table kept")
    assert app.test_client().get("/ready").status_code == 200
