"""Buying a package, from the button to the balance."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx

from backend.app import create_app
from backend.core import billing
from backend.worker import jobs
from tests.billing.conftest import BILLING, Shop
from tests.web.person import Person


def test_a_package_is_bought(shop: Shop) -> None:
    """The ordinary case: page, payment, event, credits, receipt and invoice."""
    alice = shop.person()
    packages = shop.app.test_client().get(f"{BILLING}/packages").json["data"]
    assert [package["credits"] for package in packages] == [10, 50, 100, 500]
    payment = shop.checkout(alice)
    assert payment["url"].startswith(shop.stripe.url)
    assert shop.payment(alice, payment)["status"] == "open"
    shop.stripe.control.pay(payment["checkout_session_id"])
    shop.deliver()
    paid = shop.payment(alice, payment)
    assert (paid["status"], paid["granted_credits"], paid["charged_cents"]) == ("paid", 100, 1499)
    assert paid["receipt_url"] and paid["invoice_url"]
    assert alice.available() == 125
    assert alice.get(f"{BILLING}/payments").json["data"] == [paid]
    assert shop.person().get(f"{BILLING}/payments/{payment['id']}").status_code == 404


def test_a_lost_answer_makes_no_second_session(shop: Shop) -> None:
    """Regression: P9: Stripe's answer is lost, the click repeated, webhook and healer race: one session, one grant."""
    alice, key = shop.person(), uuid.uuid4().hex
    shop.stripe.control.fault(when="after", path="/v1/checkout/sessions", count=3)  # the SDK's own repeats, too
    ask = {"json": {"package_id": "credits-100"}, "headers": {"Idempotency-Key": key}}
    assert alice.ask("POST", f"{BILLING}/checkout", **ask).status_code == 503
    payment = shop.checkout(alice, key=key)
    assert shop.checkout(alice, key=key)["url"] == payment["url"]
    assert len([*shop.stripe.state.all("checkout.session")]) == 1
    shop.stripe.control.pay(payment["checkout_session_id"])
    with ThreadPoolExecutor(2) as threads:
        [task.result() for task in (threads.submit(shop.deliver), threads.submit(shop.heal))]
    assert alice.available() == 125
    assert len([*shop.stripe.state.all("charge")]) == 1


def test_parallel_first_checkouts_share_a_customer(shop: Shop) -> None:
    """One customer per user, also under races."""
    alice = shop.person()
    with ThreadPoolExecutor(6) as threads:
        [task.result() for task in [threads.submit(shop.checkout, alice) for _ in range(6)]]
    assert len([*shop.stripe.state.all("customer")]) == 1
    assert {one["customer"] for one in shop.stripe.state.all("checkout.session")} == {
        shop.world.sql.one("select customer_id from private.stripe_customers where user_id = %s", alice.id)
    }


def test_a_payment_that_takes_days_grants_when_it_comes(shop: Shop) -> None:
    """Regression: P12: complete but unpaid is processing; the money decides, then or never."""
    for arrives in (True, False):
        alice = shop.person()
        payment = shop.checkout(alice)
        shop.stripe.control.pay(payment["checkout_session_id"], later=True)
        shop.deliver()
        assert (shop.payment(alice, payment)["status"], alice.available()) == ("processing", 25)
        shop.stripe.control.settle_payment(payment["checkout_session_id"], paid=arrives)
        shop.deliver()
        expected = ("paid", 125) if arrives else ("failed", 25)
        assert (shop.payment(alice, payment)["status"], alice.available()) == expected


def test_an_expired_page_ends_the_payment(shop: Shop) -> None:
    """Nothing was paid."""
    alice = shop.person()
    payment = shop.checkout(alice)
    shop.stripe.control.expire(payment["checkout_session_id"])
    shop.deliver()
    assert (shop.payment(alice, payment)["status"], alice.available()) == ("expired", 25)


def test_without_a_key_nothing_is_sold(shop: Shop) -> None:
    """A clear refusal that names the variable; no payment is made."""
    closed = create_app(deps=shop.world.variant())
    alice = Person(closed, shop.world.new_user())
    answer = alice.ask("POST", f"{BILLING}/checkout", json={"package_id": "credits-100"})
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "payments_not_configured")
    assert "STRIPE_SECRET_KEY" in answer.json["error"]["message"]
    assert alice.get(f"{BILLING}/payments").json["data"] == []


def test_a_portal_opens_for_the_user(shop: Shop) -> None:
    """With a customer made when there is none."""
    answer = shop.person().ask("POST", f"{BILLING}/portal")
    assert answer.status_code == 200 and answer.json["url"].startswith(shop.stripe.url)


def test_a_customer_that_was_deleted_at_stripe_is_made_anew(shop: Shop) -> None:
    """Regression: P14: somebody tidied up in the dashboard; the user can still buy, and open the portal."""
    alice = shop.person()
    shop.buy(alice)
    for ask in (lambda: shop.buy(alice)["status"], lambda: alice.ask("POST", f"{BILLING}/portal").status_code):
        customer = shop.world.sql.one("select customer_id from private.stripe_customers where user_id = %s", alice.id)
        httpx.delete(f"{shop.stripe.url}/v1/customers/{customer}", auth=("sk_test_local", "")).raise_for_status()
        assert ask() in ("paid", 200)
    assert len([*shop.stripe.state.all("customer")]) == 3
    assert alice.available() == 225


def test_an_address_that_stripe_does_not_take_stops_nobody(shop: Shop) -> None:
    """Auth takes addresses that Stripe calls invalid: each checkout of such a person was answered with 500."""
    alice = shop.person()
    customer = billing.customer_of(shop.deps, user_id=str(alice.id), email="alice@localhost")
    assert billing.customer_of(shop.deps, user_id=str(alice.id), email="alice@localhost") == customer
    assert shop.buy(alice)["status"] == "paid"


def test_tax_and_promotion_codes_are_settings(shop: Shop) -> None:
    """Tax comes on top and codes go off, and our price still matches."""
    shop.deps = shop.world.variant(
        STRIPE_SECRET_KEY="sk_test_local", STRIPE_WEBHOOK_SECRET="whsec_local", STRIPE_API_BASE=shop.stripe.url,
        STRIPE_AUTOMATIC_TAX="true", STRIPE_PROMOTION_CODES="true",
    )  # fmt: skip
    shop.app = create_app(deps=shop.deps)
    shop.stripe.control.tax(10)
    shop.stripe.control.promotion_code("HALF", 50)
    alice = shop.person()
    payment = shop.checkout(alice)
    shop.stripe.control.pay(payment["checkout_session_id"], code="HALF")
    shop.deliver()
    paid = shop.payment(alice, payment)
    assert (paid["status"], paid["charged_cents"], alice.available()) == ("paid", 825, 125)


def test_the_job_has_the_name_that_the_queue_uses(shop: Shop) -> None:
    """A renamed job would be found by the scheduler only, for ever."""
    assert (
        jobs.apply_stripe_event.__module__ + "." + jobs.apply_stripe_event.__name__
        == "backend.worker.jobs.apply_stripe_event"
    )
