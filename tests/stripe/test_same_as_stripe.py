"""What Scrip relies on, claimed of the local Stripe always and of Stripe's test mode with `-m stripe_live`."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from backend.clients.stripe import Stripe, StripeRefusal
from backend.errors import IdempotencyKeyReused, PaymentDeclined

LINE = {"price_data": {"currency": "usd", "unit_amount": 999, "product_data": {"name": "100 credits"}}, "quantity": 1}


def key() -> str:
    """A key that nobody has used."""
    return uuid.uuid4().hex


def customer(stripe: Stripe) -> str:
    """A new customer."""
    return str(stripe.create_customer({"email": "ada@example.com", "metadata": {"user_id": "u1"}}, key=key())["id"])


def payment(stripe: Stripe, card: str = "pm_card_visa", **more: Any) -> dict[str, Any]:
    """A payment of 9.99 without anybody at the screen."""
    params = {"amount": 999, "currency": "usd", "customer": customer(stripe), "payment_method": card, "confirm": True}
    return stripe.create_payment_intent({**params, "off_session": True, **more}, key=key())


def session(stripe: Stripe, **more: Any) -> dict[str, Any]:
    """An open checkout session."""
    params = {"mode": "payment", "success_url": "https://example.com/done", "line_items": [LINE], **more}
    return stripe.create_checkout_session(params, key=key())


def test_a_customer_is_found_again(stripe: Stripe) -> None:
    """The ordinary case."""
    made = stripe.retrieve_customer(customer(stripe))
    assert (made["object"], made["email"], made["metadata"], made["livemode"]) == (
        *("customer", "ada@example.com"),
        *({"user_id": "u1"}, False),
    )


def test_a_session_waits_for_its_payer(stripe: Stripe) -> None:
    """Open and unpaid, with the sum of its lines, and no payment yet; ours comes back as we sent it."""
    made = session(stripe, metadata={"payment_id": "p1"}, client_reference_id="u1", customer=customer(stripe))
    found = stripe.retrieve_checkout_session(made["id"], expand=["line_items", "customer"])
    assert (found["status"], found["payment_status"], found["payment_intent"]) == ("open", "unpaid", None)
    assert (found["amount_total"], found["currency"], found["metadata"]) == (999, "usd", {"payment_id": "p1"})
    assert found["line_items"]["data"][0]["amount_total"] == 999
    assert found["customer"]["email"] == "ada@example.com"
    assert found["url"].startswith("http")


def test_a_session_can_be_closed_once(stripe: Stripe) -> None:
    """A second time is refused."""
    made = session(stripe)
    assert stripe.expire_checkout_session(made["id"])["status"] == "expired"
    with pytest.raises(StripeRefusal):
        stripe.expire_checkout_session(made["id"])


def test_a_key_gives_the_first_answer_again_and_serves_one_request(stripe: Stripe) -> None:
    """Same key and request: the same object. Same key, another request: refused."""
    one = key()
    first = stripe.create_customer({"email": "a@example.com"}, key=one)
    assert stripe.create_customer({"email": "a@example.com"}, key=one)["id"] == first["id"]
    with pytest.raises(IdempotencyKeyReused):
        stripe.create_customer({"email": "b@example.com"}, key=one)


def test_a_payment_shows_its_charge_and_receipt(stripe: Stripe) -> None:
    """`latest_charge` is an id until it is expanded; the charge has its refunds only when asked for."""
    made = payment(stripe, metadata={"payment_id": "p1"})
    assert (made["status"], made["amount_received"]) == ("succeeded", 999)
    assert made["latest_charge"].startswith(("ch_", "py_"))
    found = stripe.retrieve_payment_intent(made["id"], expand=["latest_charge.refunds"])
    charge = found["latest_charge"]
    assert (charge["paid"], charge["amount_refunded"], charge["refunds"]["data"]) == (True, 0, [])
    assert charge["metadata"] == {"payment_id": "p1"}
    assert charge["receipt_url"].startswith("http")
    assert "refunds" not in stripe.retrieve_charge(charge["id"])


@pytest.mark.parametrize(
    ("card", "reason"),
    [("pm_card_visa_chargeDeclined", "generic_decline"), ("pm_card_authenticationRequired", "authentication_required")],
)
def test_a_declined_payment_says_why(stripe: Stripe, card: str, reason: str) -> None:
    """402 with the bank's reason, and the payment that may be tried again."""
    with pytest.raises(PaymentDeclined) as caught:
        payment(stripe, card)
    assert caught.value.details["reason"] == reason
    intent = stripe.retrieve_payment_intent(caught.value.details["payment_intent"])
    assert (intent["status"], intent["last_payment_error"]["decline_code"]) == ("requires_payment_method", reason)


def test_refunds_add_up_to_the_charge_and_no_further(stripe: Stripe) -> None:
    """In part, more than is left, the rest, and once more."""
    intent = payment(stripe)["id"]
    made = stripe.create_refund({"payment_intent": intent, "amount": 400}, key=key())
    assert (made["status"], made["amount"]) == ("succeeded", 400)
    with pytest.raises(StripeRefusal):
        stripe.create_refund({"payment_intent": intent, "amount": 600}, key=key())
    assert stripe.create_refund({"payment_intent": intent}, key=key())["amount"] == 599
    with pytest.raises(StripeRefusal) as caught:
        stripe.create_refund({"payment_intent": intent}, key=key())
    assert caught.value.stripe_code == "charge_already_refunded"
    assert [each["amount"] for each in stripe.list_refunds(intent)] == [599, 400]


def test_what_is_not_there_says_so(stripe: Stripe) -> None:
    """A refusal that is `missing`."""
    with pytest.raises(StripeRefusal) as caught:
        stripe.retrieve_payment_intent("pi_nothing")
    assert caught.value.missing
    with pytest.raises(StripeRefusal) as caught:
        stripe.list_events(after="evt_nothing")
    assert caught.value.missing
