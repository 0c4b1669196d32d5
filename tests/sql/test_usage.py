"""What was spent, by day, action and model; and what the balance was at a time."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.factories import Sql
from tests.sql.conftest import refused

DAY = 86_400


def usage(sql: Sql, user: uuid.UUID, **arguments: Any) -> list[dict[str, Any]]:
    """The rows of get_credit_usage."""
    rows: list[dict[str, Any]] = sql.as_user(user, "get_credit_usage", **arguments)["data"]
    return rows


def spend(sql: Sql, user: uuid.UUID, amount: int, action: str) -> None:
    """A usage that is no generation."""
    hold = sql.as_user(
        user,
        "reserve_credits",
        p_amount=amount,
        p_idempotency_key=uuid.uuid4().hex,
        p_reference=f"{action}:{uuid.uuid4().hex}",
    )
    sql.as_service("confirm_reservation", p_reservation_id=hold["id"])


def generated(sql: Sql, user: uuid.UUID) -> None:
    """A generation that cost 4."""
    generation = sql.generate(user)
    sql.claim(generation)
    sql.as_service("complete_generation", p_generation_id=generation["id"], p_attempt=1, p_outputs=[])


def today(sql: Sql) -> str:
    """The day of the database's clock, in UTC."""
    return str(sql.one("select to_char(private.clock() at time zone 'utc', 'YYYY-MM-DD')"))


@pytest.fixture
def alice(sql: Sql) -> uuid.UUID:
    """She polished yesterday and twice today, generated once, and got 1 of that back."""
    user = sql.new_user(credits=100)
    spend(sql, user, 7, "polish")
    sql.move_time(DAY)
    for amount in (2, 3):
        spend(sql, user, amount, "polish")
    generated(sql, user)
    newest = sql.one("select max(id) from credit_transactions")
    sql.as_service("refund_transaction", p_transaction_id=newest, p_amount=1, p_idempotency_key="refund")
    return user


def test_usage_by_day_nets_refunds_and_counts_uses(sql: Sql, alice: uuid.UUID) -> None:
    """Oldest day first; days without any are left out."""
    days = usage(sql, alice)
    assert [(row["credits"], row["count"]) for row in days] == [(7, 1), (8, 3)]
    assert days[1]["day"] == today(sql)


def test_usage_by_action_shows_refunds_as_their_own(sql: Sql, alice: uuid.UUID) -> None:
    """Most credits first."""
    assert usage(sql, alice, p_by="action") == [
        {"action": "polish", "credits": 12, "count": 3},
        {"action": "generation", "credits": 4, "count": 1},
        {"action": "refund", "credits": -1, "count": 1},
    ]


def test_usage_by_model_nets_refunds_of_its_generations(sql: Sql, alice: uuid.UUID) -> None:
    """What has no model is left out."""
    assert usage(sql, alice, p_by="model") == [{"model": "local/picture", "credits": 3, "count": 1}]


def test_usage_is_that_of_the_range(sql: Sql, alice: uuid.UUID) -> None:
    """From inclusive, to exclusive; the answer says which range it is of."""
    midnight = datetime.fromisoformat(today(sql)).replace(tzinfo=UTC)
    range_ = {"p_from": midnight - timedelta(days=5), "p_to": midnight}
    assert [row["credits"] for row in usage(sql, alice, **range_)] == [7]
    answer = sql.as_user(alice, "get_credit_usage", **range_)
    assert answer["to"] == midnight.strftime("%Y-%m-%dT00:00:00.000000Z")
    first = sql.one("select min(created_at) from usage_logs where user_id = %s", alice)
    assert [row["credits"] for row in usage(sql, alice, p_from=first, p_to=first + timedelta(microseconds=1))] == [7]
    assert usage(sql, alice, p_from=first - timedelta(days=1), p_to=first) == []


def test_a_range_that_ends_in_the_future_ends_now(sql: Sql, alice: uuid.UUID) -> None:
    """A month that is not over yet: the answer says until when it is."""
    now = sql.one("select private.clock()")
    answer = sql.as_user(alice, "get_credit_usage", p_from=now - timedelta(days=20), p_to=now + timedelta(days=10))
    assert datetime.fromisoformat(answer["to"]) < now + timedelta(days=1)
    assert sum(row["credits"] for row in answer["data"]) == 15
    with refused(422, "invalid_params") as data:
        usage(sql, alice, p_from=now + timedelta(days=1), p_to=now + timedelta(days=2))
    assert data == {"field": "from"}


def test_usage_is_nobody_elses(sql: Sql, alice: uuid.UUID) -> None:
    """Bob has used nothing."""
    assert usage(sql, sql.new_user()) == []


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"p_by": "user"}, "by"),
        ({"p_by": None}, "by"),
        ({"p_from": "2026-01-02Z", "p_to": "2026-01-01Z"}, "from"),
        ({"p_from": "2026-01-01Z", "p_to": "2026-01-01Z"}, "from"),
        ({"p_from": "2024-01-01Z", "p_to": "2025-01-02 00:00:01Z"}, "from"),
        ({"p_from": "-infinity"}, "from"),
        ({"p_to": "infinity"}, "to"),
    ],
)
def test_a_range_is_bounded(sql: Sql, arguments: dict[str, Any], field: str) -> None:
    """422 naming the field."""
    with refused(422, "invalid_params") as data:
        usage(sql, sql.new_user(), **arguments)
    assert data == {"field": field}


def test_usage_reads_the_index_of_its_user(sql: Sql, alice: uuid.UUID) -> None:
    """Cost in proportion to the range, not to everybody's history."""
    sql.connection.execute("set local enable_seqscan = off")
    plan = sql.connection.execute(
        "explain select * from usage_logs where user_id = %s and created_at >= now() and created_at < now()", [alice]
    ).fetchall()
    assert "usage_logs_by_user" in str(plan)


def test_the_balance_at_a_time_is_what_the_ledger_said(sql: Sql) -> None:
    """Zero before the first row, and no answer about times to come."""
    alice = sql.new_user(credits=20)
    born = sql.one("select created_at from credit_transactions order by id desc limit 1")
    sql.move_time(100)
    spend(sql, alice, 5, "polish")
    sql.move_time(100)

    def at(moment: datetime) -> int:
        return int(sql.as_user(alice, "get_balance_at", p_at=moment)["balance"])

    assert [at(born - timedelta(seconds=1)), at(born), at(born + timedelta(seconds=99))] == [0, 20, 20]
    answer = sql.as_user(alice, "get_balance_at", p_at=born + timedelta(days=900))
    assert answer["balance"] == 15
    assert datetime.fromisoformat(answer["at"]) < born + timedelta(days=1)


@pytest.mark.parametrize("moment", [None, "infinity", "-infinity"])
def test_a_time_must_be_one(sql: Sql, moment: str | None) -> None:
    """422 naming the field."""
    with refused(422, "invalid_params") as data:
        sql.as_user(sql.new_user(), "get_balance_at", p_at=moment)
    assert data == {"field": "at"}


@pytest.mark.parametrize("role", ["support", "admin", "owner"])
def test_admins_see_the_balance_of_anybody(sql: Sql, role: str) -> None:
    """The role is in the table, whatever the token says."""
    alice, boss = sql.new_user(credits=20), sql.new_user()
    sql.connection.execute("insert into private.user_roles (user_id, role) values (%s, %s)", [boss, role])
    now = sql.one("select private.clock()")
    assert sql.as_user(boss, "admin_get_balance_at", p_user_id=alice, p_at=now)["balance"] == 20
    with refused(404, "user_not_found"):
        sql.as_user(boss, "admin_get_balance_at", p_user_id=uuid.uuid4(), p_at=now)
    sql.connection.execute("insert into private.user_roles values (%s, 'owner')", [alice])
    sql.connection.execute("delete from private.user_roles where user_id = %s", [boss])
    with refused(403, "forbidden") as data:
        sql.as_user(boss, "admin_get_balance_at", p_user_id=alice, p_at=now)
    assert data == {"required": "support"}


def test_a_higher_role_suffices_and_a_lower_one_does_not(sql: Sql) -> None:
    """support < admin < owner."""
    user = sql.new_user()

    def allowed(role: str) -> set[str]:
        sql.connection.execute("delete from private.user_roles where user_id = %s", [user])
        sql.connection.execute("insert into private.user_roles (user_id, role) values (%s, %s)", [user, role])
        query = "select set_config('request.jwt.claims', json_build_object('sub', %s::text)::text, true)"
        sql.connection.execute(query, [user])
        return {needed for needed in ("support", "admin", "owner") if passes(needed)}

    def passes(needed: str) -> bool:
        try:
            with refused(403, "forbidden"), sql.connection.transaction():
                sql.connection.execute("select private.require_role(%s)", [needed])
        except pytest.fail.Exception:
            return True
        return False

    assert allowed("support") == {"support"}
    assert allowed("admin") == {"support", "admin"}
    assert allowed("owner") == {"support", "admin", "owner"}
