"""Automatic top-up: one attempt at a time, no more than the cap, and it stops when it should."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from tests.factories import Json, Sql
from tests.sql import payments
from tests.sql.conftest import refused
from tests.sql.subscribing import spend
from tests.sql.test_races import at_once

MINUTE, HOUR, DAY = 60, 3600, 86_400
SETTINGS = {"p_enabled": True, "p_threshold": 20, "p_package_id": "credits-50", "p_monthly_cap_cents": 2000}


def wanting(sql: Sql, credits: int = 30, **other: Json) -> uuid.UUID:
    """Somebody who wants 50 credits for 7.99 bought when fewer than 20 are left, for at most 20 in a month."""
    user = sql.new_user(credits=credits)
    sql.as_user(user, "set_auto_topup", **SETTINGS | other)
    return user


def due(sql: Sql, user: uuid.UUID) -> bool:
    """Whether something is to be bought now, as the scheduler sees it."""
    return str(user) in sql.as_service("list_due_auto_topups")


def attempt(sql: Sql, user: uuid.UUID) -> Json:
    """What a worker is told to pay."""
    return sql.as_service("start_auto_topup", p_user_id=user)


def settings(sql: Sql, user: uuid.UUID) -> Json:
    """The settings as their owner sees them."""
    return sql.as_user(user, "get_auto_topup")


def ends(sql: Sql, payment: Json, status: str = "paid", **other: Json) -> Json:
    """Stripe's answer to an attempt."""
    said = {"amount_cents": payment["amount_cents"], "currency": payment["currency"], "checkout_session_id": None}
    return payments.apply(sql, payment, status, **said | other)


def notices(sql: Sql, user: uuid.UUID) -> list[tuple[str, str | None]]:
    """(kind, reason) of what the user was told."""
    query = "select kind, data ->> 'reason' from notices where user_id = %s and kind like 'auto%%' order by id"
    return sql.connection.execute(query, [user]).fetchall()


def test_below_the_threshold_credits_are_bought(sql: Sql) -> None:
    """The ordinary case: not at the threshold, below it; a hold counts as gone; paid, it is not due any more."""
    alice = wanting(sql)
    spend(sql, alice, 10)
    assert not due(sql, alice) and attempt(sql, alice) is None
    sql.reserve(alice, 1)
    assert due(sql, alice)
    payment = attempt(sql, alice)
    assert (payment["amount_cents"], payment["currency"], payment["stale"]) == (799, "usd", False)
    ends(sql, payment)
    assert sql.balance(alice) == (70, 1, 69)
    sql.move_time(HOUR)
    assert not due(sql, alice) and attempt(sql, alice) is None
    assert sql.problems() == []


def test_off_means_off(sql: Sql) -> None:
    """Regression: P13: never set, or switched off, also between the descent and the attempt: nothing is bought."""
    bob = sql.new_user(credits=5)
    assert (attempt(sql, bob), settings(sql, bob), attempt(sql, uuid.uuid4())) == (None, None, None)
    alice = wanting(sql, credits=5)
    assert due(sql, alice)
    sql.as_user(alice, "set_auto_topup", **SETTINGS | {"p_enabled": False})
    assert not due(sql, alice) and attempt(sql, alice) is None
    sql.connection.execute("update credit_packages set active = false where id = 'credits-50'")
    assert settings(sql, alice)["enabled"] is False
    sql.as_user(alice, "set_auto_topup", **SETTINGS | {"p_enabled": False})  # a package that is gone is no obstacle


def test_fifty_parallel_spends_make_one_attempt(connect: Callable[[], Sql]) -> None:
    """Regression: P13: spends and workers at once; one attempt, and after the refill and another descent one more."""
    sql = connect()
    alice = wanting(sql, credits=60)

    def use(s: Sql) -> Json:
        spend(s, alice, 1)
        return attempt(s, alice)

    made = {answer["id"] for answer in at_once(connect, [use] * 50) if answer}
    assert len(made) == 1
    ends(sql, {"id": made.pop(), "amount_cents": 799, "currency": "usd"})
    assert sql.balance(alice)[2] == 60
    spend(sql, alice, 45)
    sql.move_time(11 * MINUTE)
    assert sum(answer is not None for answer in at_once(connect, [lambda s: attempt(s, alice)] * 16)) == 1


def test_an_interrupted_attempt_goes_on_with_the_same_payment(sql: Sql) -> None:
    """A crash anywhere between row and booking: the same payment and card again, for a day, then no more."""
    alice = wanting(sql, credits=5)
    first = attempt(sql, alice)
    assert attempt(sql, alice) is None  # it may be under way
    card = {"p_payment_id": first["id"], "p_payment_method_id": "pm_1"}
    assert sql.as_service("choose_payment_method", **card) == "pm_1"
    assert sql.as_service("choose_payment_method", **card | {"p_payment_method_id": "pm_2"}) == "pm_1"
    sql.move_time(11 * MINUTE)
    spend(sql, alice, 1)
    assert due(sql, alice)
    assert attempt(sql, alice) == first | {"payment_method_id": "pm_1"}
    sql.move_time(21 * HOUR)
    assert attempt(sql, alice)["stale"] is True
    sql.as_service("fail_auto_topup", p_payment_id=first["id"], p_reason="interrupted")
    ends(sql, first)  # it had been paid after all, says the event
    assert sql.balance(alice)[2] == 54
    with refused(404, "payment_not_found"):
        sql.as_service("fail_auto_topup", p_payment_id=alice, p_reason="x")


def test_no_more_than_the_cap_in_a_month(sql: Sql) -> None:
    """Two of 7.99 fit into 20.00, a third does not, which is told once; a higher cap helps at once, a new month too."""
    early = "select extract(epoch from date_trunc('month', now(), 'UTC') + interval '33 days' - now())"
    sql.move_time(float(sql.one(early)))
    alice = wanting(sql, credits=5)
    for _ in range(2):
        ends(sql, attempt(sql, alice))
        spend(sql, alice, 50)
        sql.move_time(11 * MINUTE)
    assert due(sql, alice) and attempt(sql, alice) is None and not due(sql, alice)
    sql.move_time(DAY)
    assert attempt(sql, alice) is None
    assert notices(sql, alice) == [("auto_topup_capped", None)]
    sql.as_user(alice, "set_auto_topup", **SETTINGS | {"p_monthly_cap_cents": 2500})
    ends(sql, attempt(sql, alice))
    spend(sql, alice, 50)
    sql.move_time(DAY)
    assert attempt(sql, alice) is None
    sql.move_time(31 * DAY)
    assert due(sql, alice) and attempt(sql, alice)


def test_declined_it_waits_longer_then_stops_and_tells(sql: Sql) -> None:
    """An hour, six, then the end, until it is set again; a paid one in between makes them start anew."""
    alice = wanting(sql, credits=5)
    for wait in (HOUR, 6 * HOUR):
        ends(sql, attempt(sql, alice), "failed", decline_reason="insufficient_funds")
        sql.move_time(wait - MINUTE)
        assert not due(sql, alice) and attempt(sql, alice) is None
        sql.move_time(2 * MINUTE)
    ends(sql, attempt(sql, alice), "failed", decline_reason="insufficient_funds")
    assert (settings(sql, alice)["enabled"], settings(sql, alice)["stopped_reason"]) == (False, "insufficient_funds")
    assert notices(sql, alice) == [("auto_topup_stopped", "insufficient_funds")]
    sql.move_time(DAY)
    assert attempt(sql, alice) is None
    sql.as_user(alice, "set_auto_topup", **SETTINGS)
    assert settings(sql, alice)["stopped_reason"] is None
    ends(sql, attempt(sql, alice), "failed")
    sql.move_time(2 * HOUR)
    ends(sql, attempt(sql, alice))
    assert sql.one("select declines from auto_topups where user_id = %s", alice) == 0


@pytest.mark.parametrize("reason", ["authentication_required", "no_payment_method"])
def test_what_only_a_person_can_mend_stops_it_at_once(sql: Sql, reason: str) -> None:
    """The bank wants to see somebody, or there is no card; told once, however often the news come."""
    alice = wanting(sql, credits=5)
    payment = attempt(sql, alice)
    if reason == "no_payment_method":
        sql.as_service("fail_auto_topup", p_payment_id=payment["id"], p_reason=reason)
        sql.as_service("fail_auto_topup", p_payment_id=payment["id"], p_reason=reason)
    else:
        for _ in range(2):
            ends(sql, payment, "failed", decline_reason=reason)
    assert settings(sql, alice)["stopped_reason"] == reason
    assert notices(sql, alice) == [("auto_topup_stopped", reason)]


def test_what_was_reversed_is_not_bought_again(sql: Sql) -> None:
    """A refund or a dispute takes credits, which must not make the card be charged again."""
    alice = wanting(sql, credits=5)
    bought = payments.buy(sql, alice, "credits-50")
    payments.apply(sql, bought, disputed_cents=799)
    assert sql.balance(alice)[2] == 5
    assert settings(sql, alice)["stopped_reason"] == "payment_reversed"
    assert not due(sql, alice) and attempt(sql, alice) is None


def test_settings_are_checked(sql: Sql) -> None:
    """A cap below the price could never buy anything; no threshold, no such package."""
    alice = sql.new_user()
    for change, code in {
        ("p_threshold", 0): "invalid_params", ("p_threshold", None): "invalid_params",
        ("p_monthly_cap_cents", 798): "invalid_params", ("p_monthly_cap_cents", None): "invalid_params",
        ("p_package_id", "none"): "package_not_found",
    }.items():  # fmt: skip
        with refused(404 if code == "package_not_found" else 422, code):
            sql.as_user(alice, "set_auto_topup", **SETTINGS | dict([change]))
    with refused(422, "invalid_params"):
        sql.as_service("list_due_auto_topups", p_limit=0)
    assert settings(sql, alice) is None


def test_a_bank_that_takes_days_holds_up_nobody_else(sql: Sql) -> None:
    """A debit under way kept its wallet at the head of what is due: a hundred of them, and nobody's turn came."""
    alice = wanting(sql)
    spend(sql, alice, 20)
    ends(sql, attempt(sql, alice), "processing")
    sql.move_time(11 * MINUTE)
    assert due(sql, alice) and attempt(sql, alice) is None
    assert not due(sql, alice)
    sql.move_time(11 * MINUTE)
    assert due(sql, alice)
