"""Subscriptions on a test clock: what renews, is prorated, fails, recovers and ends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from backend.clients.stripe import Stripe
from scripts.local.stripe import Running, running
from scripts.local.stripe.periods import next_end
from scripts.local.stripe.settings import Settings
from tests.stripe.conftest import client_for
from tests.stripe.test_same_as_stripe import key

DAY = 86_400
START = int(datetime(2027, 1, 31, 12, tzinfo=UTC).timestamp())


class Subscriber:
    """Somebody who subscribed to the small plan, on a clock of their own."""

    def __init__(self, fake: Running) -> None:
        self.fake = fake
        self.stripe: Stripe = client_for(fake)
        self.clock = fake.control.create_clock(START)["id"]
        params = {"email": "ada@example.com", "test_clock": self.clock}
        self.customer = self.stripe.create_customer(params, key=key())["id"]
        self.small, self.large = (self.price(amount) for amount in (1000, 3000))
        session = self.stripe.create_checkout_session(
            {
                "mode": "subscription",
                "customer": self.customer,
                "success_url": "https://example.com/done",
                "line_items": [{"price": self.small, "quantity": 1}],
                "subscription_data": {"metadata": {"plan": "small"}},
            },
            key=key(),
        )
        self.id = fake.control.pay(session["id"])["subscription"]

    def price(self, amount: int) -> str:
        params = {"currency": "usd", "unit_amount": amount, "recurring": {"interval": "month"}}
        made = self.stripe.create_price({**params, "product_data": {"name": f"Plan {amount}"}}, key=key())
        return str(made["id"])

    def now(self) -> dict[str, Any]:
        return self.stripe.retrieve_subscription(self.id)

    def item(self) -> dict[str, Any]:
        return dict(self.now()["items"]["data"][0])

    def until(self, month: int, day: int) -> None:
        at = int(datetime(2027, month, day, 13, tzinfo=UTC).timestamp())
        self.fake.control.advance_clock(self.clock, at)

    def invoices(self) -> list[tuple[str, str, int]]:
        """Oldest first: what for, what became of it, the sum."""
        found = self.stripe.list_invoices({"subscription": self.id})
        return [
            (each["billing_reason"].removeprefix("subscription_"), each["status"], each["total"]) for each in found
        ][::-1]

    def kinds(self) -> list[str]:
        return [each["type"] for each in self.stripe.list_events()]


@pytest.fixture
def ada(fake: Running) -> Subscriber:
    """A subscriber to the small plan."""
    return Subscriber(fake)


@pytest.fixture
def strict() -> Iterator[Running]:
    """An account whose subscriptions stay unpaid, instead of ending."""
    with running(Settings(seed=1, after_dunning="unpaid")) as stripe:
        yield stripe


def test_months_end_on_their_last_day_and_keep_the_anchor() -> None:
    """31 January, 28 February, 31 March."""
    ends, start = [], START
    for _ in range(3):
        start = next_end(START, start, {"interval": "month", "interval_count": 1})
        ends.append(datetime.fromtimestamp(start, UTC).strftime("%m-%d"))
    assert ends == ["02-28", "03-31", "04-30"]


def test_a_paid_period_names_its_subscription_and_payment(ada: Subscriber) -> None:
    """Where API versions since 2025 have them: parent, lines' period, payments, items' periods."""
    (invoice,) = ada.stripe.list_invoices({"subscription": ada.id})
    assert invoice["parent"]["subscription_details"] == {"metadata": {"plan": "small"}, "subscription": ada.id}
    line = invoice["lines"]["data"][0]
    assert (line["period"]["start"], line["period"]["end"]) == (
        ada.item()["current_period_start"],
        ada.item()["current_period_end"],
    )
    assert line["pricing"]["price_details"]["price"] == ada.small
    shown = ada.stripe.retrieve_invoice(invoice["id"], expand=["payments.data.payment.payment_intent"])
    assert shown["payments"]["data"][0]["payment"]["payment_intent"]["amount_received"] == 1000


def test_six_periods_with_upgrade_failed_renewal_recovery_and_cancel(ada: Subscriber) -> None:
    """Every period has one invoice; the upgrade is charged by what is left, the recovery by the new card."""
    ada.until(3, 15)
    item = ada.item()["id"]
    up = {"items": [{"id": item, "price": ada.large}], "proration_behavior": "always_invoice"}
    ada.stripe.update_subscription(ada.id, up, key=key())
    left = ada.stripe.list_invoices({"subscription": ada.id})[0]
    credit, charge = (each["amount"] for each in left["lines"]["data"])
    share = (ada.item()["current_period_end"] - (START + 43 * DAY + 3600)) / (31 * DAY)
    assert (credit, charge) == (-round(1000 * share), round(3000 * share))
    ada.fake.control.decline_next(ada.customer)
    ada.until(4, 2)
    assert ada.now()["status"] == "past_due"
    failed = ada.stripe.retrieve_invoice(ada.now()["latest_invoice"])
    assert (failed["status"], failed["attempt_count"]) == ("open", 1)
    assert failed["next_payment_attempt"] == failed["created"] + 3 * DAY
    ada.until(4, 4)
    assert ada.now()["status"] == "active"
    ada.until(7, 10)
    ada.stripe.update_subscription(ada.id, {"cancel_at_period_end": True}, key=key())
    assert ada.now()["cancel_at"] == ada.item()["current_period_end"]
    ada.until(8, 10)
    assert ada.now()["status"] == "canceled"
    cycle = ("cycle", "paid", 3000)
    assert ada.invoices() == [
        *(("create", "paid", 1000), ("cycle", "paid", 1000), ("update", "paid", credit + charge)),
        *(cycle, cycle, cycle, cycle),
    ]
    assert ada.kinds()[-2:] == ["customer.subscription.deleted", "test_helpers.test_clock.ready"]
    assert ada.kinds().count("invoice.payment_failed") == 1


def test_a_downgrade_waits_for_the_next_invoice(ada: Subscriber) -> None:
    """What is left of the large plan is taken off the next small one."""
    up = {"items": [{"id": ada.item()["id"], "price": ada.large}], "proration_behavior": "none"}
    ada.stripe.update_subscription(ada.id, up, key=key())
    ada.until(2, 14)
    down = {"items": [{"id": ada.item()["id"], "price": ada.small}]}
    ada.stripe.update_subscription(ada.id, down, key=key())
    assert len(ada.invoices()) == 1
    ada.until(3, 1)
    lines = ada.stripe.list_invoices({"subscription": ada.id})[0]["lines"]["data"]
    proration = [each["parent"]["subscription_item_details"]["proration"] for each in lines]
    assert proration == [True, True, False]
    left = (14 * DAY - 3600) / (28 * DAY)  # from one in the afternoon of the 14th
    assert lines[0]["amount"] == pytest.approx(-3000 * left, abs=1)
    assert lines[1]["amount"] == pytest.approx(-lines[0]["amount"] / 3, abs=1)
    assert lines[2]["amount"] == 1000


def test_a_renewal_that_stays_unpaid_ends_the_subscription(ada: Subscriber) -> None:
    """Four tries, then it is over."""
    ada.fake.control.decline_next(ada.customer, count=10)
    ada.until(3, 20)
    assert (ada.now()["status"], ada.now()["cancellation_details"]["reason"]) == ("canceled", "payment_failed")
    assert ada.kinds().count("invoice.payment_failed") == 4


def test_an_unpaid_subscription_comes_back_when_its_invoice_is_paid(strict: Running) -> None:
    """On the hosted page of the invoice."""
    ada = Subscriber(strict)
    strict.control.decline_next(ada.customer, count=4)
    ada.until(3, 20)
    assert ada.now()["status"] == "unpaid"
    invoice = ada.stripe.retrieve_invoice(ada.now()["latest_invoice"])
    assert "Paid" not in httpx.get(invoice["hosted_invoice_url"]).text
    assert httpx.post(invoice["hosted_invoice_url"], data={"card": "4242"}).status_code == 200
    assert ada.now()["status"] == "active"


def test_the_portal_changes_plan_cancels_and_resumes(ada: Subscriber) -> None:
    """By forms that people can use; another customer's subscription is not to be had."""
    params = {"customer": ada.customer, "return_url": "https://example.com/account"}
    url = ada.stripe.create_portal_session(params, key=key())["url"]
    assert "Plan 1000" in httpx.get(url).text
    form = {"subscription": ada.id, "price": ada.large, "card": "4242"}
    for action in ("change", "cancel"):
        assert httpx.post(url, data={**form, "action": action}).status_code == 200
    assert (ada.item()["price"]["id"], ada.now()["cancel_at_period_end"]) == (ada.large, True)
    httpx.post(url, data={**form, "action": "resume"})
    assert (ada.now()["cancel_at_period_end"], ada.now()["cancel_at"]) == (False, None)
    assert httpx.post(url, data={"action": "leave"}).headers["Location"] == "https://example.com/account"
    other = ada.stripe.create_customer({"email": "bob@example.com"}, key=key())["id"]
    bobs = ada.stripe.create_portal_session({"customer": other}, key=key())["url"]
    assert "No such subscription" in httpx.post(bobs, data={**form, "action": "cancel"}).text
    assert not ada.now()["cancel_at_period_end"]


def test_everybodys_clock_can_be_moved_too(fake: Running) -> None:
    """For people at scripts/start: two months later two periods more are paid."""
    ada = Subscriber(fake)
    customer = ada.stripe.create_customer({"email": "bob@example.com"}, key=key())["id"]
    params = {"mode": "subscription", "customer": customer, "success_url": "https://example.com/done"}
    line = {"line_items": [{"price": ada.small, "quantity": 1}]}
    fake.control.pay(ada.stripe.create_checkout_session({**params, **line}, key=key())["id"])
    fake.control.advance(63 * DAY)
    assert len(ada.stripe.list_invoices({"customer": customer})) == 3
    assert len(ada.invoices()) == 1, "ada's clock stands still"
