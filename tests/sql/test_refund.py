"""Refunds: credits that were taken come back, to the very lots they came from, never more than was taken."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.factories import Json, Sql
from tests.sql.conftest import refused


def spend(sql: Sql, user_id: uuid.UUID, amount: int, *, late_settle: str = "collect", hold: int | None = None) -> int:
    """Confirm a hold and return the id of its ledger row."""
    reservation = sql.reserve(user_id, hold or amount, late_settle=late_settle)
    sql.as_service("confirm_reservation", p_reservation_id=reservation["id"], p_amount=amount)
    row: int = sql.one("select id from credit_transactions where reservation_id = %s", reservation["id"])
    return row


def refund(sql: Sql, transaction_id: int, amount: int | None = None, *, key: str | None = None, **more: Any) -> Json:
    arguments = {"p_amount": amount, "p_reason": "unhappy", "p_idempotency_key": key or uuid.uuid4().hex} | more
    return sql.as_service("refund_transaction", p_transaction_id=transaction_id, **arguments)


def test_a_refund_gives_back_what_was_taken(sql: Sql) -> None:
    """The ordinary case."""
    alice = sql.new_user(credits=10)
    usage = spend(sql, alice, 4)
    row = refund(sql, usage)
    assert (row["kind"], row["amount"], row["reverses_id"], row["contra"]) == ("refund", 4, usage, "usage")
    assert sql.balance(alice) == (10, 0, 10)
    assert sql.one("select sum(credits) from usage_logs where user_id = %s", alice) == 0
    assert sql.problems() == []


def test_a_refund_restores_the_very_lots_last_burned_first(sql: Sql) -> None:
    """Two lots burned, refunded in two parts."""
    alice = sql.new_user()
    sql.grant(alice, 3, lasts=1000)
    sql.grant(alice, 10)
    usage = spend(sql, alice, 8)
    states = []
    for amount in (4, None):
        refund(sql, usage, amount)
        query = "select remaining from credit_grants where wallet_id = %s order by created_at"
        states.append([row[0] for row in sql.connection.execute(query, [sql.wallet(alice)])])
    assert states == [[0, 9], [3, 10]]
    assert sql.problems() == []


def test_refunds_together_never_exceed_what_was_taken(sql: Sql) -> None:
    """Regression: H9 and H1."""
    alice = sql.new_user(credits=10)
    usage = spend(sql, alice, 4)
    refund(sql, usage, 3)
    with refused(400, "invalid_amount") as data:
        refund(sql, usage, 2)
    assert data["refundable"] == 1
    refund(sql, usage)
    for amount in (None, 1, 0, -1):
        with refused(400, "invalid_amount"):
            refund(sql, usage, amount)
    assert sql.balance(alice) == (10, 0, 10)


def test_one_key_refunds_once(sql: Sql) -> None:
    """Regression: H9, a repeat answers the first row; another request under the key is refused."""
    alice = sql.new_user(credits=10)
    usage = spend(sql, alice, 4)
    first = refund(sql, usage, 1, key="key")
    assert refund(sql, usage, 1, key="key") == first
    with refused(409, "idempotency_key_reused"):
        refund(sql, usage, 2, key="key")
    assert sql.balance(alice) == (7, 0, 7)


def test_only_a_usage_is_refunded(sql: Sql) -> None:
    """Not a grant, not a refund, not what does not exist, not without a key."""
    alice = sql.new_user(credits=10)
    grant = sql.one("select max(id) from credit_transactions")
    back = refund(sql, spend(sql, alice, 4))["id"]
    for transaction_id in (grant, back):
        with refused(409, "invalid_state"):
            refund(sql, transaction_id)
    with refused(404, "transaction_not_found"):
        refund(sql, 2**60)
    with refused(422, "invalid_params"):
        refund(sql, grant, p_idempotency_key=None)


def test_credits_of_an_expired_lot_are_not_brought_back_to_life(sql: Sql) -> None:
    """They return to their lot, and time has already taken them."""
    alice = sql.new_user()
    sql.grant(alice, 10, lasts=60)
    usage = spend(sql, alice, 4)
    sql.move_time(61)
    refund(sql, usage)
    assert sql.balance(alice) == (0, 0, 0)
    sql.as_service("sweep_credits")
    assert sql.ledger(alice)[-1] == ("expiry", -4)
    assert sql.problems() == []


@pytest.mark.parametrize(("paid_meanwhile", "refunded", "balance"), [(0, 5, -5), (4, 7, 1), (25, 5, 20), (25, 20, 35)])
def test_a_refund_of_what_was_taken_on_debt(sql: Sql, paid_meanwhile: int, refunded: int, balance: int) -> None:
    """10 of 20 were taken on debt: a refund pays what is still owed, and makes a lot for what was paid meanwhile."""
    alice = sql.new_user(credits=10)
    usage = spend(sql, alice, 20, late_settle="debt", hold=10)
    if paid_meanwhile:
        sql.grant(alice, paid_meanwhile)
    refund(sql, usage, refunded)
    assert sql.balance(alice) == (balance, 0, balance)
    assert sql.problems() == []
    if balance > 0:
        sql.reserve(alice, balance)
