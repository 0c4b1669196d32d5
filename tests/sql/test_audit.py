"""The audit log only grows, is one chain, and names whoever tried."""

from __future__ import annotations

import json
import uuid

import psycopg
import pytest

from tests.factories import Sql
from tests.sql.conftest import refused
from tests.sql.prompting import prompt, write
from tests.sql.staff import log, staff
from tests.sql.test_adjustments import adjust
from tests.sql.test_races import Connect, at_once, count


@pytest.mark.parametrize(
    "statement",
    ["update private.audit_log set reason = 'x'", "delete from private.audit_log", "truncate private.audit_log"],
)
def test_nobody_changes_the_log(sql: Sql, statement: str) -> None:
    """Not even the owner of the table."""
    adjust(sql, staff(sql, "admin"), sql.new_user(), 5)
    with pytest.raises(psycopg.Error, match="forbidden"), sql.connection.transaction():
        sql.connection.execute(statement)  # type: ignore[arg-type]
    assert len(log(sql)) == 1


@pytest.mark.parametrize(
    ("harm", "problem"),
    [
        ("update private.audit_log set role = 'owner' where id = 2", "row_changed"),
        ("update private.audit_log set after = '{}' where id = 3", "row_changed"),
        ("delete from private.audit_log where id = 2", "chain_broken"),
        ("delete from private.audit_log where id = 3", "row_missing"),
        ("delete from private.audit_log", "head_differs"),
    ],
)
def test_a_changed_or_dropped_row_of_the_log_shows(sql: Sql, harm: str, problem: str) -> None:
    """Whoever switched the triggers off."""
    ada, alice = staff(sql, "admin"), sql.new_user()
    for amount in (1, 2, 3):
        adjust(sql, ada, alice, amount)
    assert sql.one("select count(*) from verify_audit_log()") == 0
    sql.connection.execute("alter table private.audit_log disable trigger audit_log_is_append_only")
    sql.connection.execute(harm)  # type: ignore[arg-type]
    assert problem in {row[0] for row in sql.connection.execute("select problem from verify_audit_log()").fetchall()}


def test_a_row_says_where_the_request_came_from(sql: Sql) -> None:
    """Request id and address, as the request says them; what is no address is left out."""
    ada, alice = staff(sql, "admin"), sql.new_user()
    for headers in (
        {"x-request-id": "r-1", "x-client-ip": "203.0.113.7", "x-forwarded-for": "10.0.0.1"},
        {"x-request-id": "r" * 300, "x-forwarded-for": "2001:db8::1, 10.0.0.1"},
        {"x-client-ip": "<script>"},
    ):
        sql.connection.execute("select set_config('request.headers', %s, true)", [json.dumps(headers)])
        adjust(sql, ada, alice, 1)
    sql.connection.execute("select set_config('request.headers', '', true)")
    adjust(sql, ada, alice, 1)
    assert [(row["request_id"], row["ip"]) for row in log(sql)] == [
        ("r-1", "203.0.113.7"), ("r" * 128, "2001:db8::1"), (None, None), (None, None),
    ]  # fmt: skip


def test_a_stranger_can_not_fill_the_log(sql: Sql) -> None:
    """Once an hour and act; who has a role is written down each time."""
    mallory, sam, alice = sql.new_user(), staff(sql, "support"), sql.new_user()
    for _ in range(3):
        for somebody in (mallory, sam):
            with refused(403, "forbidden"):
                adjust(sql, somebody, alice, 5)
    assert [row["role"] for row in log(sql)].count(None) == 1 and len(log(sql)) == 4
    sql.move_time(3601)
    with refused(403, "forbidden"):
        adjust(sql, mallory, alice, 5)
    assert len(log(sql)) == 5
    with refused(403, "forbidden"):
        write(sql, mallory, *(prompt(f"p{number}", "x" * 4000) for number in range(200)))
    request = log(sql)[-1]["request"]
    assert request["bytes"] > 800_000 and len(json.dumps(request)) < 2000, "a megabyte would stay there for ever"


def test_attempts_at_once_of_somebody_without_a_role_are_written_down_once(connect: Connect) -> None:
    """The look for the last one waits for the one that is just being written."""
    sql = connect()
    alice, bob = sql.new_user(), sql.new_user()
    tries = [lambda s, who=who: s.as_user(who, "admin_check_role", p_role="support") for who in [alice, bob] * 8]
    results = at_once(connect, tries, connections=8)
    assert count(results, "PT403 forbidden") == 16
    assert sorted(row["actor"] for row in log(sql)) == sorted(f"user:{who}" for who in (alice, bob))


@pytest.mark.parametrize(
    "harm",
    [
        "update credit_grants set remaining = 0",
        "alter table private.credit_adjustments add constraint c check (amount > 7)",
    ],
)
def test_an_act_that_fails_by_our_fault_leaves_a_trace(sql: Sql, harm: str) -> None:
    """Regression: A6: nothing of it stays but its row, which says what went wrong; the caller learns no internals."""
    ada, alice = staff(sql, "admin"), sql.new_user(credits=5)
    sql.connection.execute(harm)  # type: ignore[arg-type]
    with pytest.raises(psycopg.Error) as caught:
        adjust(sql, ada, alice, -5)
    assert (caught.value.sqlstate, caught.value.diag.message_primary) == ("PT500", "internal")
    [row] = log(sql)
    assert (row["outcome"], row["refusal"]["status"], row["after"]) == ("failed", 500, None)
    assert row["refusal"]["details"]["sqlstate"] in ("PT500", "23514")
    assert sql.one("select count(*) from private.credit_adjustments") == 0


def test_the_log_is_searched_page_by_page(sql: Sql) -> None:
    """Newest first, narrowed by each of its columns; for admins."""
    ada, eve, alice, bob = staff(sql, "admin"), staff(sql, "admin"), sql.new_user(), sql.new_user()
    for admin, user in ((ada, alice), (ada, bob), (eve, bob)):
        adjust(sql, admin, user, 1)
    with refused(402, "insufficient_credits"):
        adjust(sql, eve, alice, -9)

    def ids(**narrow: object) -> list[int]:
        return [row["id"] for row in sql.as_user(ada, "admin_list_audit_log", **narrow)["data"]]

    assert ids() == [4, 3, 2, 1]
    assert ids(p_limit=2) == [4, 3] and ids(p_limit=2, p_before=3) == [2, 1]
    assert ids(p_actor=f"user:{eve}") == [4, 3]
    assert ids(p_subject_type="user", p_subject_id=str(alice)) == [4, 1]
    assert ids(p_outcome="refused") == [4] and ids(p_act="set_role") == []
    assert ids(p_since="2099-01-01") == [] and ids(p_until="2099-01-01") == [4, 3, 2, 1]
    with refused(403, "forbidden"):
        sql.as_user(staff(sql, "support"), "admin_list_audit_log")


def test_an_unknown_actor_is_not_written_down(sql: Sql) -> None:
    """Without a token there is nobody to name: 401, as everywhere."""
    with refused(401, "unauthenticated"), sql.connection.transaction():
        sql.connection.execute("select private.admin_adjust_credits(%s, 1, 'x', 'k', null, false)", [uuid.uuid4()])
    assert log(sql) == []
