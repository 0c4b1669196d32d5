"""Alerts: told once when trouble begins and once when it ends, over real SMTP and HTTP, by whichever leader."""

from __future__ import annotations

import email.policy
import json
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from flask import Flask, request

from backend.core import alerts
from backend.deps import Deps
from backend.errors import Unavailable
from backend.rpc.scheduler import note_scheduled_run, plan_scheduled_jobs
from backend.worker import schedule
from tests.scripts.doctors import serving
from tests.web.test_outages import closed_port
from tests.worker.test_schedule import schedulers
from tests.worker.world import World, eventually


class MailServer:
    """Takes mails over SMTP, or refuses them."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.full = False

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Keep a mail."""
        if self.full:
            return "452 4.2.2 Mailbox full"
        self.mails.append(message_from_bytes(envelope.content, EmailMessage, policy=email.policy.default))  # type: ignore[arg-type]
        return "250 OK"

    @property
    def subjects(self) -> list[str]:
        """What was told, in order."""
        return [str(mail["Subject"]).partition("] ")[2] for mail in self.mails]


class Place:
    """An installation with people in charge."""

    def __init__(self, world: World, server: MailServer, posts: list[Any], deps: Deps, environ: dict[str, str]) -> None:
        self.world, self.server, self.posts, self.deps, self.environ = world, server, posts, deps, environ

    @property
    def posted(self) -> list[tuple[str, str]]:
        """(kind, event) of what the webhook got."""
        return [(post["kind"], post["event"]) for post in self.posts]

    def worker_comes(self) -> None:
        """Somebody works."""
        self.world.deps.redis.sadd("rq:workers", "rq:worker:test")
        self.world.deps.redis.set("rq:worker:test", "")

    def worker_dies(self) -> None:
        """Nobody shows life."""
        self.world.deps.redis.delete("rq:worker:test")


@pytest.fixture
def place(world: World) -> Iterator[Place]:
    """Mail and webhook stand ready, a worker is alive, and nothing is wrong."""
    for table in ("incidents", "ledger_problems", "scheduled_jobs"):
        world.connection.execute(f"delete from private.{table}".encode())
    world.connection.execute("update private.statistics_cursor set caught_up_at = now()")
    later = "update public.generations set dispatch_at = now() + interval '1 day' where status = 'queued'"
    world.connection.execute(later.encode())
    world.connection.execute("update public.generations set finished_at = '2020-01-01' where finished_at is not null")
    app, posts, server = Flask("receiver"), [], MailServer()

    @app.post("/alerts")
    def receive() -> str:
        posts.append(json.loads(request.data))
        return "ok"

    smtp = Controller(server, hostname="127.0.0.1", port=closed_port())
    smtp.start()
    try:
        with serving(app) as url:
            environ = {
                "SMTP_URL": f"smtp://127.0.0.1:{smtp.port}",
                "MAIL_FROM": "Scrip <scrip@example.com>",
                "ALERT_EMAILS": "ops@example.com, boss@example.com",
                "ALERT_WEBHOOK_URL": f"{url}/alerts",
                "ALERT_PATIENCE_SECONDS": "0",
                "SCHEDULE_ALERT_SECONDS": "0.1",
            }
            place = Place(world, server, posts, world.variant(**environ), environ)
            place.worker_comes()
            yield place
    finally:
        smtp.stop()


def test_trouble_is_told_once_when_it_begins_and_once_when_it_ends(place: Place) -> None:
    """To everybody named, over both ways; another process that looks tells nothing twice."""
    assert alerts.check(place.deps) == {"wrong": 0, "told": 0}
    place.worker_dies()
    for deps in (place.deps, place.deps, place.world.variant(**place.environ)):
        alerts.check(deps)
    assert place.server.subjects == ["ALERT: no worker"]
    place.worker_comes()
    for _ in range(3):
        alerts.check(place.deps)
    assert place.server.subjects == ["ALERT: no worker", "over: no worker"]
    assert place.posted == [("no_worker", "began"), ("no_worker", "ended")]
    began = place.server.mails[0]
    assert began["To"] == "ops@example.com, boss@example.com"
    assert "No worker is alive" in began.get_content() and "No worker is alive" in place.posts[0]["text"]
    assert len({mail["Message-ID"] for mail in place.server.mails}) == 2


def test_a_mail_that_failed_is_sent_later_and_the_webhook_hears_nothing_twice(place: Place) -> None:
    """The mail server was full for a while; meanwhile the trouble ended, and both are told in order."""
    place.server.full = True
    place.worker_dies()
    for _ in range(2):
        with pytest.raises(Unavailable, match="mail"):
            alerts.check(place.deps)
    place.worker_comes()
    with pytest.raises(Unavailable, match="mail"):
        alerts.check(place.deps)
    assert place.server.subjects == []
    assert place.posted == [("no_worker", "began"), ("no_worker", "ended")]
    place.server.full = False
    alerts.check(place.deps)
    assert place.server.subjects == ["ALERT: no worker", "over: no worker"]
    assert len(place.posts) == 2


def test_a_mail_server_that_is_away_does_not_keep_the_webhook_from_telling(place: Place) -> None:
    """Nobody listens there."""
    deps = place.world.variant(**place.environ | {"SMTP_URL": "smtp://127.0.0.1:9"})
    place.worker_dies()
    with pytest.raises(Unavailable, match="mail"):
        alerts.check(deps)
    assert place.posted == [("no_worker", "began")]


def test_each_kind_of_trouble_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Queue, books, failures, jobs and keys, all of them at once, and all of them over."""
    world, service = place.world, place.deps.rpc.as_service()
    user = world.new_user()
    world.start(user)
    old = world.start(user)
    world.deps.redis.hset(f"rq:job:gen-{old}-0", "enqueued_at", "2020-01-01T00:00:00.000000Z")
    world.deps.redis.lrem("rq:queue:default", 1, f"gen-{old}-0")
    world.deps.redis.lpush("rq:queue:default", f"gen-{old}-0")
    world.connection.execute(
        "insert into private.ledger_problems (source, problem, once_key, found_at) values ('books', 'x', 'x', now())"
    )
    world.connection.execute("update private.statistics_cursor set caught_up_at = now() - interval '2 hours'")
    monkeypatch.setattr(alerts, "ENOUGH", 1)
    failed = world.start(user)
    claim = user_claim(world, failed)
    service.call(
        "fail_generation",
        p_generation_id=claim["id"],
        p_attempt=claim["attempt"],
        p_error_code="provider_failed",
        p_error_message="no",
        p_retryable=False,
    )
    plan_scheduled_jobs(service, jobs=[{"name": "sweep", "interval_seconds": 10}])
    counts: dict[str, Any] = {"runs": 3, "failures": 3, "failures_in_a_row": 3, "error": "away"}
    note_scheduled_run(service, name="sweep", started_seconds_ago=1, took_seconds=1, **counts)
    pool = KeysAtRest()
    monkeypatch.setitem(place.deps.providers, "fal", pool)
    kinds = {"queue_old", "ledger_problem", "failure_rate", "scheduler_job_failing", "key_pool_empty"}
    kinds |= {"statistics_behind"}
    assert alerts.check(place.deps)["wrong"] == 6
    assert {post["kind"]: post["subject"] for post in place.posts} == dict.fromkeys(kinds, "") | {
        "scheduler_job_failing": "sweep",
        "key_pool_empty": "fal",
    }
    pool.keys.resting = 0.0
    world.deps.redis.delete("rq:queue:default")
    world.connection.execute("update private.ledger_problems set resolved_at = now()")
    world.connection.execute("update private.statistics_cursor set caught_up_at = now()")
    world.connection.execute("update public.generations set finished_at = '2020-01-01' where finished_at is not null")
    note_scheduled_run(
        service, name="sweep", started_seconds_ago=1, took_seconds=1, **counts | {"failures_in_a_row": 0}
    )
    assert alerts.check(place.deps) == {"wrong": 0, "told": 12}
    assert {kind for kind, event in place.posted if event == "ended"} == kinds
    assert len(place.posts) == 12 and len(place.server.mails) == 12


def user_claim(world: World, generation_id: str) -> Any:
    """A worker takes it."""
    service = world.deps.rpc.as_service()
    return service.call("claim_generation", p_generation_id=generation_id, p_worker="test", p_lease_seconds=60)


class Keys:
    """A pool in which every key rests."""

    resting = 4e9

    def state(self) -> list[dict[str, Any]]:
        """What the pool of fal's keys tells admins."""
        return [{"fingerprint": "k1", "load": 0, "resting_until": self.resting, "last_error": "402"}]


class KeysAtRest:
    """As much of a provider as alerts look at."""

    def __init__(self) -> None:
        self.keys = Keys()


def test_schedulers_that_come_and_go_tell_each_thing_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first leader tells the beginning and stops; another one knows, and tells the end."""
    monkeypatch.setattr(place.world, "environ", place.world.environ | place.environ)
    only = lambda settings: [schedule.Periodic("alerts", settings.schedule_alert_seconds, alerts.check)]  # noqa: E731
    monkeypatch.setattr(schedule, "periodic_jobs", only)
    place.worker_dies()
    with schedulers(place.world, 2) as both:
        eventually(lambda: place.server.subjects == ["ALERT: no worker"])
        leader = next(one for one in both if one.leads)
        leader.stop()
        eventually(lambda: any(one.leads for one in both if one is not leader))
    with schedulers(place.world, 1):
        runs = "select runs from private.scheduled_jobs where name = 'alerts'"
        eventually(lambda: place.world.sql.one(runs) > 1)
        place.worker_comes()
        eventually(lambda: len(place.server.subjects) > 1)
    assert place.server.subjects == ["ALERT: no worker", "over: no worker"]
    assert place.posted == [("no_worker", "began"), ("no_worker", "ended")]
