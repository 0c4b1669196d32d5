"""doctor.py --url: a deployed backend as strangers see it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from werkzeug.wrappers import Response

from backend.app import create_app
from backend.rpc.scheduler import plan_scheduled_jobs
from scripts.diagnosis import command
from scripts.diagnosis.findings import Finding
from scripts.diagnosis.patient import Patient
from scripts.local.postgres import SUPERUSER, Postgres
from scripts.local.supabase.keys import make_keys
from scripts.local.valkey import Valkey
from tests.scripts.doctors import ORIGIN, Wsgi, blamed, only, serving, skipped, warned
from tests.worker.world import Supabase, World

FOREIGN = "https://elsewhere.example"


@pytest.fixture(scope="module")
def world(
    postgres: Postgres, template: str, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """What a backend needs."""
    folder, keys = tmp_path_factory.mktemp("outside"), make_keys()
    postgres.clone(template, "outside")
    supabase = Supabase(postgres.url("outside"), folder, keys)
    environ = supabase.environ(valkey.url) | {"CORS_ORIGINS": ORIGIN}
    yield World(postgres.url("outside"), postgres.url("postgres", SUPERUSER), environ, keys, supabase, folder)
    supabase.stop()


@pytest.fixture
def app(world: World) -> Flask:
    """A backend, with somebody who works and a clock that runs."""
    world.deps.redis.flushall()
    world.deps.redis.sadd("rq:workers", "rq:worker:test")
    world.deps.redis.set("rq:worker:test", "")
    world.connection.execute("delete from private.scheduled_jobs")
    plan_scheduled_jobs(world.deps.rpc.as_service(), jobs=[{"name": "sweep", "interval_seconds": 10}])
    return create_app(deps=world.deps)


def examine(app: Wsgi, *origins: str, **more: Any) -> list[Finding]:
    """Examine a backend that is served for as long as this takes."""
    with serving(app) as url:
        return command.examine(Patient({}, url=url, origins=origins, **more))


def altered(app: Wsgi, path: str, answer: Response) -> Wsgi:
    """Put another answer in the place of a path's own."""
    return lambda environ, start: (answer if environ["PATH_INFO"] == path else app)(environ, start)


def with_header(app: Wsgi, name: str, value: str | None) -> Wsgi:
    """Set or drop a header of every answer, as a proxy might."""

    def answer(environ: dict[str, Any], start: Any) -> Any:
        def respond(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            kept = [one for one in headers if one[0].lower() != name.lower()]
            return start(status, kept + ([(name, value)] if value is not None else []), *rest)

        return app(environ, respond)

    return answer


def test_a_sound_backend_is_all_green(app: Flask) -> None:
    """Without a variable, without a secret."""
    found = examine(app, ORIGIN)
    assert {one.state for one in found} == {"ok"}, [one for one in found if one.state != "ok"]


def test_a_backend_that_is_down_is_blamed_once() -> None:
    """Everything else is skipped because of it."""
    found = command.examine(Patient({}, url="http://127.0.0.1:9"))
    assert "no connection" in only(found, "health")
    assert {cause for causes in skipped(found).values() for cause in causes} == {"because health failed"}


def test_something_else_at_the_address_is_named(app: Flask) -> None:
    """A page of somebody else, or a redirect to where the backend really is."""
    assert "/health answers 200" in only(examine(Response("welcome")), "health")
    moved = Response(status=301, headers={"Location": "https://api.example.com/health"})
    assert "redirects to https://api.example.com" in only(examine(altered(app, "/health", moved)), "health")


def test_a_part_that_the_backend_lacks_is_named(app: Flask, world: World) -> None:
    """Redis, the database or the keys, by the backend's own word; and what follows from it is not blamed."""
    lacking = create_app(deps=world.variant(REDIS_URL="redis://127.0.0.1:9/0"))
    assert "redis" in only(examine(lacking), "ready")
    with world.supabase.outage("/rest/v1"):
        assert "database" in only(examine(app), "ready")


def test_what_only_makes_work_wait_is_told(app: Flask, world: World) -> None:
    """It serves; nobody works, and the clock stands still."""
    world.deps.redis.delete("rq:worker:test")
    world.connection.execute("update private.scheduled_jobs set planned_at = now() - interval '1 hour'")
    found = examine(app)
    assert not blamed(found)
    workers, scheduler = warned(found)["ready"]
    assert workers == "workers: none alive"
    assert scheduler.startswith("scheduler: late: sweep by 35")


@pytest.mark.skipif(sys.platform != "linux", reason="needs an address of this machine that is not 127.0.0.1")
def test_figures_that_anybody_may_read_are_told(world: World) -> None:
    """From an address that is not known to be this very machine."""
    for token, told in ((None, ["/metrics can be read from here without a token"]), ("a-token-that-is-long", None)):
        app = create_app(deps=world.variant(**{"METRICS_TOKEN": token} if token else {}))
        with serving(app, "127.0.0.2") as url:
            assert warned(command.examine(Patient({}, url=url))).get("metrics") == told


def test_pages_that_may_not_call_and_pages_that_should_not_are_named(app: Flask) -> None:
    """CORS is tried with the app's origin and with a stranger's."""
    assert f"pages of {FOREIGN} may not" in only(examine(app, ORIGIN, FOREIGN), "cors")
    open_to_all = with_header(app, "Access-Control-Allow-Origin", "*")
    assert "every origin" in only(examine(open_to_all), "cors")


def test_spilled_internals_are_named(app: Flask) -> None:
    """A traceback or a debugger in the place of the error shape."""
    page = Response("Traceback (most recent call last): ...", status=500)
    assert "internals" in only(examine(altered(app, "/console", page)), "errors")
    proxy = Response("<html>no such page</html>", status=404)
    assert "not answered in the error shape" in only(examine(altered(app, "/console", proxy)), "errors")


def test_missing_models_and_documents_are_named(app: Flask) -> None:
    """Up, and of no use to anybody."""
    empty = Response('{"data": []}', headers={"X-Content-Type-Options": "nosniff"})
    assert "no model" in only(examine(altered(app, "/api/v1/generations/models/supported", empty)), "models")
    assert "does not describe" in only(examine(altered(app, "/openapi.json", Response("{}"))), "document")


def test_a_missing_security_header_is_told(app: Flask) -> None:
    """A proxy that drops it."""
    found = examine(with_header(app, "X-Content-Type-Options", None))
    assert not blamed(found)
    assert "x-content-type-options" in warned(found)["security headers"][0]


def test_a_clock_that_is_wrong_is_named(app: Flask) -> None:
    """By the Date header."""
    found = examine(app, now=lambda: time.time() - 90)
    assert "90 s behind that of the backend" in only(found, "clock of the backend")
