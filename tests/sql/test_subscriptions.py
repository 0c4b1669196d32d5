"""A paid invoice gives its period's credits, once; what is changed, refused, refunded or late moves them exactly."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.factories import Json, Sql
from tests.sql import payments
from tests.sql.conftest import refused
from tests.sql.payments import record
from tests.sql.subscribing import Subscription, now, pending, price_of, spend, subscribe
from tests.sql.test_races import OPERATIONS, REFUSALS, at_once, prepare, scene

DAY = 86_400


def sound(sql: Sql) -> None:
    """The books agree with themselves."""
    assert sql.problems() == []
    assert sql.trial_balance()[-1]["credits"] == 0


def test_a_paid_invoice_gives_the_period(sql: Sql) -> None:
    """The ordinary case: the checkout's own payment, one lot, which lives until the period's end and its grace."""
    ada = subscribe(sql)
    paid = ada.paid(ada.invoices[0])
    assert (paid["id"], paid["status"], paid["granted_credits"]) == (ada.payment["id"], "paid", 100)
    assert ada.lots() == [(100, 33)]
    shown = sql.as_user(ada.user, "get_subscription")
    assert (shown["plan_id"], shown["next_plan_id"], shown["status"]) == (ada.plan, ada.plan, "active")
    query = "select contra from credit_transactions where reason = %s"
    assert sql.one(query, f"payment:{paid['id']}") == "subscriptions"
    sound(sql)


def test_no_period_is_given_twice(sql: Sql) -> None:
    """Again, by another event, by another invoice for the same period: nothing more; the second invoice is flagged."""
    ada, event = subscribe(sql), record(sql, "invoice.paid")
    for _ in range(2):
        ada.say(event=event)
    ada.say(event=record(sql, "invoice.payment_succeeded"))
    twin = ada.bill(ada.line("starter-monthly"))
    ada.say()
    assert ada.paid(twin)["flag_reason"] == "period_paid_twice"
    assert ada.paid(twin)["payment_intent_id"] == twin["payment_intent_id"]  # so that it can be refunded
    assert sql.ledger(ada.user) == [("grant", 100)]


def test_parallel_looks_give_once(connect: Callable[[], Sql]) -> None:
    """Webhook, healer and return page at once, with the first row still to be made."""
    ada = pending(connect())
    ada.bill(ada.line(ada.plan))
    state = ada.state()
    answers = at_once(connect, [lambda s: say(s, ada.id, state)] * 24)
    assert {type(answer) for answer in answers} == {dict}
    assert ada.sql.ledger(ada.user) == [("grant", 100)]
    sound(ada.sql)


def test_a_renewal_and_a_top_up_race_every_money_operation(connect: Callable[[], Sql]) -> None:
    """Regression: T4, C3: with rollover, credits paid back and expiring lots; no deadlock, nothing created or lost."""
    sql = connect()
    prepare(sql)
    tasks: list[Callable[[Sql], Json]] = []
    renewed: dict[str, Subscription] = {}
    for name in OPERATIONS:
        at = scene(sql)
        ada = subscribe(sql, "pro-monthly", at["user"])
        topup = {"p_enabled": True, "p_threshold": 10_000, "p_package_id": "credits-10", "p_monthly_cap_cents": 300}
        sql.as_user(ada.user, "set_auto_topup", **topup)
        back = [ada.line("pro-monthly", share=-0.5), ada.line("starter-monthly", share=0.5)]
        ada.start, ada.end = ada.end, ada.end + timedelta(days=30)
        ada.bill(*back, ada.line("pro-monthly"))
        state, renewed[name] = ada.state(), ada
        tasks += [
            lambda s, u=ada.user: top_up(s, u),
            lambda s, n=name, at=at: OPERATIONS[n](s, at),
            *[lambda s, a=ada, state=state: say(s, a.id, state)] * 2,
        ]  # type: ignore[misc]
    sql.connection.execute("update auth.users set email_confirmed_at = now()")
    sql.move_time(95)
    results = at_once(connect, tasks, connections=8)
    assert {result for result in results if isinstance(result, str)} <= REFUSALS
    for name, ada in renewed.items():
        booked = sql.ledger(ada.user)
        assert (booked.count(("grant", 500)), booked.count(("clawback", -200))) == (2, 1)
        # One was bought by hand; a clawback that comes first stops the top-up.
        assert booked.count(("grant", 10)) == 2 or name == "claw"
    sound(sql)


def say(sql: Sql, subscription: str, state: Json) -> Json:
    """Look, then tell the books."""
    ticket = sql.as_service("look_up_subscription", p_stripe_subscription_id=subscription)["ticket"]
    return sql.as_service("apply_subscription_state", p_event_id=None, p_state=state, p_ticket=ticket)


def top_up(sql: Sql, user: uuid.UUID) -> Json:
    """Try to buy, and be paid."""
    payment = sql.as_service("start_auto_topup", p_user_id=user)
    return payment and payments.apply(sql, payment, checkout_session_id=None)


def test_news_in_any_order_end_the_same(sql: Sql) -> None:
    """Regression: L5: open, paid, renewed; each answer applied with the ticket of its time, in every order."""
    for order in itertools.permutations(range(3)):
        ada = pending(sql)
        first = ada.bill(ada.line(ada.plan), status="open")
        told = [(ada.ticket(), ada.state() | {"invoices": [dict(first)]})]
        first["status"] = "paid"
        told.append((ada.ticket(), ada.state() | {"invoices": [dict(first)]}))
        ada.renew()
        told.append((ada.ticket(), ada.state() | {"invoices": [dict(each) for each in ada.invoices]}))
        for each in order:
            ada.say(told[each][1], ticket=told[each][0])
        assert [amount for kind, amount in sql.ledger(ada.user) if kind == "grant"] == [100, 100], order
        assert ada.paid(first)["status"] == "paid"
        assert sql.as_user(ada.user, "get_subscription")["current_period_end"].startswith(ada.end.isoformat()[:10])
    sound(sql)


def test_an_older_look_does_not_change_what_an_invoice_sells(sql: Sql) -> None:
    """Two workers look while an open invoice gets another line: the newer answer stands, whoever is slower."""
    ada = pending(sql, "pro-monthly")
    invoice = ada.bill(ada.line("starter-monthly"), status="open")
    old = (ada.ticket(), ada.state() | {"invoices": [dict(invoice)], "status": "incomplete"})
    invoice |= {"lines": [ada.line("pro-monthly")], "amount_cents": 3999, "charged_cents": 3999}
    ada.say()
    ada.say(old[1], ticket=old[0])
    assert (ada.paid(invoice)["credits"], ada.paid(invoice)["plan_id"]) == (500, "pro-monthly")
    assert sql.as_user(ada.user, "get_subscription")["status"] == "active"


def test_the_cap_holds_and_other_lots_are_left_alone(sql: Sql) -> None:
    """Regression: L4, L6: at most 250 go on, again and again; bought and given credits are not looked at."""
    ada = subscribe(sql, "pro-monthly")
    sql.grant(ada.user, 40)
    sql.grant(ada.user, 7, lasts=400 * DAY, source="promotion")
    spend(sql, ada.user, 100)
    ada.renew()
    ada.say()
    assert ada.lots() == [(250, 44), (500, 44), (7, 370)]
    assert sql.ledger(ada.user)[-2:] == [("expiry", -150), ("grant", 500)]
    ada.renew()
    ada.say()
    assert ada.lots() == [(250, 44), (500, 44), (7, 340)]  # the newest went on, of the last period
    spend(sql, ada.user, 600)
    ada.renew()
    ada.say()
    assert ada.lots() == [(150, 44), (500, 44), (7, 310)]
    bought = "select sum(remaining)::int from credit_grants where wallet_id = %s and expires_at is null"
    assert sql.one(bought, sql.wallet(ada.user)) == 40
    sound(sql)


def test_what_is_held_at_the_renewal_counts_and_lives_on(sql: Sql) -> None:
    """Regression: L3: a hold keeps its credits over the renewal, within the cap; released, they are still there."""
    ada = subscribe(sql, "pro-monthly")
    sql.move_time(29 * DAY)
    hold = sql.reserve(ada.user, 200, lasts=3 * DAY)
    ada.renew()
    ada.say()
    assert sql.balance(ada.user) == (750, 200, 550)
    sql.as_service("release_reservation", p_reservation_id=hold["id"], p_reason="x")
    assert sorted(amount for amount, _ in ada.lots()) == [250, 500]
    sound(sql)


def test_without_rollover_the_rest_ends_with_the_grace(sql: Sql) -> None:
    """Regression: L2: by arithmetic; three days after the period nothing of it counts."""
    ada = subscribe(sql)
    spend(sql, ada.user, 30)
    ada.renew()
    ada.say()
    assert sql.balance(ada.user)[2] == 170
    sql.move_time(3 * DAY)
    assert sql.balance(ada.user)[2] == 100
    sound(sql)


def test_months_of_rollover_are_lived_through(sql: Sql) -> None:
    """A yearly lot outlives its year by three months and the grace."""
    ada = subscribe(sql, "pro-yearly")
    months = sql.one(
        "select (p.period_end + interval '3 months 14 days') = g.expires_at from credit_grants g"
        " join payments p on p.id = g.payment_id where p.id = %s", ada.payment["id"],
    )  # fmt: skip
    assert months is True
    ada.renew()
    ada.say()
    assert sum(credits for credits, _ in ada.lots()) == 12_000


def test_an_upgrade_gives_what_it_charges(sql: Sql) -> None:
    """Half a period is left: half of the difference, when it is paid; the next renewal gives all of the new plan."""
    ada = subscribe(sql)
    sql.move_time(15 * DAY)
    ada.plan = "pro-monthly"
    change = ada.bill(ada.line("starter-monthly", share=-0.5), ada.line("pro-monthly", share=0.5), status="open")
    ada.say()
    assert sql.balance(ada.user)[2] == 100
    change["status"] = "paid"
    shown = ada.say()
    assert (shown["plan_id"], ada.paid(change)["granted_credits"]) == ("pro-monthly", 200)
    assert ada.lots() == [(100, 18), (200, 29)]
    ada.renew()
    ada.say()
    assert ada.lots()[-1] == (500, 44)
    assert sql.ledger(ada.user)[-1] == ("grant", 500)
    sound(sql)


def test_a_downgrade_takes_what_it_pays_back(sql: Sql) -> None:
    """Charged back on the next invoice: the new period is whole, the unused share of the old one is taken, once."""
    ada = subscribe(sql, "pro-monthly")
    sql.move_time(15 * DAY)
    back = [ada.line("pro-monthly", share=-0.5), ada.line("starter-monthly", share=0.5)]
    ada.plan = "starter-monthly"
    shown = ada.say()
    assert (shown["plan_id"], shown["next_plan_id"]) == ("pro-monthly", "starter-monthly")
    spend(sql, ada.user, 450)
    invoice = ada.renew(*back)
    for _ in range(2):
        ada.say()
    assert sql.ledger(ada.user)[-2:] == [("grant", 100), ("clawback", -200)]
    assert sql.balance(ada.user)[0] == 500 - 450 + 100 - 200  # spent and paid back: debt
    assert (ada.paid(invoice)["granted_credits"], ada.paid(invoice)["charged_cents"]) == (100, 0)
    ada.renew()
    ada.say()
    assert sql.balance(ada.user)[0] == 50
    sound(sql)


def test_an_upgrade_to_another_rhythm_starts_anew(sql: Sql) -> None:
    """Monthly to yearly: the whole year is given, what was paid back of the month is taken."""
    ada = subscribe(sql, "pro-monthly")
    sql.move_time(15 * DAY)
    ada.plan, back = "pro-yearly", ada.line("pro-monthly", share=-0.5)
    ada.start, ada.end = now(sql), now(sql) + timedelta(days=365)
    ada.bill(back, ada.line("pro-yearly"))
    ada.say()
    assert sql.balance(ada.user)[0] == 500 + 6000 - 250
    sound(sql)


def test_unpaid_gives_nothing_and_paid_late_gives_all(sql: Sql) -> None:
    """Failed renewal: past due, no credits; recovered after the period has passed: a period's life from then."""
    ada = subscribe(sql)
    missed = ada.renew(status="open")
    ada.status = "past_due"
    assert ada.say()["status"] == "past_due"
    sql.move_time(40 * DAY)
    assert sql.balance(ada.user) == (0, 0, 0)
    missed["status"], ada.status = "paid", "active"
    ada.say()
    assert ada.lots() == [(100, 33)]
    sound(sql)


def test_a_voided_invoice_gives_nothing(sql: Sql) -> None:
    """Given up by Stripe: unpaid, then cancelled."""
    ada = subscribe(sql)
    missed = ada.renew(status="failed")
    ada.status, ada.more = "canceled", {"ended_at": ada.end.isoformat()}
    shown = ada.say()
    assert (shown["status"], shown["next_plan_id"], ada.paid(missed)["status"]) == ("canceled", None, "failed")
    assert sql.as_service("list_due_subscriptions") == []


def test_cancelled_with_the_period_keeps_what_was_paid(sql: Sql) -> None:
    """Wished, taken back, wished again, ended: the credits live to their end; then one may subscribe anew."""
    ada = subscribe(sql)
    for wish, following in ((True, None), (False, "starter-monthly"), (True, None)):
        ada.more = {"cancel_at_period_end": wish}
        shown = ada.say()
        assert (shown["cancel_at_period_end"], shown["next_plan_id"]) == (wish, following)
    with refused(409, "invalid_state"):
        sql.as_user(ada.user, "start_subscription", p_plan_id="pro-monthly", p_idempotency_key="new")
    sql.move_time(30 * DAY)
    ada.status, ada.more = "canceled", {"ended_at": ada.end.isoformat(), "cancel_at_period_end": True}
    ada.say()
    assert sql.balance(ada.user)[2] == 100
    again = subscribe(sql, "pro-monthly", ada.user)
    assert sql.balance(ada.user)[2] == 600
    assert sql.as_user(ada.user, "get_subscription")["plan_id"] == "pro-monthly"
    assert again.lots() == [(100, 3), (500, 44)]


def test_a_refunded_invoice_takes_its_own_lot(sql: Sql) -> None:
    """Regression: P1: of two periods, the refunded one's lot goes; half of it for half of the money."""
    ada = subscribe(sql)
    sql.grant(ada.user, 10)
    second = ada.renew()
    ada.say()
    second["refunded_cents"] = 500
    ada.say()
    assert ada.lots() == [(100, 3), (49, 33)]  # the share is rounded up
    second["refunded_cents"] = 999
    ada.say()
    assert (ada.lots(), sql.balance(ada.user)[2]) == ([(100, 3)], 110)
    second["refunded_cents"] = 0  # it failed
    ada.say()
    assert ada.lots() == [(100, 3), (100, 33)]
    sound(sql)


@pytest.mark.parametrize(("change", "reason"), [
    ({"price_id": "price_of_somebody"}, "unknown_price"), ({"amount_cents": 1}, "wrong_amount"),
    ({"currency": "eur"}, "wrong_currency"),
])  # fmt: skip
def test_what_was_not_sold_grants_nothing(sql: Sql, change: dict[str, object], reason: str) -> None:
    """Another price, amount or currency than our row's: flagged."""
    ada = pending(sql)
    invoice = ada.bill(ada.line(ada.plan, **change))
    ada.say()
    assert (ada.paid(invoice)["status"], ada.paid(invoice)["flag_reason"]) == ("flagged", reason)
    assert sql.ledger(ada.user) == []


def test_a_subscription_of_somebody_else_is_refused(sql: Sql) -> None:
    """Metadata that names another user than the customer's: no row, no credit."""
    ada, mallory = pending(sql), sql.new_user()
    ada.bill(ada.line(ada.plan))
    with refused(409, "invalid_state"):
        ada.say(ada.state() | {"user_id": str(mallory)})
    with refused(422, "invalid_params"):
        ada.say(ada.state() | {"status": None})
    with refused(404, "event_not_found"):
        ada.say(event="evt_unknown")
    assert sql.one("select count(*) from subscriptions where stripe_subscription_id = %s", ada.id) == 0


def test_a_payment_of_somebody_else_is_not_taken_over(sql: Sql) -> None:
    """Metadata with a stranger's payment: the invoice gets a row of its own, the stranger's stays open."""
    ada, bob = pending(sql), pending(sql)
    invoice = ada.bill(ada.line(ada.plan))
    ada.say(ada.state() | {"payment_id": bob.payment["id"]})
    assert ada.paid(invoice)["user_id"] == str(ada.user)
    assert sql.as_user(bob.user, "get_payment", p_payment_id=bob.payment["id"])["status"] == "pending"


def test_no_key_of_a_user_stands_in_the_way_of_an_invoice(sql: Sql) -> None:
    """Who sent an invoice's number as a key of their own kept the subscription from ever being booked again."""
    ada = subscribe(sql)
    invoice = ada.renew()
    sql.as_user(
        ada.user, "start_checkout", p_package_id="credits-10", p_idempotency_key=f"invoice:{invoice['invoice_id']}"
    )
    ada.say()
    assert ada.paid(invoice)["granted_credits"] == 100


def test_one_key_starts_one_subscription(sql: Sql) -> None:
    """The first payment is answered as it is now; another plan with that key, or no such plan, is refused."""
    ada = sql.new_user()
    start = {"p_plan_id": "starter-monthly", "p_idempotency_key": "k"}
    first = sql.as_user(ada, "start_subscription", **start)
    sql.connection.execute("update plans set active = false where id = 'starter-monthly'")
    assert sql.as_user(ada, "start_subscription", **start) == first
    with refused(409, "idempotency_key_reused"):
        sql.as_user(ada, "start_subscription", **start | {"p_plan_id": "pro-monthly"})
    for plan in ("starter-monthly", "none"):
        with refused(404, "plan_not_found"):
            sql.as_user(ada, "start_subscription", p_plan_id=plan, p_idempotency_key="k2")
        with refused(404, "plan_not_found"):
            sql.as_service("get_plan_price", p_plan_id=plan)
    with refused(404, "plan_not_found"):
        sql.as_service("store_plan_price", p_price_id=uuid.uuid4(), p_stripe_price_id="price_x")
    assert [plan["id"] for plan in sql.as_anon("list_plans")] == ["pro-monthly", "pro-yearly"]


def test_a_price_is_what_it_was_for_those_who_have_it(sql: Sql) -> None:
    """Regression: L4: a dearer plan with fewer credits is for new subscribers; a stored price is not overwritten."""
    ada = subscribe(sql)
    old = price_of(sql, "starter-monthly")
    sql.connection.execute("update plans set amount_cents = 1999, credits = 60 where id = 'starter-monthly'")
    new = sql.as_service("get_plan_price", p_plan_id="starter-monthly")
    assert (new["stripe_price_id"], new["credits"], new["amount_cents"]) == (None, 60, 1999)
    for name in ("price_new", "price_newer"):
        stored = sql.as_service("store_plan_price", p_price_id=new["id"], p_stripe_price_id=name)
        assert stored == "price_new"
    ada.start, ada.end = ada.end, ada.end + (ada.end - ada.start)
    ada.bill(ada.line("starter-monthly", price_id=old, amount_cents=999))
    ada.say()
    assert sql.balance(ada.user)[2] == 200


def test_the_healer_asks_when_a_period_should_have_turned(sql: Sql) -> None:
    """Not before, then again after some hours; and from which invoice on."""
    ada = subscribe(sql)
    assert sql.as_service("list_due_subscriptions") == []
    sql.move_time(30 * DAY + 4 * 3600)
    assert sql.as_service("list_due_subscriptions") == [ada.id]
    assert sql.as_service("list_due_subscriptions") == []
    since = sql.as_service("look_up_subscription", p_stripe_subscription_id=ada.id)["invoices_since"]
    assert since[:10] < ada.start.isoformat()[:10]
    assert sql.as_service("look_up_subscription", p_stripe_subscription_id="sub_new")["invoices_since"] is None
    with refused(422, "invalid_params"):
        sql.as_service("list_due_subscriptions", p_limit=0)


def test_a_subscription_outlives_the_person_without_credits(sql: Sql) -> None:
    """Erased, and Stripe still bills: kept, flagged, to be refunded."""
    ada = subscribe(sql)
    sql.connection.execute("delete from auth.users where id = %s", [ada.user])
    invoice = ada.renew()
    ada.say()
    assert ada.paid(invoice)["flag_reason"] == "user_erased"


def test_others_see_nothing(sql: Sql) -> None:
    """A subscription is its owner's."""
    ada: Subscription = subscribe(sql)
    assert sql.as_user(ada.user, "get_subscription")["id"]
    assert sql.as_user(sql.new_user(), "get_subscription") is None
