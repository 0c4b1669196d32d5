"""Confirm, release and renew: a hold is settled once, in full or in part, on time or late."""

from __future__ import annotations

import uuid

import pytest

from tests.factories import Json, Sql
from tests.sql.conftest import refused


def confirm(sql: Sql, hold: Json, amount: int | None = None) -> Json:
    return sql.as_service("confirm_reservation", p_reservation_id=hold["id"], p_amount=amount)


def release(sql: Sql, hold: Json) -> Json:
    return sql.as_service("release_reservation", p_reservation_id=hold["id"])


def renew(sql: Sql, hold: Json, seconds: int = 900) -> Json:
    return sql.as_service("renew_reservation", p_reservation_id=hold["id"], p_ttl_seconds=seconds)


def test_confirming_takes_the_held_credits(sql: Sql) -> None:
    """The ordinary case."""
    alice = sql.new_user(credits=10)
    settled = confirm(sql, sql.reserve(alice, 4))
    assert (settled["status"], settled["confirmed_amount"], settled["absorbed_amount"]) == ("confirmed", 4, 0)
    assert sql.balance(alice) == (6, 0, 6)
    assert sql.ledger(alice) == [("grant", 10), ("usage", -4)]
    assert sql.one("select (action, credits)::text from usage_logs where user_id = %s", alice) == "(usage,4)"


@pytest.mark.parametrize(("taken", "left"), [(3, 7), (0, 10), (10, 0)])
def test_confirming_a_part_gives_the_rest_back_at_once(sql: Sql, taken: int, left: int) -> None:
    """Regression: H10, partial settle is the ordinary case."""
    alice = sql.new_user(credits=10)
    confirm(sql, sql.reserve(alice, 10), taken)
    assert sql.balance(alice) == (left, 0, left)
    assert sql.problems() == []


def test_a_second_confirm_answers_the_first(sql: Sql) -> None:
    """Regression: H4 and H9, one movement whatever happens."""
    alice = sql.new_user(credits=10)
    hold = sql.reserve(alice, 4)
    assert confirm(sql, hold, 3) == confirm(sql, hold, 3) == confirm(sql, hold)
    with refused(409, "invalid_state"):
        confirm(sql, hold, 4)
    assert sql.balance(alice) == (7, 0, 7)


def test_a_second_release_is_the_same_outcome(sql: Sql) -> None:
    """Regression: H9."""
    alice = sql.new_user(credits=10)
    hold = sql.reserve(alice, 4)
    assert release(sql, hold) == release(sql, hold)
    assert sql.balance(alice) == (10, 0, 10)
    assert sql.ledger(alice) == [("grant", 10)]


def test_what_was_confirmed_is_not_released_or_renewed(sql: Sql) -> None:
    """Regression: H8, the state machine lives in SQL."""
    alice = sql.new_user(credits=10)
    hold = sql.reserve(alice, 4)
    confirm(sql, hold)
    for operation in (release, renew):
        with refused(409, "invalid_state"):
            operation(sql, hold)
    assert sql.balance(alice) == (6, 0, 6)


def test_a_closed_hold_is_not_renewed(sql: Sql) -> None:
    """Released and expired alike."""
    alice = sql.new_user(credits=10)
    released, expired = sql.reserve(alice, 4), sql.reserve(alice, 4, lasts=60)
    release(sql, released)
    sql.move_time(61)
    for hold in (released, expired):
        with refused(409, "invalid_state"):
            renew(sql, hold)


def test_renewing_extends_and_never_shortens(sql: Sql) -> None:
    """A hold outlives its first term when its work goes on."""
    alice = sql.new_user(credits=10)
    hold = sql.reserve(alice, 4, lasts=60)
    assert renew(sql, hold, 600)["expires_at"] > hold["expires_at"]
    longest = renew(sql, hold, 700)["expires_at"]
    assert renew(sql, hold, 1)["expires_at"] == longest
    sql.move_time(500)
    assert sql.balance(alice) == (10, 4, 6)
    sql.move_time(500)
    assert sql.balance(alice) == (10, 0, 10)


@pytest.mark.parametrize("amount", [-1, 1_000_000_001])
def test_a_settle_is_never_negative_or_absurd(sql: Sql, amount: int) -> None:
    """Regression: H1, a negative cost minted credits elsewhere."""
    alice = sql.new_user(credits=10)
    hold = sql.reserve(alice, 4)
    with refused(400, "invalid_amount"):
        confirm(sql, hold, amount)
    assert sql.balance(alice) == (10, 4, 6)


def test_an_unknown_reservation_is_not_found(sql: Sql) -> None:
    """404 from each of the three."""
    for operation in (confirm, release, renew):
        with refused(404, "reservation_not_found"):
            operation(sql, {"id": str(uuid.uuid4())})


# More than the hold, and after the hold: the declared policy.
# 10 credits, a hold of 6 (4 more available), confirm 12: (taken, absorbed, balance).
@pytest.mark.parametrize(
    ("policy", "taken", "absorbed", "balance"), [("collect", 10, 2, 0), ("debt", 12, 0, -2), ("absorb", 6, 6, 4)]
)
def test_more_than_the_hold_follows_the_policy(sql: Sql, policy: str, taken: int, absorbed: int, balance: int) -> None:
    """Regression: H19, work that cost more than its estimate."""
    alice = sql.new_user(credits=10)
    settled = confirm(sql, sql.reserve(alice, 6, late_settle=policy), 12)
    assert (settled["confirmed_amount"], settled["absorbed_amount"]) == (taken, absorbed)
    assert sql.balance(alice)[0] == balance
    assert sql.problems() == []


@pytest.mark.parametrize("how", ["expired", "released"])
@pytest.mark.parametrize(
    ("policy", "left", "taken"),
    [("collect", 10, 6), ("collect", 4, 4), ("collect", 0, 0), ("debt", 10, 6), ("debt", 0, 6), ("absorb", 10, 0)],
)
def test_a_late_settle_follows_the_policy(sql: Sql, how: str, policy: str, left: int, taken: int) -> None:
    """Regression: H13, H14. The hold of 6 has ended, `left` credits are there when the result comes; no sweeper ran."""
    alice = sql.new_user(credits=10)
    hold = sql.reserve(alice, 6, lasts=60, late_settle=policy)
    if how == "released":
        release(sql, hold)
    sql.move_time(61)
    if left < 10:
        confirm(sql, sql.reserve(alice, 10 - left))
    settled = confirm(sql, hold)
    assert (settled["status"], settled["confirmed_amount"], settled["absorbed_amount"]) == (
        "confirmed",
        taken,
        6 - taken,
    )
    assert sql.balance(alice) == (left - taken, 0, left - taken)
    assert confirm(sql, hold) == settled, "late and twice is once"
    row = "select (amount, absorbed)::text from credit_transactions where reservation_id = %s"
    assert sql.one(row, hold["id"]) == f"({-taken},{6 - taken})", "what is absorbed is written down"
    assert sql.problems() == []


def test_debt_stops_at_its_limit_and_the_rest_is_absorbed(sql: Sql) -> None:
    """private.settings.debt_limit is 100."""
    alice = sql.new_user(credits=10)
    settled = confirm(sql, sql.reserve(alice, 10, late_settle="debt"), 1000)
    assert (settled["confirmed_amount"], settled["absorbed_amount"]) == (110, 890)
    assert sql.balance(alice) == (-100, 0, -100)


def test_a_wallet_in_debt_cannot_reserve_and_pays_with_the_next_grant(sql: Sql) -> None:
    """Regression: P6, a shortfall is a debt that the next grant repays."""
    alice = sql.new_user(credits=10)
    confirm(sql, sql.reserve(alice, 10, late_settle="debt"), 30)
    with refused(402, "insufficient_credits"):
        sql.reserve(alice, 1)
    sql.grant(alice, 15)
    assert sql.balance(alice) == (-5, 0, -5)
    sql.grant(alice, 15)
    assert sql.balance(alice) == (10, 0, 10)
    sql.reserve(alice, 10)
    assert sql.problems() == []


def test_a_debt_made_beside_an_open_hold_is_paid_when_the_hold_comes_back(sql: Sql) -> None:
    """The hold keeps its credits; what is released goes to the debt first."""
    alice = sql.new_user(credits=10)
    open_hold = sql.reserve(alice, 6)
    confirm(sql, sql.reserve(alice, 4, late_settle="debt"), 7)
    assert sql.balance(alice) == (3, 6, -3)
    assert sql.problems() == []
    release(sql, open_hold)
    assert sql.balance(alice) == (3, 0, 3)
    assert sql.problems() == []
    confirm(sql, sql.reserve(alice, 3))
    assert sql.balance(alice) == (0, 0, 0)


def test_a_debt_made_beside_an_open_hold_lets_the_hold_be_confirmed(sql: Sql) -> None:
    """In part too: the rest goes to the debt first."""
    alice = sql.new_user(credits=10)
    open_hold = sql.reserve(alice, 6)
    confirm(sql, sql.reserve(alice, 4, late_settle="debt"), 5)
    confirm(sql, open_hold, 2)
    assert sql.balance(alice) == (3, 0, 3)
    assert sql.problems() == []


def test_the_table_itself_refuses_a_hidden_overdraft(sql: Sql) -> None:
    """Regression: C4, the constraint says again what the functions say, to the owner of the table too."""
    alice = sql.new_user(credits=10)
    for change in ("balance = -1", "held = 11", "held = -1"):
        with pytest.raises(Exception, match="violates check constraint"), sql.connection.transaction():
            sql.connection.execute(f"update wallets set {change} where user_id = %s", [alice])
