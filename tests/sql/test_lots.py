"""Lots: burn order, expiry by arithmetic, and what a hold keeps alive."""

from __future__ import annotations

import uuid

import pytest

from tests.factories import Json, Sql
from tests.sql.conftest import refused


def remaining(sql: Sql, user_id: uuid.UUID) -> list[int]:
    """Of every lot, oldest first."""
    query = "select remaining from credit_grants where wallet_id = %s order by created_at"
    return [row[0] for row in sql.connection.execute(query, [sql.wallet(user_id)])]


def spend(sql: Sql, user_id: uuid.UUID, amount: int) -> Json:
    hold = sql.reserve(user_id, amount)
    return sql.as_service("confirm_reservation", p_reservation_id=hold["id"])


def test_credits_burn_by_expiry_then_promotional_then_oldest(sql: Sql) -> None:
    """The burn order, one lot at a time."""
    alice = sql.new_user()
    sql.grant(alice, 1, source="purchase")  # 5th: paid
    sql.grant(alice, 1, source="promotion")  # 3rd: promotional, older
    sql.grant(alice, 1, source="promotion")  # 4th: promotional, younger
    sql.grant(alice, 1, source="purchase", lasts=2000)  # 2nd
    sql.grant(alice, 1, source="purchase", lasts=1000)  # 1st
    seen = [remaining(sql, alice)]
    for _ in range(5):
        spend(sql, alice, 1)
        seen.append(remaining(sql, alice))
    assert [row.index(0) if 0 in row else None for row in seen[:2]] == [None, 4]
    assert seen[2:] == [[1, 1, 1, 0, 0], [1, 0, 1, 0, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0]]


def test_an_expired_lot_is_not_spendable_at_once_without_a_sweep(sql: Sql) -> None:
    """Regression: L2."""
    alice = sql.new_user(credits=5)
    sql.grant(alice, 10, lasts=60)
    assert sql.balance(alice) == (15, 0, 15)
    sql.move_time(61)
    assert sql.balance(alice) == (5, 0, 5)
    with refused(402, "insufficient_credits") as data:
        sql.reserve(alice, 6)
    assert data["available"] == 5
    sql.reserve(alice, 5)


def test_expiry_has_its_own_row_and_touches_no_other_lot(sql: Sql) -> None:
    """Regression: L1, each expired lot is named by its own row."""
    alice = sql.new_user(credits=5)
    sql.grant(alice, 10, lasts=60)
    sql.grant(alice, 3, lasts=70)
    sql.move_time(71)
    assert sql.as_service("sweep_credits") == {"wallets_tidied": 1}
    assert sql.ledger(alice) == [("grant", 5), ("grant", 10), ("grant", 3), ("expiry", -10), ("expiry", -3)]
    assert remaining(sql, alice) == [5, 0, 0]
    assert sql.as_service("sweep_credits") == {"wallets_tidied": 0}
    assert sql.problems() == []


def test_what_the_balance_shows_is_what_the_next_write_books(sql: Sql) -> None:
    """Reading and tidying do the same arithmetic: expired holds on expired, living and endless lots."""
    alice = sql.new_user(credits=5)
    sql.grant(alice, 7, lasts=100)
    sql.grant(alice, 4, lasts=5000)
    for amount, lasts in ((3, 50), (6, 300), (2, 5000)):
        sql.reserve(alice, amount, lasts=lasts)
    for passed in (0, 60, 50, 200, 5000):
        sql.move_time(passed)
        shown = sql.balance(alice)
        with sql.connection.transaction(force_rollback=True):
            sql.as_service("sweep_credits")
            assert sql.balance(alice) == shown
            assert sql.one("select balance from wallets where user_id = %s", alice) == shown[0]
            assert sql.problems() == []


def test_a_held_part_of_a_lot_outlives_the_lot_until_it_is_confirmed(sql: Sql) -> None:
    """Regression: L3."""
    alice = sql.new_user()
    sql.grant(alice, 10, lasts=60)
    hold = sql.reserve(alice, 6)
    sql.move_time(61)
    assert sql.balance(alice) == (6, 6, 0)
    sql.as_service("confirm_reservation", p_reservation_id=hold["id"], p_amount=6)
    assert sql.balance(alice) == (0, 0, 0)
    assert sql.ledger(alice) == [("grant", 10), ("expiry", -4), ("usage", -6)]


def test_a_held_part_of_an_expired_lot_is_gone_when_it_is_released(sql: Sql) -> None:
    """Regression: L3, the other end; also for what a partial confirm gives back."""
    alice = sql.new_user()
    sql.grant(alice, 10, lasts=60)
    released, partly = sql.reserve(alice, 5), sql.reserve(alice, 5)
    sql.move_time(61)
    sql.as_service("release_reservation", p_reservation_id=released["id"])
    sql.as_service("confirm_reservation", p_reservation_id=partly["id"], p_amount=2)
    assert sql.balance(alice) == (0, 0, 0)
    sql.as_service("sweep_credits")
    assert sum(amount for _, amount in sql.ledger(alice)) == 0
    assert sql.problems() == []


def test_a_hold_made_after_a_lot_expired_does_not_keep_it_alive(sql: Sql) -> None:
    """Only what was set aside before the expiry is kept."""
    alice = sql.new_user(credits=5)
    sql.grant(alice, 10, lasts=60)
    first = sql.reserve(alice, 2)
    sql.move_time(61)
    sql.reserve(alice, 4)
    sql.as_service("release_reservation", p_reservation_id=first["id"])
    assert sql.balance(alice) == (5, 4, 1)


def test_a_new_grant_never_joins_an_old_lot(sql: Sql) -> None:
    """Regression: L6, bought credits outlive the old lot that is about to expire."""
    alice = sql.new_user()
    sql.grant(alice, 10, lasts=60)
    sql.grant(alice, 10)
    sql.move_time(61)
    assert sql.balance(alice) == (10, 0, 10)


def test_expiring_credits_are_announced_by_date(sql: Sql) -> None:
    """What the balance says is about to expire; held credits are not."""
    alice = sql.new_user(credits=5)
    for amount, lasts in ((3, 100), (4, 200)):
        sql.grant(alice, amount, lasts=lasts)
    sql.reserve(alice, 1)
    expiring = sql.as_user(alice, "get_credit_balance")["expiring"]
    assert [entry["credits"] for entry in expiring] == [2, 4]
    assert expiring[0]["expires_at"] < expiring[1]["expires_at"]
    assert expiring[0]["expires_at"].endswith("Z")


def test_low_balance_is_below_the_threshold(sql: Sql) -> None:
    """The default threshold is 5 available credits."""
    alice = sql.new_user(credits=6)
    assert sql.as_user(alice, "get_credit_balance")["low_balance"] is False
    sql.reserve(alice, 2)
    assert sql.as_user(alice, "get_credit_balance")["low_balance"] is True


def test_a_sweep_takes_no_more_than_its_limit(sql: Sql) -> None:
    """The rest waits for the next one."""
    for _ in range(3):
        sql.reserve(sql.new_user(credits=1), 1, lasts=60)
    sql.move_time(61)
    assert [sql.as_service("sweep_credits", p_limit=2)["wallets_tidied"] for _ in range(3)] == [2, 1, 0]


@pytest.mark.parametrize("limit", [0, -1, 10_001, None])
def test_a_sweep_limit_is_sane(sql: Sql, limit: int | None) -> None:
    """422, not a table scan."""
    for sweep in ("sweep_credits", "sweep_generations", "list_dispatchable"):
        with refused(422, "invalid_params"):
            sql.as_service(sweep, p_limit=limit)
