"""Reversals: which credits go, what becomes debt, and that what is reinstated comes back to the credit."""

from __future__ import annotations

import pytest

from tests.factories import Sql
from tests.sql.conftest import refused
from tests.sql.payments import apply, buy


def test_the_payments_own_lot_goes_first(sql: Sql) -> None:
    """Promotional credits burn before paid ones; a clawback takes the lot that was paid for all the same."""
    alice = sql.new_user(credits=30, source="promotion")
    payment = buy(sql, alice)
    apply(sql, payment, refunded_cents=1499)
    lots = sql.connection.execute("select source, remaining from credit_grants order by created_at").fetchall()
    assert lots[-2:] == [("promotion", 30), ("purchase", 0)]
    assert sql.ledger(alice)[-1] == ("clawback", -100)
    assert (
        sql.one("select contra from credit_transactions where kind = 'clawback' order by id desc limit 1")
        == "reversals"
    )
    assert sql.problems() == []


def test_what_was_spent_is_taken_from_other_credits_then_owed(sql: Sql) -> None:
    """Regression: P1, P6: 100 of 110 spent, all refunded: 10 there, 90 owed; the next purchase pays the debt first."""
    alice = sql.new_user()
    payment = buy(sql, alice)
    sql.grant(alice, 10, source="admin", lasts=3600)
    hold = sql.reserve(alice, 100)
    sql.as_service("confirm_reservation", p_reservation_id=hold["id"])
    apply(sql, payment, refunded_cents=1499)
    assert sql.balance(alice) == (-90, 0, -90)
    with refused(402, "insufficient_credits"):
        sql.reserve(alice, 1)
    buy(sql, alice)
    assert sql.balance(alice) == (10, 0, 10)
    assert sql.reserve(alice, 10)["status"] == "held"
    assert sql.problems() == []


@pytest.mark.parametrize("end", ["confirm_reservation", "release_reservation"])
def test_an_open_hold_outlives_the_clawback(sql: Sql, end: str) -> None:
    """What a hold took from the lot stays held; what is missing is debt, and what the hold gives back pays it."""
    alice = sql.new_user()
    payment = buy(sql, alice)
    hold = sql.reserve(alice, 60)
    apply(sql, payment, refunded_cents=1499)
    assert sql.balance(alice) == (0, 60, -60)
    assert sql.one("select debt from wallets where user_id = %s", alice) == 60
    assert sql.problems() == []
    sql.as_service(end, p_reservation_id=hold["id"])
    assert sql.balance(alice) == ((-60, 0, -60) if end == "confirm_reservation" else (0, 0, 0))
    assert sql.problems() == []


def test_a_won_dispute_gives_back_exactly(sql: Sql) -> None:
    """Regression: P2, P3: withdrawn takes, reinstated gives back, and a later refund takes its own share only."""
    alice = sql.new_user()
    payment = buy(sql, alice)
    opened = apply(sql, payment, disputed_cents=1499)
    assert (opened["status"], opened["clawed_credits"]) == ("disputed", 100)
    won = apply(sql, payment)
    assert (won["status"], won["clawed_credits"]) == ("paid", 0)
    apply(sql, payment)
    part = apply(sql, payment, refunded_cents=300)
    assert (part["status"], part["clawed_credits"]) == (
        "partially_refunded",
        21,
    )  # 100 * 300 / 1499 = 20.01, rounded up
    assert sql.balance(alice) == (79, 0, 79)
    assert sql.problems() == []


def test_dispute_and_refund_claw_once(sql: Sql) -> None:
    """Regression: P5: one running total per payment, over all kinds of reversal, at most what it gave."""
    alice = sql.new_user()
    payment = buy(sql, alice)
    apply(sql, payment, disputed_cents=1499)
    apply(sql, payment, disputed_cents=1499, refunded_cents=1499)
    assert sql.ledger(alice) == [("grant", 100), ("clawback", -100)]
    apply(sql, payment, refunded_cents=1499)
    assert sql.balance(alice) == (0, 0, 0)


@pytest.mark.parametrize(
    ("credits", "cents", "refunds", "clawed"),
    [
        (500, 1000, [1, 500, 999, 1000], [1, 250, 500, 500]),
        (7, 9999, [1, 1429, 9998], [1, 2, 7]),
        (1000, 3, [1, 2], [334, 667]),
    ],
)
def test_money_and_credits_are_different_units(
    sql: Sql, credits: int, cents: int, refunds: list[int], clawed: list[int]
) -> None:
    """Regression: P4: packs where a cent is not a credit, through refunds and a dispute."""
    sql.connection.execute(
        "update credit_packages set credits = %s, amount_cents = %s where id = 'credits-100'", [credits, cents]
    )
    alice = sql.new_user()
    payment = buy(sql, alice)
    assert [apply(sql, payment, refunded_cents=refund)["clawed_credits"] for refund in refunds] == clawed
    assert apply(sql, payment, disputed_cents=cents)["clawed_credits"] == credits
    assert apply(sql, payment)["clawed_credits"] == 0
    assert sql.balance(alice)[0] == credits


def test_a_reinstatement_pays_the_debt_first(sql: Sql) -> None:
    """Spent 80, disputed: 80 owed. Won: nothing owed, 20 there, in a lot of the payment's own."""
    alice = sql.new_user()
    payment = buy(sql, alice)
    sql.as_service("confirm_reservation", p_reservation_id=sql.reserve(alice, 80)["id"])
    apply(sql, payment, disputed_cents=1499)
    assert sql.balance(alice) == (-80, 0, -80)
    apply(sql, payment)
    assert sql.balance(alice) == (20, 0, 20)
    sql.grant(alice, 5, source="promotion")
    apply(sql, payment, refunded_cents=1499)
    assert sql.balance(alice) == (-75, 0, -75)
    assert sql.problems() == []


def test_a_refund_between_clawback_and_reinstatement_loses_nothing(sql: Sql) -> None:
    """Credits given back to the lot while the dispute is open leave room for those of the won dispute."""
    alice = sql.new_user()
    payment = buy(sql, alice)
    hold = sql.reserve(alice, 60)
    sql.as_service("confirm_reservation", p_reservation_id=hold["id"])
    sql.grant(alice, 60)
    apply(sql, payment, disputed_cents=1499)
    usage = sql.one("select id from credit_transactions where reservation_id = %s", hold["id"])
    sql.as_service("refund_transaction", p_transaction_id=usage, p_idempotency_key="r")
    apply(sql, payment)
    assert sql.balance(alice) == (160, 0, 160)
    assert sql.problems() == []


def test_a_payment_that_disagrees_with_the_ledger_shows(sql: Sql) -> None:
    """verify_ledger compares what payments say with what was booked for them."""
    payment = buy(sql, sql.new_user())
    sql.connection.execute("update payments set clawed_credits = 1 where id = %s", [payment["id"]])
    assert [problem["problem"] for problem in sql.problems()] == ["payment_differs_from_ledger"]
