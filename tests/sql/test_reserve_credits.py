"""Holds: credits are set aside once, never beyond what is available, and come back when time is up."""

from __future__ import annotations

import uuid

import pytest

from tests.factories import Sql
from tests.sql.conftest import refused


def test_a_hold_sets_credits_aside_and_leaves_the_balance(sql: Sql) -> None:
    """The ordinary case."""
    alice = sql.new_user(credits=10)
    hold = sql.reserve(alice, 4)
    assert (hold["status"], hold["amount"]) == ("held", 4)
    assert sql.balance(alice) == (10, 4, 6)
    assert sql.ledger(alice) == [("grant", 10)]


def test_more_than_available_is_refused_and_changes_nothing(sql: Sql) -> None:
    """Regression: H7, open holds count in every check."""
    alice = sql.new_user(credits=10)
    for _ in range(5):
        sql.reserve(alice, 2)
    with refused(402, "insufficient_credits") as data:
        sql.reserve(alice, 1)
    assert data == {"required": 1, "available": 0, "balance": 10, "held": 10}
    assert sql.balance(alice) == (10, 10, 0)


def test_the_same_key_holds_once(sql: Sql) -> None:
    """A replay answers the first reservation."""
    alice = sql.new_user(credits=10)
    first = sql.as_user(alice, "reserve_credits", p_amount=4, p_idempotency_key="key")
    again = sql.as_user(alice, "reserve_credits", p_amount=4, p_idempotency_key="key")
    assert again == first
    assert sql.balance(alice) == (10, 4, 6)


@pytest.mark.parametrize("change", [{"p_amount": 5}, {"p_ttl_seconds": 60}, {"p_reference": "other"}])
def test_the_same_key_with_another_request_is_refused(sql: Sql, change: dict[str, object]) -> None:
    """Every argument belongs to the request."""
    alice = sql.new_user(credits=10)
    request = {"p_amount": 4, "p_idempotency_key": "key", "p_ttl_seconds": 900, "p_reference": "first"}
    sql.as_user(alice, "reserve_credits", **request)
    with refused(409, "idempotency_key_reused"):
        sql.as_user(alice, "reserve_credits", **(request | change))
    assert sql.balance(alice) == (10, 4, 6)


def test_a_key_belongs_to_one_user(sql: Sql) -> None:
    """Regression: H12, the same key on two accounts succeeds on both."""
    alice, bob = sql.new_user(credits=10), sql.new_user(credits=10)
    for user in (alice, bob):
        sql.as_user(user, "reserve_credits", p_amount=4, p_idempotency_key="key")
    assert sql.balance(alice) == sql.balance(bob) == (10, 4, 6)


def test_a_closed_reservation_never_opens_again(sql: Sql) -> None:
    """Regression: H11, the key of a released hold answers the released hold and takes nothing."""
    alice = sql.new_user(credits=10)
    hold = sql.as_user(alice, "reserve_credits", p_amount=4, p_idempotency_key="key")
    sql.as_service("release_reservation", p_reservation_id=hold["id"])
    again = sql.as_user(alice, "reserve_credits", p_amount=4, p_idempotency_key="key")
    assert (again["id"], again["status"]) == (hold["id"], "released")
    assert sql.balance(alice) == (10, 0, 10)


def test_an_expired_hold_is_spendable_at_once_without_a_sweep(sql: Sql) -> None:
    """Regression: H15, H16 and T2: arithmetic, never cron."""
    alice = sql.new_user(credits=10)
    sql.reserve(alice, 10, lasts=60)
    sql.move_time(61)
    assert sql.balance(alice) == (10, 0, 10)
    sql.reserve(alice, 10)
    assert sql.balance(alice) == (10, 10, 0)
    assert sql.problems() == []


def test_a_hold_lives_until_its_last_second(sql: Sql) -> None:
    """The other side of expiry."""
    alice = sql.new_user(credits=10)
    sql.reserve(alice, 10, lasts=60)
    sql.move_time(55)
    with refused(402, "insufficient_credits"):
        sql.reserve(alice, 1)


@pytest.mark.parametrize("amount", [0, -1, None, 1_000_000_001])
def test_an_amount_must_be_positive_and_sane(sql: Sql, amount: int | None) -> None:
    """Regression: H1, no negative or absurd amount gets past the innermost boundary."""
    alice = sql.new_user(credits=10)
    with refused(400, "invalid_amount"):
        sql.as_user(alice, "reserve_credits", p_amount=amount, p_idempotency_key="key")
    assert sql.ledger(alice) == [("grant", 10)]


@pytest.mark.parametrize(
    "change",
    [
        {"p_idempotency_key": None},
        {"p_idempotency_key": ""},
        {"p_idempotency_key": "x" * 256},
        {"p_ttl_seconds": 0},
        {"p_ttl_seconds": 604_801},
        {"p_ttl_seconds": None},
        {"p_reference": "x" * 201},
    ],
)
def test_malformed_arguments_are_named(sql: Sql, change: dict[str, object]) -> None:
    """422 with the field."""
    alice = sql.new_user(credits=10)
    with refused(422, "invalid_params") as data:
        sql.as_user(alice, "reserve_credits", **({"p_amount": 1, "p_idempotency_key": "key"} | change))
    assert f"p_{data['field']}" in change


def test_a_token_of_a_vanished_user_is_refused(sql: Sql) -> None:
    """A valid token can outlive its account."""
    with refused(404, "user_not_found"):
        sql.reserve(uuid.uuid4(), 1)
