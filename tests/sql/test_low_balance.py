"""A low balance is told once each time that it falls below the threshold, 5 until the owner says otherwise."""

from __future__ import annotations

import uuid

import pytest

from tests.factories import Json, Sql
from tests.sql.conftest import refused
from tests.sql.test_races import Connect, at_once


def spend(sql: Sql, user: uuid.UUID, amount: int) -> Json:
    return sql.as_service("confirm_reservation", p_reservation_id=sql.reserve(user, amount)["id"])


def told(sql: Sql, user: uuid.UUID) -> list[Json]:
    """What the user was told of it, oldest first."""
    query = "select data from notices where user_id = %s and kind = 'low_balance' order by id"
    return [row[0] for row in sql.connection.execute(query, [user]).fetchall()]


def test_a_descent_is_told_once_and_again_after_a_refill(sql: Sql) -> None:
    """At the threshold nothing; below it once, however far it falls; after a refill the next descent counts."""
    alice = sql.new_user(credits=10)
    spend(sql, alice, 5)
    assert told(sql, alice) == []
    spend(sql, alice, 1)
    spend(sql, alice, 3)
    assert told(sql, alice) == [{"balance": 4, "threshold": 5}]
    sql.grant(alice, 3)
    spend(sql, alice, 1)
    assert len(told(sql, alice)) == 1, "it has not been above the threshold in between"
    sql.grant(alice, 10)
    spend(sql, alice, 10)
    assert told(sql, alice)[1:] == [{"balance": 3, "threshold": 5}]
    assert sql.problems() == []


def test_a_hold_that_is_given_back_tells_nothing(sql: Sql) -> None:
    """Otherwise every failed generation near the threshold would be told."""
    alice = sql.new_user(credits=8)
    for _ in range(3):
        sql.as_service("release_reservation", p_reservation_id=sql.reserve(alice, 8)["id"])
    assert told(sql, alice) == []


def test_credits_that_expire_are_a_descent(sql: Sql) -> None:
    """Whoever books the expiry, and however often anybody looks."""
    alice = sql.new_user(credits=2)
    sql.grant(alice, 10, lasts=60)
    sql.move_time(61)
    for _ in range(2):
        sql.as_service("sweep_credits")
    assert told(sql, alice) == [{"balance": 2, "threshold": 5}]


def test_the_threshold_is_the_users_own(sql: Sql) -> None:
    """Somebody else's stays; what was low before it was raised is no descent, and 0 tells only of a debt."""
    alice, bob = sql.new_user(credits=20), sql.new_user(credits=20)
    assert sql.as_user(alice, "set_low_balance_threshold", p_credits=15)["low_balance_threshold"] == 15
    for user in (alice, bob):
        spend(sql, user, 6)
    assert (told(sql, alice), told(sql, bob)) == ([{"balance": 14, "threshold": 15}], [])
    sql.as_user(bob, "set_low_balance_threshold", p_credits=16)
    assert sql.as_user(bob, "get_credit_balance")["low_balance"] is True
    spend(sql, bob, 1)
    sql.as_user(bob, "set_low_balance_threshold", p_credits=0)
    spend(sql, bob, 13)
    assert told(sql, bob) == []


@pytest.mark.parametrize("credits", [None, -1, 1_000_000_001])
def test_a_threshold_is_a_number_of_credits(sql: Sql, credits: int | None) -> None:
    """The refusal names the field as clients know it."""
    with refused(422, "invalid_params") as data:
        sql.as_user(sql.new_user(), "set_low_balance_threshold", p_credits=credits)
    assert data == {"field": "low_balance_threshold"}


def test_50_parallel_spends_across_the_threshold_tell_once(connect: Connect) -> None:
    """Regression: P13: the crossing is seen by the one that makes it, under the wallet's lock."""
    sql = connect()
    alice = sql.new_user(credits=50)
    at_once(connect, [lambda s: spend(s, alice, 1)] * 50)
    assert sql.balance(alice) == (0, 0, 0)
    assert told(sql, alice) == [{"balance": 4, "threshold": 5}]
