"""Admins add credits and take them away: within limits alone, above them by two, each attempt with its audit row."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.factories import Json, Sql
from tests.sql.conftest import refused
from tests.sql.staff import log, staff
from tests.sql.test_races import Connect, at_once, count


def adjust(sql: Sql, admin: uuid.UUID, user: uuid.UUID, amount: int, **other: Json) -> Json:
    asked = {"p_user_id": user, "p_amount": amount, "p_reason": "goodwill", "p_idempotency_key": uuid.uuid4().hex}
    return sql.as_user(admin, "admin_adjust_credits", **{**asked, **other})


def decide(sql: Sql, admin: uuid.UUID, adjustment: Json, approve: bool = True, **other: Json) -> Json:
    asked = {"p_adjustment_id": adjustment["id"], "p_approve": approve, "p_reason": "looked into it"}
    return sql.as_user(admin, "admin_decide_adjustment", **{**asked, **other})


def test_an_adjustment_adds_and_never_replaces(sql: Sql) -> None:
    """What was added and the new total are in the answer; the lot is not paid and may expire."""
    ada, alice = staff(sql, "admin"), sql.new_user(credits=20)
    made = adjust(sql, ada, alice, 30)
    assert (made["status"], made["added"], made["balance"], made["user_id"]) == ("applied", 30, 50, str(alice))
    assert adjust(sql, ada, alice, 5, p_expires_at=sql.one("select now() + interval '1 day'"))["balance"] == 55
    assert sql.balance(alice) == (55, 0, 55)
    sql.move_time(86_401)
    assert sql.balance(alice) == (50, 0, 50)
    assert sql.ledger(alice) == [("grant", 20), ("grant", 30), ("grant", 5)]
    query = (
        "select actor, contra from credit_transactions t join private.credit_adjustments a on t.id = transaction_id"
        " where a.id = %s"
    )
    assert sql.connection.execute(query, [made["id"]]).fetchone() == (f"user:{ada}", "adjustments")  # type: ignore[arg-type]
    assert sql.problems() == []


def test_a_negative_amount_takes_away_down_to_zero(sql: Sql) -> None:
    """In burn order, never what a hold has set aside; more than is available is refused, audited, changes nothing."""
    ada, alice = staff(sql, "admin"), sql.new_user(credits=20)
    hold = sql.reserve(alice, 5)
    with refused(402, "insufficient_credits") as data:
        adjust(sql, ada, alice, -16)
    assert data == {"required": 16, "available": 15, "balance": 20, "held": 5}
    assert adjust(sql, ada, alice, -15)["balance"] == 5
    assert sql.balance(alice) == (5, 5, 0)
    sql.as_service("confirm_reservation", p_reservation_id=hold["id"])
    assert sql.ledger(alice)[1:] == [("adjustment", -15), ("usage", -5)]
    assert [(row["outcome"], row["refusal"] and row["refusal"]["code"]) for row in log(sql)] == [
        ("refused", "insufficient_credits"), ("done", None),
    ]  # fmt: skip
    assert sql.problems() == []


def test_one_key_adjusts_once_for_ever(sql: Sql) -> None:
    """The answer is the stored one, no row is added to the log, and another request under the key is refused."""
    ada, eve, alice = staff(sql, "admin"), staff(sql, "admin"), sql.new_user()
    first = adjust(sql, ada, alice, 7, p_idempotency_key="k")
    adjust(sql, ada, alice, 1)
    assert adjust(sql, ada, alice, 7, p_idempotency_key="k") == first
    with refused(409, "idempotency_key_reused"):
        adjust(sql, ada, alice, 8, p_idempotency_key="k")
    assert adjust(sql, eve, alice, 7, p_idempotency_key="k")["balance"] == 15, "a key of an admin is his own"
    assert [row["outcome"] for row in log(sql)] == ["done", "done", "refused", "done"]


def test_a_missing_wallet_is_made_and_a_missing_user_refused(sql: Sql) -> None:
    """Regression: the production failure: both were a 500."""
    ada, alice = staff(sql, "admin"), sql.new_user()
    sql.forget(alice)
    assert adjust(sql, ada, alice, 7)["added"] == 7
    assert sql.balance(alice)[0] == 7 + 25, "the wallet came with its sign-up credits"
    nobody = uuid.uuid4()
    with refused(404, "user_not_found") as data:
        adjust(sql, ada, nobody, 7)
    assert data == {"user_id": str(nobody)}


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"p_amount": 0}, 400, "invalid_amount"), ({"p_amount": None}, 400, "invalid_amount"),
        ({"p_amount": 2_000_000_000}, 400, "invalid_amount"), ({"p_amount": -(2**63)}, 400, "invalid_amount"),
        ({"p_reason": " "}, 422, "invalid_params"),
        ({"p_reason": None}, 422, "invalid_params"), ({"p_reason": "x" * 501}, 422, "invalid_params"),
        ({"p_idempotency_key": ""}, 422, "invalid_params"), ({"p_expires_at": "2020-01-01"}, 422, "invalid_params"),
        ({"p_expires_at": "infinity"}, 422, "invalid_params"),
        ({"p_amount": -1, "p_expires_at": "2099-01-01"}, 422, "invalid_params"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_and_written_down(sql: Sql, change: Json, status: int, code: str) -> None:
    """Nothing moves."""
    ada, alice = staff(sql, "admin"), sql.new_user(credits=20)
    with refused(status, code):
        adjust(sql, ada, alice, 5, **change)
    assert sql.balance(alice) == (20, 0, 20)
    assert [row["refusal"]["status"] for row in log(sql)] == [status]


def test_a_debt_is_paid_first(sql: Sql) -> None:
    """Also below zero credits can be added, and there is nothing to take away."""
    ada, alice = staff(sql, "admin"), sql.new_user(credits=5)
    hold = sql.reserve(alice, 5, late_settle="debt")
    sql.as_service("confirm_reservation", p_reservation_id=hold["id"], p_amount=25)
    assert sql.balance(alice)[0] == -20
    with refused(402, "insufficient_credits"):
        adjust(sql, ada, alice, -1)
    assert adjust(sql, ada, alice, 15)["balance"] == -5
    assert sql.problems() == []


@pytest.mark.parametrize("role", [None, "support"])
def test_who_is_no_admin_adjusts_nothing(sql: Sql, role: str | None) -> None:
    """Regression: A6: refused and written down, with the role that was there."""
    somebody, alice = staff(sql, role), sql.new_user(credits=20)
    with refused(403, "forbidden") as data:
        adjust(sql, somebody, alice, 5)
    assert data == {"required": "admin"}
    [row] = log(sql)
    assert (row["actor"], row["role"], row["act"], row["subject_id"]) == (
        f"user:{somebody}",
        role,
        "adjust_credits",
        str(alice),
    )
    assert (row["request"], row["reason"]) == ({"amount": 5, "expires_at": None}, "goodwill")
    assert (row["outcome"], row["refusal"]) == ("refused", {"status": 403, "code": "forbidden", "details": data})
    assert sql.balance(alice) == (20, 0, 20)


def test_above_a_limit_a_second_admin_must_approve(sql: Sql) -> None:
    """Nothing moves before; one's own can't be approved; then it moves once."""
    ada, eve, alice = staff(sql, "admin"), staff(sql, "admin"), sql.new_user()
    asked = adjust(sql, ada, alice, 1001)
    assert (asked["status"], asked["added"], asked["balance"]) == ("pending", 0, 0)
    with refused(403, "self_approval"):
        decide(sql, ada, asked)
    assert sql.ledger(alice) == []
    made = decide(sql, eve, asked)
    assert (made["status"], made["added"], made["balance"], made["decided_by"]) == ("applied", 1001, 1001, str(eve))
    assert decide(sql, eve, asked) == made
    with refused(409, "invalid_state"):
        decide(sql, staff(sql, "admin"), asked)
    assert sql.ledger(alice) == [("grant", 1001)]
    assert [(row["act"], row["outcome"]) for row in log(sql)] == [
        ("adjust_credits", "pending"), ("decide_adjustment", "refused"), ("decide_adjustment", "done"),
        ("decide_adjustment", "refused"),
    ]  # fmt: skip
    assert sql.problems() == []


def test_a_rejected_one_moves_nothing(sql: Sql) -> None:
    """One's own may be taken back."""
    ada, eve, alice = staff(sql, "admin"), staff(sql, "admin"), sql.new_user()
    for decider in (ada, eve):
        asked = adjust(sql, ada, alice, 1001)
        assert decide(sql, decider, asked, approve=False)["status"] == "rejected"
        with refused(409, "invalid_state"):
            decide(sql, eve, asked)
    assert sql.ledger(alice) == []


def test_what_can_not_be_done_any_more_goes_on_waiting(sql: Sql) -> None:
    """Credits that are gone, an expiry that has passed; an unknown one is not found."""
    ada, eve, alice = staff(sql, "admin"), staff(sql, "admin"), sql.new_user(credits=2000)
    less = adjust(sql, ada, alice, -1500)
    soon = adjust(sql, ada, alice, 1500, p_expires_at=sql.one("select now() + interval '1 hour'"))
    sql.reserve(alice, 1000, lasts=600_000)
    with refused(402, "insufficient_credits"):
        decide(sql, eve, less)
    sql.move_time(3601)
    with refused(409, "invalid_state"):
        decide(sql, eve, soon)
    with refused(404, "adjustment_not_found"):
        decide(sql, eve, {"id": uuid.uuid4()})
    pending = sql.as_user(staff(sql, "support"), "admin_list_adjustments", p_status="pending", p_user_id=alice)
    assert [row["id"] for row in pending["data"]] == [soon["id"], less["id"]]


def test_a_day_has_its_limit_and_a_role_its_ceiling(sql: Sql) -> None:
    """What others approved does not count, nor what was more than 24 hours ago; taking away counts like adding."""
    ada, eve, alice = staff(sql, "admin"), staff(sql, "admin"), sql.new_user()
    for _ in range(2):
        assert adjust(sql, ada, alice, 1000)["status"] == "applied"
        assert adjust(sql, ada, alice, -1000)["status"] == "applied"
    decide(sql, eve, adjust(sql, ada, alice, 2000))
    assert adjust(sql, ada, alice, 999)["status"] == "applied"
    assert adjust(sql, ada, alice, 2)["status"] == "pending"
    assert adjust(sql, ada, alice, 1)["status"] == "applied"
    assert adjust(sql, eve, alice, 2)["status"] == "applied"
    sql.move_time(86_401)
    assert adjust(sql, ada, alice, 2)["status"] == "applied"
    with refused(403, "limit_exceeded") as data:
        adjust(sql, ada, alice, 100_001)
    assert data == {"amount": 100_001, "ceiling": 100_000}
    asked = adjust(sql, staff(sql, "owner"), alice, 100_001)
    with refused(403, "limit_exceeded"):
        decide(sql, ada, asked)
    assert decide(sql, staff(sql, "owner"), asked)["added"] == 100_001


def test_a_dry_run_tells_what_would_be_and_changes_nothing(sql: Sql) -> None:
    """Which lots, which balance; it leaves no row, unless the role does not suffice."""
    ada, alice = staff(sql, "admin"), sql.new_user()
    for amount in (3, 4):
        sql.grant(alice, amount)
    dry = adjust(sql, ada, alice, -5, p_dry_run=True)
    assert (dry["dry_run"], dry["id"], dry["added"], dry["balance"]) == (True, None, -5, 2)
    assert [lot["amount"] for lot in dry["lots"]] == [3, 2]
    assert adjust(sql, ada, alice, 5, p_dry_run=True)["balance"] == 12
    assert adjust(sql, ada, alice, 5000, p_dry_run=True)["status"] == "pending"
    with refused(402, "insufficient_credits"):
        adjust(sql, ada, alice, -8, p_dry_run=True)
    assert sql.balance(alice) == (7, 0, 7)
    assert log(sql) == [] and sql.one("select count(*) from private.credit_adjustments") == 0
    real = adjust(sql, ada, alice, -5)
    assert {**real, "id": None, "dry_run": True, "created_at": 0, "decided_at": 0} == {
        **dry,
        "created_at": 0,
        "decided_at": 0,
    }
    with refused(403, "forbidden"):
        adjust(sql, staff(sql, "support"), alice, 5, p_dry_run=True)
    assert [row["outcome"] for row in log(sql)] == ["done", "refused"]


def test_two_admins_adding_100_times_in_parallel(connect: Connect) -> None:
    """The sum is exact, there are 100 audit rows in one sound chain, and replays add nothing."""
    sql = connect()
    admins, alice = (staff(sql, "admin"), staff(sql, "admin")), sql.new_user()
    tasks = [
        lambda s, n=n: adjust(s, admins[n % 2], alice, 3, p_idempotency_key=f"{n}")  # type: ignore[misc]
        for n in range(100)
    ]
    first = at_once(connect, tasks)
    assert sql.balance(alice) == (300, 0, 300)
    assert sorted(row["balance"] for row in first if isinstance(row, dict)) == list(range(3, 301, 3))
    assert len(log(sql)) == 100
    assert at_once(connect, tasks) == first
    assert sql.balance(alice) == (300, 0, 300)
    assert len(log(sql)) == 100 and sql.one("select count(*) from verify_audit_log()") == 0
    assert sql.problems() == []


def test_parallel_adjustments_keep_the_limit_of_the_day(connect: Connect) -> None:
    """Counted under the lock of the admin's role."""
    sql = connect()
    ada, alice = staff(sql, "admin"), sql.new_user()
    results: list[Any] = at_once(connect, [lambda s: adjust(s, ada, alice, 1000)] * 12)
    assert sorted(row["status"] for row in results) == ["applied"] * 5 + ["pending"] * 7
    assert sql.balance(alice)[0] == 5000


def test_two_approvals_at_once_move_the_credits_once(connect: Connect) -> None:
    """One of them wins."""
    sql = connect()
    ada, others, alice = staff(sql, "admin"), [staff(sql, "admin") for _ in range(8)], sql.new_user()
    asked = adjust(sql, ada, alice, 1500)
    results = at_once(connect, [lambda s, eve=eve: decide(s, eve, asked) for eve in others])  # type: ignore[misc]
    assert count(results, "PT409 invalid_state") == 7
    assert sql.balance(alice) == (1500, 0, 1500)
