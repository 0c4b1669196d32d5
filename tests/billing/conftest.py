"""A shop: the web application, the worker's code, a real database and a local Stripe."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import stripe
from flask import Flask
from werkzeug.test import TestResponse

from backend.app import create_app
from backend.core import healing, stripe_events
from backend.deps import Deps
from scripts.local.postgres import Postgres
from scripts.local.stripe import Running, running
from scripts.local.stripe.settings import Settings
from scripts.local.valkey import Valkey
from tests.web.conftest import surround
from tests.web.person import Person
from tests.worker.world import World

Json = Any
WEBHOOK = "/api/v1/webhooks/stripe"
BILLING = "/api/v1/billing"


@dataclass
class Shop:
    """Everything between a customer and the ledger."""

    world: World
    app: Flask
    deps: Deps
    stripe: Running

    def person(self) -> Person:
        """Somebody with 25 sign-up credits."""
        return Person(self.app, self.world.new_user())

    def admin(self) -> Person:
        """Somebody who may give money back."""
        admin = self.person()
        self.world.connection.execute("insert into private.user_roles values (%s, 'admin')", [admin.id])
        return admin

    def checkout(self, person: Person, package: str = "credits-100", *, key: str | None = None) -> Json:
        """Start to buy; the payment as its row says."""
        headers = {"Idempotency-Key": key or uuid.uuid4().hex}
        answer = person.ask("POST", f"{BILLING}/checkout", json={"package_id": package}, headers=headers)
        assert answer.status_code == 200, answer.text
        query = "select to_jsonb(p) from public.payments p where id = %s"
        return self.world.sql.one(query, answer.json["payment_id"]) | {"url": answer.json["url"]}

    def payment(self, person: Person, payment: Json) -> Json:
        """A payment as its buyer sees it."""
        return person.get(f"{BILLING}/payments/{payment['id']}").json

    def buy(self, person: Person, package: str = "credits-100") -> Json:
        """Start to buy, pay, and let the news arrive."""
        payment = self.checkout(person, package)
        self.stripe.control.pay(payment["checkout_session_id"])
        self.deliver()
        return self.payment(person, payment)

    def charge(self, payment: Json) -> str:
        """The charge that paid it."""
        return str(self.world.sql.one("select charge_id from public.payments where id = %s", payment["id"]))

    def events(self) -> list[Json]:
        """What happened at Stripe, oldest first."""
        return [*reversed([*self.stripe.state.all("event")])]

    def webhook(self, event: Json, *, secret: str | None = None, age: int = 0) -> TestResponse:
        """Post an event, signed as Stripe does."""
        payload = json.dumps(event)
        signature = stripe.WebhookSignature.generate_signature_header(
            payload, secret or self.stripe.state.settings.webhook_secret, timestamp=int(time.time()) - age
        )
        headers = {"Stripe-Signature": signature, "Content-Type": "application/json"}
        return self.app.test_client().post(WEBHOOK, data=payload, headers=headers)

    def apply(self) -> None:
        """Do what a worker does with all that waits."""
        waiting = "select id from private.stripe_events where state = 'received' order by received_at"
        for (event_id,) in self.world.connection.execute(waiting).fetchall():
            stripe_events.apply(self.deps, event_id)

    def deliver(self) -> None:
        """Bring every event that was not brought yet, and apply it."""
        known = {found for (found,) in self.world.connection.execute("select id from private.stripe_events").fetchall()}
        for event in self.events():
            if event["id"] not in known:
                assert self.webhook(event).status_code == 200
        self.apply()

    def heal(self) -> Json:
        """Do what the scheduler does, then the worker."""
        healed = healing.heal(self.deps)
        self.apply()
        return healed

    def let_retry_wait_pass(self, event_id: str) -> None:
        """Make an event due now."""
        due = "update private.stripe_events set next_attempt_at = private.clock() where id = %s"
        self.world.connection.execute(due, [event_id])

    def states(self) -> set[str]:
        """Which states events of this Stripe are in."""
        ids = [event["id"] for event in self.events()]
        rows = self.world.connection.execute("select state from private.stripe_events where id = any(%s)", [ids])
        return {state for (state,) in rows.fetchall()}


@pytest.fixture(scope="session")
def whole_world(
    postgres: Postgres, template: str, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """The shared world; use `shop`."""
    with surround("billing_world", postgres, template, valkey, tmp_path_factory.mktemp("billing")) as world:
        yield world


@pytest.fixture
def world(whole_world: World) -> Iterator[World]:
    """The world, with an empty queue."""
    whole_world.clear()
    yield whole_world
    whole_world.clear()


@contextmanager
def opened(world: World) -> Iterator[Shop]:
    """A shop with a Stripe of its own and the healer at its beginning; users and rows of others don't matter."""
    with running(Settings()) as fake:
        keys = fake.state.settings
        deps = world.variant(
            STRIPE_SECRET_KEY=keys.secret_key, STRIPE_WEBHOOK_SECRET=keys.webhook_secret, STRIPE_API_BASE=fake.url
        )
        world.connection.execute("update private.stripe_cursor set read_until = null")
        _forget_closed_shops(world)
        yield Shop(world, create_app(deps=deps), deps, fake)


def _forget_closed_shops(world: World) -> None:
    """Lay to rest what waits of shops before: this Stripe knows none of it, and would park it in the end."""
    waiting = world.connection.execute("select id from private.stripe_events where state in ('received', 'parked')")
    for (event_id,) in waiting.fetchall():
        world.sql.as_service("ignore_stripe_event", p_event_id=event_id, p_reason="its shop has closed")


@pytest.fixture
def shop(world: World) -> Iterator[Shop]:
    """A shop of the test's own."""
    with opened(world) as shop:
        yield shop
