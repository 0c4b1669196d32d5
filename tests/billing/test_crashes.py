"""A process dies at each point between Stripe and the database: nothing is lost, and nothing happens twice."""

from __future__ import annotations

import signal
import uuid
from typing import Any

import pytest

from backend.core import healing, stripe_events
from backend.errors import AppError
from tests.billing.conftest import BILLING, Shop
from tests.billing.test_webhook import paid_event
from tests.web.person import Person
from tests.worker.world import eventually

RPC = "/rest/v1/rpc"


def lost(shop: Shop, person: Person, key: str, *functions: str) -> None:
    """Start to buy, and die before these functions of the database are reached."""
    with shop.world.supabase.outage(*(f"{RPC}/{function}" for function in functions)):
        ask: dict[str, Any] = {"json": {"package_id": "credits-100"}, "headers": {"Idempotency-Key": key}}
        assert person.ask("POST", f"{BILLING}/checkout", **ask).status_code == 503


@pytest.mark.parametrize("before", ["store_stripe_customer", "attach_checkout_session"])
def test_a_checkout_that_dies_goes_on_where_it_was(shop: Shop, before: str) -> None:
    """Regression: P9: Stripe has made it and the row does not know: asked again, it is the same."""
    alice, key = shop.person(), uuid.uuid4().hex
    lost(shop, alice, key, before)
    payment = shop.checkout(alice, key=key)
    shop.stripe.control.pay(payment["checkout_session_id"])
    shop.deliver()
    assert (shop.payment(alice, payment)["status"], alice.available()) == ("paid", 125)
    for kind in ("customer", "checkout.session"):
        assert len([*shop.stripe.state.all(kind)]) == 1


@pytest.mark.parametrize(("end", "status", "left"), [("pay", "paid", 125), ("expire", "expired", 25)])
def test_a_session_that_no_row_names_finds_its_payment(shop: Shop, end: str, status: str, left: int) -> None:
    """We died before the session was stored and nobody asked again; what becomes of it tells which payment it is."""
    alice = shop.person()
    lost(shop, alice, uuid.uuid4().hex, "attach_checkout_session")
    (session,) = shop.stripe.state.all("checkout.session")
    getattr(shop.stripe.control, end)(session["id"])
    shop.deliver()
    (payment,) = alice.get(f"{BILLING}/payments").json["data"]
    assert (payment["status"], alice.available()) == (status, left)


def test_an_event_survives_a_crash_before_the_books_move(shop: Shop) -> None:
    """Stripe was asked, the answer is here, and the process ends: the event still waits, and is applied once."""
    alice = shop.person()
    shop.stripe.control.pay(shop.checkout(alice)["checkout_session_id"])
    event = str(paid_event(shop)["id"])
    shop.webhook(paid_event(shop))
    gone = (f"{RPC}/apply_payment_state", f"{RPC}/fail_stripe_event")
    with shop.world.supabase.outage(*gone), pytest.raises(AppError):
        stripe_events.apply(shop.deps, event)
    assert alice.available() == 25
    shop.let_retry_wait_pass(event)
    assert stripe_events.dispatch(shop.deps) >= 1
    shop.apply()
    shop.deliver()
    assert shop.world.ledger(alice.user)[1:] == [("grant", 100)]


def test_an_event_survives_a_worker_that_is_killed(shop: Shop) -> None:
    """kill -9 while it waits for Stripe; another worker, told by the scheduler, finishes the work."""
    alice = shop.person()
    shop.stripe.control.pay(shop.checkout(alice)["checkout_session_id"])
    shop.stripe.control.slowness(3)
    shop.webhook(paid_event(shop))
    calls = shop.world.supabase.calls
    calls.clear()
    key = shop.stripe.state.settings.secret_key
    worker = shop.world.spawn_worker(STRIPE_SECRET_KEY=key, STRIPE_API_BASE=shop.stripe.url)
    eventually(lambda: f"{RPC}/look_up_payment" in calls, seconds=40, why=worker.lines)  # next it asks Stripe
    worker.end(signal.SIGKILL)
    shop.stripe.control.slowness(0)
    shop.apply()
    assert shop.world.ledger(alice.user)[1:] == [("grant", 100)]


def test_a_refund_that_dies_after_stripe_is_one_refund(shop: Shop) -> None:
    """The money went back and nobody wrote it down: the healer asks under the same key, and it goes back once."""
    alice, admin = shop.person(), shop.admin()
    payment = shop.buy(alice)
    path = f"/api/v1/admin/payments/{payment['id']}/refund"
    with shop.world.supabase.outage(f"{RPC}/finish_refund"):
        assert admin.ask("POST", path, json={"full": True, "reason": "x"}).status_code == 503
    shop.world.connection.execute(
        "update private.payment_refunds set check_at = private.clock() where status = 'requested'"
    )
    assert healing.send_refunds(shop.deps) == 1
    assert [one["amount"] for one in shop.stripe.state.all("refund")] == [1499]
    shop.deliver()
    assert (alice.available(), shop.payment(alice, payment)["status"]) == (25, "refunded")
