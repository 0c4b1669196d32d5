"""doctor.py on what Scrip watches itself: jobs by the clock, incidents, alerts, keys of providers, queues."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, LiteralString

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from werkzeug.wrappers import Response

from backend.app import create_app
from backend.clients.providers.fal.keys import Key, KeyPool
from backend.control import ORDERS
from tests.scripts.doctors import Clinic, blamed, only, serving, warned
from tests.web.test_outages import closed_port
from tests.worker.fal import KEYS

NOWHERE = "127.0.0.1:9"
PUNCTUAL: LiteralString = """
update private.scheduled_jobs set planned = true, last_started_at = now(), last_outcome = 'ok', last_error = null,
  failures_in_a_row = 0
"""
LATE: LiteralString = """
update private.scheduled_jobs set last_started_at = now() - interval '2 hours' where name = 'reconcile_holds'
"""
FAILED: LiteralString = """
update private.scheduled_jobs set last_outcome = 'failed', last_error = 'unavailable: no storage', failures_in_a_row = 1
where name = 'checkpoints'
"""
FAILED_AGAIN: LiteralString = """
update private.scheduled_jobs set failures_in_a_row = 3 where name = 'checkpoints'
"""
UNPLANNED: LiteralString = "update private.scheduled_jobs set planned = false"
INCIDENT: LiteralString = """
insert into private.incidents (kind, subject, began_at, told_began) values
  ('key_pool_empty', 'fal', '2026-01-02 03:04:05Z', '{webhook,mail}'),
  ('failure_rate', '', '2026-01-02 04:00:00Z', '{}')
"""
NO_INCIDENT: LiteralString = "delete from private.incidents"
PROBLEM: LiteralString = """
insert into private.ledger_problems (source, problem, once_key, found_at) values
  ('books', 'books_differ', 'x', '2026-01-02 03:04:05Z'), ('books', 'books_differ', 'y', now())
"""
NO_PROBLEM: LiteralString = "delete from private.ledger_problems"
BEHIND: LiteralString = "update private.statistics_cursor set caught_up_at = now() - interval '3 hours'"
CAUGHT_UP: LiteralString = "update private.statistics_cursor set caught_up_at = now()"
MAIL = {"MAIL_FROM": "scrip@example.com", "ALERT_EMAILS": "ops@example.com"}


def test_a_job_that_is_late_is_named(clinic: Clinic) -> None:
    """The scheduler leads, and one of its jobs does not come round."""
    with clinic.broken(LATE, PUNCTUAL):
        assert "are late (reconcile_holds), reconcile_holds by 62" in only(clinic.examine(), "scheduled jobs")


def test_statistics_that_lag_are_named(clinic: Clinic) -> None:
    """Charts still answer, so it is a warning."""
    with clinic.broken(BEHIND, CAUGHT_UP):
        found = clinic.examine()
        assert "not been rolled up for 3 hours" in warned(found)["statistics"][0]
        assert not blamed(found)


def test_a_job_that_fails_is_named_with_its_error(clinic: Clinic) -> None:
    """Once may be chance; three times in a row is what people are alerted to."""
    with clinic.broken(FAILED, PUNCTUAL):
        found = clinic.examine()
        assert warned(found)["scheduled jobs"] == ["checkpoints failed once: unavailable: no storage"]
        assert not blamed(found)
        with clinic.broken(FAILED_AGAIN, PUNCTUAL):
            assert "checkpoints failed 3 times in a row: unav" in only(clinic.examine(), "scheduled jobs")


def test_a_clock_that_never_ran_is_named(clinic: Clinic) -> None:
    """Nothing was ever planned; and a scheduler that is away is the cause of late jobs, not another finding."""
    with clinic.broken(UNPLANNED, PUNCTUAL):
        assert "no scheduler has ever led here" in only(clinic.examine(), "scheduled jobs")
    lock = clinic.world.deps.redis
    with clinic.broken(LATE, PUNCTUAL):
        held, left = lock.get("scrip:scheduler"), lock.pttl("scrip:scheduler")
        lock.set("scrip:scheduler", held, px=1000)
        try:
            assert "silent" in only(clinic.examine(), "scheduler")
        finally:
            lock.set("scrip:scheduler", held, px=max(left, 1000))


def test_open_incidents_are_told_and_whether_anybody_heard(clinic: Clinic) -> None:
    """The scheduler's word may be a minute old, so it warns."""
    with clinic.broken(INCIDENT, NO_INCIDENT):
        found = clinic.examine()
    pool, rate = warned(found)["incidents"]
    assert pool.startswith("key pool empty (fal) since 2026-01-02 03:04 UTC, told by mail and webhook. ")
    assert rate.startswith("failure rate since 2026-01-02 04:00 UTC, nobody was told. ")
    assert not blamed(found)


def test_problems_that_were_found_in_the_books_are_named(clinic: Clinic) -> None:
    """By reconcile, in wallets that the doctor itself does not look at."""
    with clinic.broken(PROBLEM, NO_PROBLEM):
        cause = only(clinic.examine(DATABASE_URL=None), "ledger problems")
    assert cause == "2 open, the oldest since 2026-01-02T03:04:05.000000Z: books_differ"


def test_alerts_that_reach_nobody_are_told(clinic: Clinic) -> None:
    """On a developer's machine nobody has to be told."""
    (cause,) = warned(clinic.examine(APP_ENV="production"))["alerts"]
    assert cause.startswith("nobody is told")
    found = clinic.examine(APP_ENV="production", ALERT_WEBHOOK_URL="http://hooks.example.com/services/hook-secret")
    assert "ALERT_WEBHOOK_URL is not https" in warned(found)["alerts"][0]
    assert "hook-secret" not in str(found)
    found = clinic.examine(APP_ENV="production", ALERT_WEBHOOK_URL="https://hooks.example.com/services/hook-secret")
    assert "alerts" not in warned(found)


class Doorman:
    """A mail server that knows one user."""

    def __init__(self) -> None:
        self.entered = 0

    def __call__(self, server: Any, session: Any, envelope: Any, mechanism: str, told: Any) -> AuthResult:
        """Let the one user in."""
        known = (told.login, told.password) == (b"scrip", b"right:secret")
        self.entered += known
        return AuthResult(success=known, handled=False)


@pytest.fixture
def mail_server() -> Iterator[tuple[int, Doorman]]:
    """Its port, and who came in."""
    doorman = Doorman()
    options: dict[str, Any] = {"auth_required": True, "auth_require_tls": False, "authenticator": doorman}
    controller = Controller(object(), hostname="127.0.0.1", port=closed_port(), **options)
    controller.start()
    try:
        yield controller.port, doorman
    finally:
        controller.stop()


def test_a_mail_server_that_keeps_us_out_is_named(clinic: Clinic, mail_server: tuple[int, Doorman]) -> None:
    """It is tried up to the log-in; no mail is sent."""
    port, doorman = mail_server
    found = clinic.examine(SMTP_URL=f"smtp://scrip:right%3Asecret@127.0.0.1:{port}", **MAIL)
    assert {one.state for one in found if one.check in ("mail", "alerts")} == {"ok"}
    assert doorman.entered == 1
    found = clinic.examine(SMTP_URL=f"smtp://scrip:wrongsecret@127.0.0.1:{port}", **MAIL)
    assert "does not let us in: SMTPAuthenticationError 535" in only(found, "mail")
    assert "wrongsecret" not in str(found)
    assert "ConnectionRefusedError" in only(clinic.examine(SMTP_URL=f"smtp://{NOWHERE}", **MAIL), "mail")
    only_sender = clinic.examine(SMTP_URL=f"smtp://{NOWHERE}", MAIL_FROM="scrip@example.com")
    assert "mail" in warned(only_sender) and not blamed(only_sender)


def test_figures_that_are_open_to_neighbours_are_told(clinic: Clinic) -> None:
    """Without METRICS_TOKEN the network decides."""
    assert "METRICS_TOKEN is not set" in warned(clinic.examine(APP_ENV="production"))["metrics"][0]
    assert "metrics" not in warned(clinic.examine(APP_ENV="production", METRICS_TOKEN="a-token-that-is-long"))


def test_keys_of_fal_that_cannot_be_right_are_told(clinic: Clinic) -> None:
    """Not as fal shows them, or under a name that nobody reads; a stand-in takes any."""
    found = clinic.examine(FAL_KEY_A="another-of-fals-keys", FAL_KEY_01="another-of-fals-keys")
    assert warned(found)["fal keys"] == ["FAL_KEY_01 is not read", "FAL_KEY_A is not read"]
    keys = {"FAL_KEY_1": "0123-4567:0123456789abcdef", "FAL_KEY_2": "0123456789abcdef"}
    found = clinic.examine(FAL_QUEUE_URL=None, **keys)
    assert warned(found)["fal keys"] == ["FAL_KEY_2 does not look like a key of fal"]
    assert "0123456789abcdef" not in str(found)


def test_keys_that_fal_refused_are_told(clinic: Clinic) -> None:
    """A warning while others may order, a failure when none may."""
    pool = KeyPool(clinic.world.deps.settings.fal_keys, lambda *call: clinic.world.deps.redis.eval(*_flat(*call)))
    first, second = (_known(pool, secret) for secret in KEYS)
    try:
        pool.rest(first, "test", "no_balance")
        assert warned(clinic.examine())["key pool"] == ["1 of 2 rest because fal refused them (no_balance)"]
        pool.rest(second, "test", "unauthorized")
        assert "2 of 2 rest" in only(clinic.examine(), "key pool")
    finally:
        pool.works(first)
        pool.works(second)


def test_a_webhook_that_fal_cannot_reach_is_named(clinic: Clinic) -> None:
    """Nobody there, somebody else there, or an address that only this machine knows."""
    with serving(create_app(deps=clinic.world.deps)) as url:
        found = clinic.examine(PUBLIC_API_URL=url)
        assert "wants a signature" in next(one.cause for one in found if one.check == "fal webhook")
        cause = blamed(clinic.examine(PUBLIC_API_URL=url, APP_ENV="production"))["fal webhook"][0]
        assert "on this machine" in cause
    with serving(Response("welcome")) as url:
        assert "answers 200" in only(clinic.examine(PUBLIC_API_URL=url), "fal webhook")
    assert "no connection" in only(clinic.examine(PUBLIC_API_URL=f"http://{NOWHERE}"), "fal webhook")
    assert "PUBLIC_API_URL is not set" in warned(clinic.examine(APP_ENV="production"))["fal webhook"][0]


def test_a_paused_queue_is_told(clinic: Clinic) -> None:
    """Somebody may have forgotten it."""
    control = clinic.world.deps.control
    control.pause("low")
    try:
        assert warned(clinic.examine())["pauses"] == ["low is paused: what waits there keeps its credits held"]
    finally:
        control.resume("low")


def test_a_worker_that_drains_serves_no_queue(clinic: Clinic) -> None:
    """It is alive, finishes its job, and takes nothing new."""
    world = clinic.world
    worker = next(one for one in world.processes if "schedule" not in one.log.name)
    name = next(iter(world.deps.redis.smembers("rq:workers"))).decode().removeprefix("rq:worker:")
    with ExitStack() as stack:
        worker.send(signal.SIGSTOP)  # or it would obey, and be gone
        stack.callback(worker.send, signal.SIGCONT)
        world.deps.redis.hset(ORDERS, f"drain:{name}", "now")
        stack.callback(world.deps.redis.hdel, ORDERS, f"drain:{name}")
        assert "high, default, low, emails, maintenance (1 that drain" in only(clinic.examine(), "worker")


def _known(pool: KeyPool, secret: str) -> Key:
    return next(key for key in pool._keys.values() if key.secret.get_secret_value() == secret)


def _flat(script: str, keys: Any, arguments: Any) -> tuple[Any, ...]:
    return (script, len(keys), *keys, *arguments)
