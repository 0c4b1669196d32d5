"""Reports to Sentry: a bug in a view and one in a job arrive without what users wrote; without a DSN none."""

from __future__ import annotations

import gzip
import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import rq
from flask import Flask

from backend import config, sentry
from backend.app import create_app
from backend.config import ConfigError, load_settings
from backend.logs import configure_logging
from tests.worker.world import World, eventually

Json = dict[str, Any]


class Receiver(ThreadingHTTPServer):
    """Takes what a Sentry would be sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: list[str] = []
        self.dsn = f"http://public@127.0.0.1:{self.server_port}/7"

    def events(self) -> list[Json]:
        """Return the events of all envelopes: a header line, then a header and a payload for each item."""
        found = []
        for body in self.bodies:
            lines = body.splitlines()
            found += [
                json.loads(lines[n + 1])
                for n in range(1, len(lines) - 1)
                if '"type":"event"' in lines[n].replace(" ", "")
            ]
        return found


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        assert isinstance(self.server, Receiver)
        self.server.bodies.append(body.decode())
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver."""
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def receiver(world: World) -> Iterator[Receiver]:
    """A receiver; afterwards nothing is sent any more."""
    with receiving() as server:
        yield server
    configure_logging(world.deps.settings)


def broken(app: Flask, secret: str) -> None:
    """Ask a view that breaks with a message, and with a secret in each place where a request can have one."""

    def view() -> None:
        prompt = f"fox {secret}"
        try:
            raise KeyError(prompt)
        except KeyError as error:
            raise ValueError(f"cannot draw {prompt}") from error

    app.add_url_rule("/broken", view_func=view, methods=["POST"])
    answer = app.test_client().post(
        f"/broken?prompt={secret}",
        json={"prompt": secret},
        headers={"Authorization": f"Bearer {secret}", "X-Request-Id": "r-1"},
    )
    assert answer.status_code == 500


def test_a_bug_in_a_view_arrives_without_what_the_user_wrote(world: World, receiver: Receiver) -> None:
    """Kinds and places of both exceptions, release and environment; no message, variable, header, body or query."""
    secret = uuid.uuid4().hex
    broken(create_app(deps=world.variant(SENTRY_DSN=receiver.dsn)), secret)
    sentry.flush()
    eventually(receiver.events)
    [event] = receiver.events()
    assert [one["type"] for one in event["exception"]["values"]] == ["KeyError", "ValueError"]
    assert event["exception"]["values"][1]["stacktrace"]["frames"][-1]["function"] == "view"
    assert (event["environment"], event["release"], event["tags"]["request_id"]) == ("local", "scrip@0.1.0", "r-1")
    assert secret not in "".join(receiver.bodies)
    assert world.keys.secret_key not in "".join(receiver.bodies)


def test_a_bug_in_a_job_arrives_before_its_process_ends(world: World, receiver: Receiver) -> None:
    """From a real worker: the argument, which breaks the job, stays here."""
    secret = uuid.uuid4().hex
    world.spawn_worker(SENTRY_DSN=receiver.dsn)
    rq.Queue("default", connection=world.deps.redis).enqueue("backend.worker.jobs.no_such_job", secret)
    eventually(receiver.events)
    assert receiver.events()[0]["exception"]["values"][-1]["type"] == "ValueError"
    assert secret not in "".join(receiver.bodies)


def test_without_a_dsn_nothing_is_sent(world: World, receiver: Receiver) -> None:
    """Also when an application before it in the same process had one."""
    create_app(deps=world.variant(SENTRY_DSN=receiver.dsn))
    broken(create_app(deps=world.deps), "anything")
    sentry.flush()
    assert receiver.bodies == []


def test_a_dsn_without_the_package_is_refused_at_start(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that mends it; a DSN that is none is refused too, unseen."""
    with pytest.raises(ConfigError, match="SENTRY_DSN is no DSN of Sentry"):
        load_settings(world.environ | {"SENTRY_DSN": "https://sentry.example.com"})
    monkeypatch.setattr(config, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install -r requirements-sentry\.txt"):
        load_settings(world.environ | {"SENTRY_DSN": "https://key@sentry.example.com/1"})
