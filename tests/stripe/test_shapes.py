"""Everything that the local Stripe emits in a long run looks as the SDK's types say, events included."""

from __future__ import annotations

from typing import Any

from scripts.local.stripe import Running
from tests.stripe.conftest import client_for
from tests.stripe.shapes import problems
from tests.stripe.test_same_as_stripe import LINE, key

MONTHLY = {"currency": "usd", "recurring": {"interval": "month"}}


def live(fake: Running) -> None:
    """Use every part once: buy, decline, refund, dispute, subscribe, change, fail, recover, cancel."""
    stripe = client_for(fake)
    clock = fake.control.create_clock(1_800_000_000)["id"]
    customer = stripe.create_customer({"email": "ada@example.com", "test_clock": clock}, key=key())["id"]
    ordinary = stripe.create_customer({"email": "bob@example.com"}, key=key())["id"]
    done = {"success_url": "https://example.com/done", "customer": ordinary}
    buy = {**done, "line_items": [LINE], "invoice_creation": {"enabled": True}, "automatic_tax": {"enabled": True}}
    fake.control.tax(10)
    bought = stripe.create_checkout_session({**buy, "mode": "payment"}, key=key())["id"]
    fake.control.pay(bought)
    slow = stripe.create_checkout_session({**buy, "mode": "payment"}, key=key())["id"]
    fake.control.pay(slow, later=True)
    fake.control.settle_payment(slow)
    setup = stripe.create_checkout_session({**done, "mode": "setup", "currency": "usd"}, key=key())["id"]
    fake.control.pay(setup)
    fake.control.expire(stripe.create_checkout_session({**buy, "mode": "payment"}, key=key())["id"])
    charge = stripe.retrieve_checkout_session(bought, expand=["payment_intent"])["payment_intent"]["latest_charge"]
    fake.control.fail_refund(fake.control.refund(charge, 100)["id"])
    fake.control.win(fake.control.dispute(charge)["id"])
    fake.control.lose(fake.control.dispute(charge, amount=200)["id"])
    fake.control.win(fake.control.dispute(charge, inquiry=True)["id"])
    prices = [
        stripe.create_price({**MONTHLY, "unit_amount": amount, "product_data": {"name": name}}, key=key())["id"]
        for amount, name in ((1000, "Small"), (3000, "Large"))
    ]
    plan = {"mode": "subscription", "line_items": [{"price": prices[0], "quantity": 1}]}
    session = stripe.create_checkout_session({**done, **plan, "customer": customer}, key=key())["id"]
    subscription = fake.control.pay(session)["subscription"]
    item = stripe.retrieve_subscription(subscription)["items"]["data"][0]["id"]
    up = {"items": [{"id": item, "price": prices[1]}], "proration_behavior": "always_invoice"}
    stripe.update_subscription(subscription, up, key=key())
    fake.control.decline_next(customer)
    fake.control.advance_clock(clock, 1_800_000_000 + 40 * 86_400)
    stripe.create_portal_session({"customer": customer, "return_url": "https://example.com"}, key=key())
    stripe.cancel_subscription(subscription, key=key())


def test_every_object_has_the_shape_that_the_sdk_expects(fake: Running) -> None:
    """Required fields, their types, their words; and not one field that Stripe does not have."""
    live(fake)
    found = [each for each in fake.state.objects.values() if not each["object"].startswith("local.")]
    found += [each["data"]["object"] for each in fake.state.all("event")]
    assert {each["object"] for each in found} >= {
        *("balance_transaction", "billing_portal.session", "charge", "checkout.session", "customer", "dispute"),
        *("event", "invoice", "invoice_payment", "payment_intent", "payment_method", "price", "product", "refund"),
        *("setup_intent", "subscription", "test_helpers.test_clock"),
    }
    assert sorted({problem for each in found for problem in problems(each)}) == []
    assert not any(each.get("livemode") for each in found)


def test_the_check_looks_into_lists_and_nested_objects(fake: Running) -> None:
    """A line without its amount, an item without its period, an intent without a word of the SDK's."""
    live(fake)
    invoice = next(each for each in fake.state.all("invoice") if each["parent"])
    del invoice["lines"]["data"][0]["amount"], invoice["parent"]["subscription_details"]["subscription"]
    assert problems(invoice) == [
        "invoice.lines[0].amount is missing",
        "invoice.parent.subscription_details.subscription is missing",
    ]
    subscription = next(fake.state.all("subscription"))
    del subscription["items"]["data"][0]["current_period_end"]
    assert problems(subscription) == ["subscription.items[0].current_period_end is missing"]


def test_the_check_can_fail(fake: Running) -> None:
    """A missing field, a wrong type, a wrong word and a field too many are each told."""
    made: dict[str, Any] = client_for(fake).create_customer({"email": "a@example.com"}, key=key())
    client_for(fake).create_price({"currency": "usd", "unit_amount": 1, "product_data": {"name": "x"}}, key=key())
    price = dict(next(fake.state.all("price")))
    assert problems(made) == problems(price) == []
    assert problems({**made, "balance": "0"}) == ["customer.balance is '0', no int"]
    assert problems({**made, "invented": 1}) == ["customer.invented is not Stripe's"]
    assert problems({**price, "unit_amount_decimal": 1}) == [
        "price.unit_amount_decimal is no decimal written as a string"
    ]
    del price["active"]
    assert problems(price) == ["price.active is missing"]
