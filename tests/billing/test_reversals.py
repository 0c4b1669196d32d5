"""Money that goes back: refunds by admins and in the dashboard, disputes opened, won and lost."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from werkzeug.test import TestResponse

from backend.core import healing
from tests.billing.conftest import Shop
from tests.web.person import Person


def refund(admin: Person, payment: dict[str, Any], *, key: str | None = None, **what: Any) -> TestResponse:
    """Ask for a refund as an admin."""
    headers = {"Idempotency-Key": key or uuid.uuid4().hex}
    path = f"/api/v1/admin/payments/{payment['id']}/refund"
    return admin.ask("POST", path, json={"reason": "asked for", **what}, headers=headers)


@pytest.mark.parametrize(("what", "cents", "left"), [
    ({"full": True}, 1499, 25), ({"amount_cents": 300}, 300, 104), ({"credits": 40}, 599, 85),
])  # fmt: skip
def test_an_admin_gives_money_back(shop: Shop, what: dict[str, Any], cents: int, left: int) -> None:
    """By amount, by credits or all of it; the credits go at once, and the event that follows changes nothing more."""
    alice, admin = shop.person(), shop.admin()
    payment, key = shop.buy(alice), uuid.uuid4().hex
    done = refund(admin, payment, key=key, **what).json
    assert (done["refund"]["status"], done["refund"]["amount_cents"]) == ("sent", cents)
    assert done["payment"]["refunded_cents"] == cents
    again = refund(admin, payment, key=key, **what).json
    assert again["refund"]["id"] == done["refund"]["id"]
    shop.deliver()
    assert alice.available() == left
    assert len([*shop.stripe.state.all("refund")]) == 1


def test_a_refund_can_be_tried(shop: Shop) -> None:
    """It tells credits, lots and money, also while Stripe is away: nobody asks there."""
    alice, admin = shop.person(), shop.admin()
    payment = shop.buy(alice)
    shop.stripe.control.fault(when="before", path="/v1/", count=1)
    tried = refund(admin, payment, credits=40, dry_run=True).json
    assert (tried["dry_run"], tried["payment"], tried["refund"]["id"]) == (True, None, None)
    assert (tried["refund"]["amount_cents"], tried["refund"]["takes"]["credits"]) == (599, 40)
    assert tried["refund"]["takes"]["balance"] == alice.available() - 40
    assert [lot["amount"] for lot in tried["refund"]["takes"]["lots"]] == [40]
    assert shop.stripe.control.next_fault("/v1/refunds"), "the fault still waits for somebody who asks"


def test_more_than_was_paid_is_refused(shop: Shop) -> None:
    """Over several refunds, too; a key for another refund, and people without the role."""
    alice, admin = shop.person(), shop.admin()
    payment = shop.buy(alice)
    over = refund(admin, payment, amount_cents=1500)
    assert (over.status_code, over.json["error"]["code"]) == (400, "invalid_amount")
    assert over.json["error"]["details"]["refundable_cents"] == 1499
    assert refund(admin, payment, key="k", amount_cents=1000).status_code == 200
    assert refund(admin, payment, amount_cents=500).status_code == 400
    assert refund(admin, payment, key="k", amount_cents=400).json["error"]["code"] == "idempotency_key_reused"
    assert refund(admin, payment, amount_cents=1, credits=1).status_code == 422
    assert refund(alice, payment, full=True).status_code == 403
    assert refund(admin, {"id": uuid.uuid4()}, full=True).status_code == 404


def test_an_interrupted_refund_is_sent_again_once(shop: Shop) -> None:
    """The answer is lost and the admin gone: the healer sends it under its own key, and money goes back once."""
    alice, admin = shop.person(), shop.admin()
    payment = shop.buy(alice)
    shop.stripe.control.fault(when="after", path="/v1/refunds", count=3)
    assert refund(admin, payment, full=True).status_code == 503
    shop.world.connection.execute(
        "update private.payment_refunds set check_at = private.clock() where status = 'requested'"
    )
    assert healing.send_refunds(shop.deps) == 1
    shop.deliver()
    assert [one["amount"] for one in shop.stripe.state.all("refund")] == [1499]
    assert alice.available() == 25


def test_a_refund_in_the_dashboard_arrives_by_its_event(shop: Shop) -> None:
    """Regression: P1: partly, then the rest; a refund that fails later gives the credits back."""
    alice = shop.person()
    payment = shop.buy(alice)
    first = shop.stripe.control.refund(shop.charge(payment), 500)
    shop.deliver()
    assert (shop.payment(alice, payment)["status"], alice.available()) == ("partially_refunded", 125 - 34)
    shop.stripe.control.fail_refund(first["id"])
    shop.deliver()
    assert (shop.payment(alice, payment)["status"], alice.available()) == ("paid", 125)
    shop.stripe.control.refund(shop.charge(payment))
    shop.deliver()
    assert (shop.payment(alice, payment)["status"], alice.available()) == ("refunded", 25)


@pytest.mark.parametrize("order", ["as they came", "backwards"])
@pytest.mark.parametrize(("end", "left"), [("win", 125), ("lose", 25)])
def test_a_dispute_holds_back_and_its_end_decides(shop: Shop, order: str, end: str, left: int) -> None:
    """Regression: P2: opened and won, opened and lost, events in both orders."""
    alice = shop.person()
    payment = shop.buy(alice)
    dispute = shop.stripe.control.dispute(shop.charge(payment))
    if order == "as they came":
        shop.deliver()
        assert (shop.payment(alice, payment)["status"], alice.available()) == ("disputed", 25)
    getattr(shop.stripe.control, end)(dispute["id"])
    for event in shop.events() if order == "as they came" else reversed(shop.events()):
        shop.webhook(event)
        shop.apply()
    assert alice.available() == left


def test_an_inquiry_takes_nothing(shop: Shop) -> None:
    """The bank only asks."""
    alice = shop.person()
    payment = shop.buy(alice)
    shop.stripe.control.dispute(shop.charge(payment), inquiry=True)
    shop.deliver()
    assert (shop.payment(alice, payment)["status"], alice.available()) == ("paid", 125)


def test_a_disputed_payment_is_not_refunded_as_well(shop: Shop) -> None:
    """Regression: P5: the bank has the money already; refused before Stripe is asked."""
    alice, admin = shop.person(), shop.admin()
    payment = shop.buy(alice)
    shop.stripe.control.dispute(shop.charge(payment))
    shop.deliver()
    assert refund(admin, payment, full=True).json["error"]["code"] == "invalid_state"
