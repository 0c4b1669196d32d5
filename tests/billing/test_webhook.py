"""The address that Stripe tells, and the healer for when it could not."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from backend.app import create_app
from backend.core import alerts, healing, stripe_events
from backend.errors import AppError
from tests.billing.conftest import Shop


def paid_event(shop: Shop) -> dict[str, object]:
    """The event that a session was completed."""
    return next(event for event in shop.events() if event["type"] == "checkout.session.completed")


def test_fifty_parallel_deliveries_grant_once(shop: Shop) -> None:
    """Regression: P10: kept once, applied once, whoever is first."""
    alice = shop.person()
    payment = shop.checkout(alice)
    shop.stripe.control.pay(payment["checkout_session_id"])
    event = paid_event(shop)

    def bring(_: int) -> int:
        status = shop.webhook(event).status_code
        stripe_events.apply(shop.deps, str(event["id"]))
        return status

    with ThreadPoolExecutor(10) as threads:
        assert {*threads.map(bring, range(50))} == {200}
    assert alice.available() == 125
    assert shop.world.ledger(alice.user)[1:] == [("grant", 100)]


def test_it_answers_while_worker_and_redis_are_down(shop: Shop) -> None:
    """The event is kept; the scheduler finds it when they are back, and nothing is lost."""
    alice = shop.person()
    payment = shop.checkout(alice)
    shop.stripe.control.pay(payment["checkout_session_id"])
    whole = shop.app
    shop.app = create_app(
        deps=shop.world.variant(
            STRIPE_SECRET_KEY="sk_test_local", STRIPE_WEBHOOK_SECRET="whsec_local", STRIPE_API_BASE=shop.stripe.url,
            REDIS_URL="redis://127.0.0.1:9/0",
        )
    )  # fmt: skip
    event = paid_event(shop)
    assert shop.webhook(event).status_code == 200
    shop.app = whole
    shop.let_retry_wait_pass(str(event["id"]))
    assert stripe_events.dispatch(shop.deps) >= 1
    shop.apply()
    assert alice.available() == 125


def test_without_a_database_stripe_is_asked_to_come_again(shop: Shop) -> None:
    """503, and the next delivery is kept."""
    shop.checkout(shop.person())
    shop.stripe.control.pay(next(iter(shop.stripe.state.all("checkout.session")))["id"])
    with shop.world.supabase.outage("/rest"):
        assert shop.webhook(paid_event(shop)).status_code == 503
    assert shop.webhook(paid_event(shop)).status_code == 200


def test_only_stripe_is_believed(shop: Shop) -> None:
    """Forged, old or unsigned: refused and not kept. Of the other mode: refused. Without a secret: closed."""
    event = {"id": "evt_forged", "object": "event", "type": "x", "livemode": False, "data": {"object": {}}}
    for answer in (
        shop.webhook(event, secret="whsec_other"),
        shop.webhook(event, age=400),
        shop.app.test_client().post("/api/v1/webhooks/stripe", json=event),
    ):
        assert (answer.status_code, answer.json["error"]["code"]) == (400, "invalid_signature")
    live = shop.webhook(event | {"livemode": True})
    assert (live.status_code, live.json["error"]["details"]["field"]) == (422, "livemode")
    assert shop.world.sql.one("select count(*) from private.stripe_events where id = 'evt_forged'") == 0
    shop.app = create_app(deps=shop.world.variant())
    closed = shop.webhook(event)
    assert (closed.status_code, closed.json["error"]["code"]) == (503, "payments_not_configured")


def test_the_healer_finds_what_no_webhook_brought(shop: Shop) -> None:
    """Regression: P14, P1: no webhook at all; bought, refunded, disputed, expired: the same as at Stripe."""
    alice, bob, carol = shop.person(), shop.person(), shop.person()
    bought = [shop.checkout(one) for one in (alice, bob, carol)]
    for payment in bought[:2]:
        shop.stripe.control.pay(payment["checkout_session_id"])
    shop.stripe.control.expire(bought[2]["checkout_session_id"])
    charges = [*shop.stripe.state.all("charge")]
    by_intent = {session["id"]: session["payment_intent"] for session in shop.stripe.state.all("checkout.session")}
    charge_of = {
        payment["id"]: next(
            c["id"] for c in charges if c["payment_intent"] == by_intent[payment["checkout_session_id"]]
        )
        for payment in bought[:2]
    }
    shop.stripe.control.refund(charge_of[bought[0]["id"]])
    shop.stripe.control.dispute(charge_of[bought[1]["id"]])
    assert shop.heal()["events"] == len(shop.events())
    statuses = [shop.payment(who, what)["status"] for who, what in zip((alice, bob, carol), bought, strict=True)]
    assert statuses == ["refunded", "disputed", "expired"]
    assert [one.available() for one in (alice, bob, carol)] == [25, 25, 25]
    assert shop.states() <= {"handled", "ignored"}
    assert shop.heal()["events"] == 0


def test_a_run_that_fails_half_way_moves_no_cursor(shop: Shop) -> None:
    """Regression: P14: what it recorded stays, and the next run reads everything again."""
    shop.buy(shop.person())
    shop.heal()
    cursor = "select read_until from private.stripe_cursor"
    before = shop.world.sql.one(cursor)
    shop.stripe.control.advance(3600)
    shop.stripe.control.expire(shop.checkout(shop.person())["checkout_session_id"])
    shop.stripe.control.fault(when="before", path="/v1/events", count=3)
    with pytest.raises(AppError):
        healing.read_events(shop.deps)
    assert shop.world.sql.one(cursor) == before
    healing.read_events(shop.deps)
    assert shop.world.sql.one(cursor) > before


def test_a_payment_is_looked_at_when_its_event_never_comes(shop: Shop) -> None:
    """The healer asks about payments that have not ended, without any event."""
    alice = shop.person()
    payment = shop.checkout(alice)
    shop.stripe.control.pay(payment["checkout_session_id"])
    shop.world.connection.execute(
        "update public.payments set check_at = private.clock() where id = %s", [payment["id"]]
    )
    assert healing.look_at_payments(shop.deps) >= 1
    assert alice.available() == 125


def test_what_fails_is_tried_again_then_parked_and_retried(shop: Shop) -> None:
    """Stripe is away: the event waits; too often: parked, visible to admins, applied after their retry."""
    alice, admin = shop.person(), shop.admin()
    payment = shop.checkout(alice)
    shop.stripe.control.pay(payment["checkout_session_id"])
    event = paid_event(shop)
    shop.webhook(event)
    row = "select state || ' ' || attempts from private.stripe_events where id = %s"
    shop.stripe.control.fault(when="before", path="/v1/checkout", count=3)
    stripe_events.apply(shop.deps, str(event["id"]))
    assert shop.world.sql.one(row, event["id"]) == "received 1"
    for _ in range(11):
        shop.world.sql.as_service("fail_stripe_event", p_event_id=event["id"], p_error="no")
    alerts.check(shop.deps)
    open_one = "select count(*) from private.incidents where kind = 'payment_event_parked' and ended_at is null"
    assert shop.world.sql.one(open_one) == 1
    parked = admin.get("/api/v1/admin/payments/events").json["data"]
    assert event["id"] in [one["id"] for one in parked]
    assert alice.get("/api/v1/admin/payments/events").status_code == 403
    assert admin.ask("POST", f"/api/v1/admin/payments/events/{event['id']}/retry").json["state"] == "received"
    shop.apply()
    assert alice.available() == 125
    alerts.check(shop.deps)
    assert shop.world.sql.one(open_one) == 0
    again = admin.ask("POST", f"/api/v1/admin/payments/events/{event['id']}/retry")
    assert (again.status_code, again.json["error"]["code"]) == (409, "invalid_state")


@pytest.mark.parametrize("reason", ["wrong_user", "wrong_amount", "wrong_currency"])
def test_what_is_not_what_we_sold_is_flagged(shop: Shop, reason: str) -> None:
    """Regression: P9: metadata of another user, another amount or currency: refused and flagged, and nobody gains."""
    alice, mallory = shop.person(), shop.person()
    payment = shop.checkout(alice)
    session = shop.stripe.control.pay(payment["checkout_session_id"])
    lie = {"wrong_user": {"metadata": {"payment_id": payment["id"], "user_id": str(mallory.id)}},
           "wrong_amount": {"amount_subtotal": 1500}, "wrong_currency": {"currency": "jpy"}}  # fmt: skip
    shop.stripe.state.change(session, **lie[reason])
    shop.deliver()
    assert shop.payment(alice, payment)["status"] == "flagged"
    assert shop.world.sql.one("select flag_reason from public.payments where id = %s", payment["id"]) == reason
    assert (alice.available(), mallory.available()) == (25, 25)
    assert shop.states() <= {"handled", "ignored"}


def test_a_session_that_names_another_payment_is_flagged(shop: Shop) -> None:
    """It was made elsewhere with our key; the payment's own session still counts when it is paid."""
    alice = shop.person()
    payment = shop.checkout(alice)
    names = {"payment_id": payment["id"], "user_id": str(alice.id)}
    line = {"price_data": {"currency": "usd", "unit_amount": 1, "product_data": {"name": "x"}}, "quantity": 1}
    other = shop.deps.stripe.create_checkout_session(
        {"mode": "payment", "success_url": "https://x.test", "line_items": [line], "metadata": names}, key="other"
    )
    shop.stripe.control.pay(other["id"])
    shop.deliver()
    assert (shop.payment(alice, payment)["status"], alice.available()) == ("flagged", 25)
    shop.stripe.control.pay(payment["checkout_session_id"])
    shop.deliver()
    assert (shop.payment(alice, payment)["status"], alice.available()) == ("paid", 125)


def test_another_installation_may_share_the_account(shop: Shop) -> None:
    """Its events are ignored, and wake nobody; a payment of ours that is not there is parked, for somebody to look."""
    payment = shop.checkout(shop.person())
    session = shop.stripe.control.pay(payment["checkout_session_id"])
    unknown = {"payment_id": str(uuid.uuid4()), "user_id": "x"}
    for project, state in (("https://other.supabase.co", "ignored"), (shop.deps.settings.supabase_url, "parked")):
        about = session | {"metadata": unknown | {"project": project}}
        event = paid_event(shop) | {"id": f"evt_{uuid.uuid4().hex}", "data": {"object": about}}
        assert shop.webhook(event).status_code == 200
        shop.apply()
        assert shop.world.sql.one("select state from private.stripe_events where id = %s", event["id"]) == state
        shop.world.sql.as_service("ignore_stripe_event", p_event_id=event["id"], p_reason="a test")


def test_an_event_that_comes_again_grants_nothing(shop: Shop) -> None:
    """Regression: P10: minutes later with Redis emptied, days later by the healer: ids are kept for ever."""
    alice = shop.person()
    shop.buy(alice)
    for _ in ("minutes later", "and again"):
        shop.world.deps.redis.flushall()
        shop.deliver()
    shop.world.connection.execute("update private.stripe_cursor set read_until = null")
    assert shop.heal()["events"] == 0
    assert shop.world.ledger(alice.user)[1:] == [("grant", 100)]
