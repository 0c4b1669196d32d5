"""Deliveries as Stripe makes them, and in every way that goes wrong; held against the client's own verification."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from backend.clients.stripe import Stripe
from backend.errors import InvalidSignature, PaymentsNotConfigured
from scripts.local.stripe import Running, running
from scripts.local.stripe.settings import Settings
from tests.stripe.conftest import client_for, client_of
from tests.stripe.test_same_as_stripe import key


class Listener:
    """An app that takes webhooks: what it was told, and whether it believed it."""

    def __init__(self) -> None:
        self.stripe: Stripe | None = None
        self.answers: list[int] = []  # what to say instead of 200, one after the other
        self.heard: list[str] = []
        self.refused: list[str] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def take(self, body: bytes, signature: str | None) -> int:
        assert self.stripe
        try:
            event = self.stripe.verify_webhook(body, signature)
        except InvalidSignature:
            self.refused.append(json.loads(body)["data"]["object"]["name"])
            return 400
        if self.answers:
            return self.answers.pop(0)
        self.heard.append(event["data"]["object"]["name"])
        return 200

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(listener.take(body, self.headers["Stripe-Signature"]))
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        return Handler


@pytest.fixture
def listener() -> Iterator[Listener]:
    """An app on a port."""
    made = Listener()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture
def telling(listener: Listener) -> Iterator[Running]:
    """A local Stripe that tells the app."""
    with running(Settings(webhook_url=listener.url, retry_seconds=0.01, seed=1)) as stripe:
        listener.stripe = client_for(stripe)
        yield stripe


def happen(stripe: Running, *names: str) -> None:
    """One event for each name, and the time to tell them."""
    for name in names:
        client_for(stripe).create_customer({"name": name}, key=key())
    assert stripe.webhooks.settle()


def test_an_event_is_signed_and_told_once(telling: Running, listener: Listener) -> None:
    """The ordinary case; once it was answered nothing is pending."""
    happen(telling, "a")
    assert listener.heard == ["a"]
    assert next(telling.state.all("event"))["pending_webhooks"] == 0


def test_a_failed_delivery_is_repeated_until_it_is_answered(telling: Running, listener: Listener) -> None:
    """With the same event, however often that takes."""
    listener.answers = [500, 503, 302]
    happen(telling, "a")
    assert listener.heard == ["a"]
    assert [each["status"] for each in telling.control.attempts()] == [500, 503, 302, 200]


def test_events_can_come_twice_late_or_never(telling: Running, listener: Listener) -> None:
    """The late one is overtaken; the dropped one is in the list of events all the same."""
    telling.control.arrange("twice")
    happen(telling, "a")
    assert listener.heard == ["a", "a"]
    telling.control.arrange("late", seconds=0.1)
    telling.control.arrange("drop")
    happen(telling, "b", "c", "d")
    assert listener.heard == ["a", "a", "d", "b"]
    names = [each["data"]["object"]["name"] for each in client_for(telling).list_events()]
    assert names == ["a", "b", "c", "d"]


def test_events_can_be_held_and_reordered(telling: Running, listener: Listener) -> None:
    """Nothing while they are held; then in the order that was asked for."""
    telling.control.hold()
    happen(telling, "a", "b", "c")
    assert listener.heard == []
    telling.control.release("newest")
    assert telling.webhooks.settle()
    assert listener.heard == ["c", "b", "a"]


@pytest.mark.parametrize("way", ["forge", "old"])
def test_a_forged_or_old_signature_is_refused(telling: Running, listener: Listener, way: str) -> None:
    """Refused by the client; the real delivery that follows is believed."""
    telling.control.arrange(way)
    happen(telling, "a")
    assert (listener.refused, listener.heard) == (["a"], ["a"])


def test_a_single_event_can_be_sent_again(telling: Running, listener: Listener) -> None:
    """Days later, if need be."""
    happen(telling, "a")
    event = next(telling.state.all("event"))["id"]
    assert telling.control.send(event) == 200
    assert telling.control.send(event, forged=True) == 400
    assert (listener.heard, listener.refused) == (["a", "a"], ["a"])


def test_what_was_not_delivered_survives_a_restart(listener: Listener, tmp_path: Path) -> None:
    """Objects, ids, keys and pending deliveries are in the file."""
    settings = Settings(webhook_url=listener.url, file=tmp_path / "objects.db")
    with running(settings) as first:
        first.control.hold()
        made = client_for(first).create_customer({"name": "a"}, key="once")
    with running(settings) as second:
        listener.stripe = client_for(second)
        assert client_for(second).create_customer({"name": "a"}, key="once") == made
        for _ in range(3):  # what came before there was a client is repeated
            assert second.webhooks.settle()
    assert listener.heard == ["a"]


def test_without_a_secret_the_webhook_is_closed_and_a_stranger_is_never_believed() -> None:
    """No secret, no signature, no JSON, no event."""
    with pytest.raises(PaymentsNotConfigured, match="STRIPE_WEBHOOK_SECRET"):
        client_of().verify_webhook(b"{}", "t=1,v1=x")
    stripe = client_of(STRIPE_WEBHOOK_SECRET="whsec_1")
    for body, signature in (
        (b"{}", None),
        (b"{}", ""),
        (b"{}", "nonsense"),
        (b"\xff", "t=1,v1=x"),
        (b"{}", "t=x,v1=y"),
    ):
        with pytest.raises(InvalidSignature):
            stripe.verify_webhook(body, signature)
