"""The local Stripe where nobody can ask the real one: lost answers, keys in use, pages, the dashboard, disputes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from backend.clients.stripe import Stripe
from backend.errors import AppError, PaymentsNotConfigured, Unavailable
from scripts.local.stripe import Running
from scripts.local.stripe.errors import Refusal
from tests.stripe.conftest import client_for, client_of
from tests.stripe.test_same_as_stripe import key, payment, session


def charge_of(fake: Running) -> str:
    """A charge of 9.99."""
    return str(payment(client_for(fake))["latest_charge"])


def test_a_page_is_paid_and_leads_back(fake: Running) -> None:
    """Declined, then paid by the same payment; the address carries the session's id, and the page is closed."""
    stripe = client_for(fake)
    back = "https://example.com/done?session={CHECKOUT_SESSION_ID}"
    made = session(stripe, success_url=back, invoice_creation={"enabled": True}, metadata={"payment_id": "p1"})
    assert "9.99 USD" in httpx.get(made["url"]).text
    declined = httpx.post(made["url"], data={"action": "pay", "card": "4000000000000002"})
    assert (declined.status_code, "Your card was declined." in declined.text) == (402, True)
    first = stripe.retrieve_checkout_session(made["id"])["payment_intent"]
    paid = httpx.post(made["url"], data={"action": "pay", "card": "4242424242424242"})
    assert (paid.status_code, paid.headers["Location"]) == (303, f"https://example.com/done?session={made['id']}")
    found = stripe.retrieve_checkout_session(made["id"], expand=["payment_intent.latest_charge", "invoice"])
    assert (found["status"], found["payment_status"], found["payment_intent"]["id"]) == ("complete", "paid", first)
    assert found["invoice"]["status"] == "paid"
    assert "9.99 USD" in httpx.get(found["invoice"]["hosted_invoice_url"]).text
    assert httpx.get(found["invoice"]["invoice_pdf"]).content.startswith(b"%PDF")
    assert "9.99 USD" in httpx.get(found["payment_intent"]["latest_charge"]["receipt_url"]).text
    assert httpx.post(made["url"], data={"action": "pay"}).status_code == 410


def test_a_page_can_be_left(fake: Running) -> None:
    """The session stays open until its time is up; a day later it has expired, and said so."""
    stripe = client_for(fake)
    made = session(stripe, cancel_url="https://example.com/cart")
    left = httpx.post(made["url"], data={"action": "leave"})
    assert (left.status_code, left.headers["Location"]) == (303, "https://example.com/cart")
    assert stripe.retrieve_checkout_session(made["id"])["status"] == "open"
    fake.control.advance(86_401)
    assert stripe.retrieve_checkout_session(made["id"])["status"] == "expired"
    assert [each["type"] for each in stripe.list_events()][-1] == "checkout.session.expired"


@pytest.mark.parametrize(("paid", "status"), [(True, "paid"), (False, "unpaid")])
def test_a_bank_debit_is_complete_before_it_is_paid(fake: Running, paid: bool, status: str) -> None:
    """The second event tells how it ended."""
    stripe = client_for(fake)
    made = session(stripe)
    httpx.post(made["url"], data={"action": "pay", "method": "debit"})
    found = stripe.retrieve_checkout_session(made["id"])
    assert (found["status"], found["payment_status"]) == ("complete", "unpaid")
    fake.control.settle_payment(made["id"], paid)
    assert stripe.retrieve_checkout_session(made["id"])["payment_status"] == status
    last = "succeeded" if paid else "failed"
    assert [each["type"] for each in stripe.list_events()][-1] == f"checkout.session.async_payment_{last}"


def test_a_promotion_code_and_tax_change_what_is_paid(fake: Running) -> None:
    """Ten percent off, then twenty percent tax; the lines' sum stays."""
    stripe = client_for(fake)
    fake.control.promotion_code("spring", 10)
    fake.control.tax(20)
    made = session(stripe, allow_promotion_codes=True, automatic_tax={"enabled": True})
    with pytest.raises(Refusal, match="promotion code is invalid"):
        fake.control.pay(made["id"], code="WINTER")
    fake.control.pay(made["id"], code="SPRING")
    found = stripe.retrieve_checkout_session(made["id"], expand=["payment_intent"])
    assert (found["amount_subtotal"], found["amount_total"], found["payment_intent"]["amount"]) == (999, 1080, 1080)
    assert found["total_details"] == {"amount_discount": 99, "amount_shipping": 0, "amount_tax": 180}


def test_a_dispute_takes_the_money_and_a_win_brings_it_back(fake: Running) -> None:
    """Withdrawn when it is opened; no refund meanwhile."""
    stripe, charge = client_for(fake), charge_of(fake)
    opened = fake.control.dispute(charge)
    assert [each["amount"] for each in opened["balance_transactions"]] == [-999]
    with pytest.raises(Refusal, match="charged back"):
        fake.control.refund(charge)
    fake.control.win(opened["id"])
    (won,) = stripe.list_disputes(stripe.retrieve_charge(charge)["payment_intent"])
    assert (won["status"], [each["amount"] for each in won["balance_transactions"]]) == ("won", [-999, 999])
    assert fake.control.refund(charge, 100)["amount"] == 100
    kinds = [each["type"] for each in stripe.list_events() if "dispute" in each["type"]]
    assert kinds == [f"charge.dispute.{kind}" for kind in ("created", "funds_withdrawn", "closed", "funds_reinstated")]


def test_an_answer_that_is_lost_after_its_effect_is_found_by_the_same_key(fake: Running) -> None:
    """The SDK repeats the request with its key, and there is one refund."""
    stripe = client_for(fake)
    intent = payment(stripe)["id"]
    fake.control.fault("after", path="/v1/refunds")
    assert stripe.create_refund({"payment_intent": intent, "amount": 100}, key=key())["amount"] == 100
    assert len(stripe.list_refunds(intent)) == 1


def test_a_key_in_use_is_refused_at_once(fake: Running) -> None:
    """Two at the same moment: one makes the object, the other is told to wait, and later gets the same answer."""
    fake.control.slowness(0.2)
    headers = {"Authorization": f"Bearer {fake.state.settings.secret_key}", "Idempotency-Key": "one"}

    def create(_: int) -> httpx.Response:
        return httpx.post(f"{fake.url}/v1/customers", data={"name": "a"}, headers=headers)

    with ThreadPoolExecutor(2) as pool:
        answers = sorted(pool.map(create, range(2)), key=lambda answer: answer.status_code)
    assert [each.status_code for each in answers] == [200, 409]
    assert answers[1].json()["error"]["code"] == "idempotency_key_in_use"
    again = create(0)
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (answers[0].json(), "true")


def test_pages_of_a_list_join_without_a_gap(fake: Running) -> None:
    """Forward from a cursor, oldest first, as the healer reads; and all pages of a list, newest first."""
    stripe = client_for(fake)
    for number in range(7):
        stripe.create_customer({"name": str(number)}, key=key())
    events = stripe.list_events()
    cursor, found = events[0]["id"], [events[0]]
    while page := stripe.list_events(after=cursor, limit=2):
        found += page
        cursor = page[-1]["id"]
    assert [each["data"]["object"]["name"] for each in found] == [str(number) for number in range(7)]
    assert found == events


@pytest.mark.parametrize(
    ("variables", "said"),
    [({}, "STRIPE_SECRET_KEY is empty"), ({"STRIPE_SECRET_KEY": "sk_test_wrong"}, "refuses the key")],
)
def test_a_missing_or_wrong_key_is_named(fake: Running, variables: dict[str, str], said: str) -> None:
    """503, and the variable to look at."""
    stripe = client_of(**variables, STRIPE_API_BASE=fake.url)
    with pytest.raises(PaymentsNotConfigured, match=said):
        stripe.list_events()


def test_an_outage_is_unavailable(fake: Running) -> None:
    """Nobody listens, or nothing but errors comes back."""
    nobody = client_of(STRIPE_SECRET_KEY="sk_test_x", STRIPE_API_BASE="http://127.0.0.1:9")
    for stripe in (nobody, failing(fake)):
        with pytest.raises(Unavailable):
            stripe.retrieve_customer("cus_1")


def failing(fake: Running) -> Stripe:
    """A client whose every try fails."""
    fake.control.fault("before", status=503, count=3)
    return client_for(fake)


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("customers", {"emial": "a"}, "emial"),
        ("checkout/sessions", {"mode": "payment"}, "success_url"),
        ("payment_intents", {"amount": "1.5", "currency": "usd"}, "amount"),
        ("refunds", {"charge": "ch_none"}, "charge"),
        ("prices", {"currency": "usd", "unit_amount": "-1", "product_data[name]": "x"}, "unit_amount"),
    ],
)
def test_a_bad_parameter_is_named(fake: Running, path: str, body: dict[str, Any], param: str) -> None:
    """Never ignored: what is misspelt here would be misspelt at Stripe."""
    headers = {"Authorization": f"Bearer {fake.state.settings.secret_key}"}
    answer = httpx.post(f"{fake.url}/v1/{path}", data=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


def test_controls_are_there_over_http_too(fake: Running) -> None:
    """For people, and for tests of the whole stack."""
    assert "dispute" in httpx.get(f"{fake.url}/__control/").json()["controls"]
    charge = charge_of(fake)
    made = httpx.post(f"{fake.url}/__control/refund", json={"charge": charge, "amount": 100}).json()["result"]
    assert (made["object"], made["amount"]) == ("refund", 100)
    for name, body, status in (
        ("refund", {"charge": charge, "amount": 5000}, 400),
        ("refund", {}, 400),
        ("no", {}, 404),
    ):
        assert httpx.post(f"{fake.url}/__control/{name}", json=body).status_code == status


def test_many_threads_share_one_client(fake: Running) -> None:
    """Each answer reaches its own asker."""
    stripe = client_for(fake)

    def make(number: int) -> bool:
        return bool(stripe.create_customer({"name": str(number)}, key=f"k{number}")["name"] == str(number))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(make, range(64)))


def test_ours_is_an_app_error() -> None:
    """Whatever Stripe says, web and worker know what to do with it."""
    with pytest.raises(AppError):
        client_of().retrieve_customer("cus_1")
