"""The audit log is verified as it grows: new rows once, old ones in turn; what is wrong is told until it is gone."""

from __future__ import annotations

import pytest

from tests.factories import Json, Sql
from tests.sql.conftest import refused

OFF = "alter table private.audit_log disable trigger audit_log_is_append_only"
ON = "alter table private.audit_log enable trigger audit_log_is_append_only"
OPEN = "select problem, transaction_id from private.ledger_problems where resolved_at is null order by 1, 2"
ADDED = """
insert into private.audit_log select (jsonb_populate_record(a, '{"id": 11}')).* from private.audit_log a where a.id = 10
"""
WRITE = "select private.audit('system:test', null, 'test', 'test', n::text, '{}') from generate_series(1, %s) n"


def write(sql: Sql, rows: int) -> None:
    """So many acts."""
    sql.connection.execute(WRITE, [rows])


def look(sql: Sql, limit: int = 5000) -> Json:
    """One look."""
    return sql.as_service("reconcile_audit_log", p_limit=limit)


def tamper(sql: Sql, statement: str) -> None:
    """Do what only somebody with the keys to the database can."""
    for one in (OFF, statement, ON):
        sql.connection.execute(one)  # type: ignore[arg-type]


def open_problems(sql: Sql) -> list[tuple[str, int | None]]:
    """What is wrong now."""
    return sql.connection.execute(OPEN).fetchall()


def verified(sql: Sql) -> int:
    """How far it was verified."""
    number: int = sql.one("select verified_id from private.audit_verification")
    return number


def test_each_row_is_read_when_it_is_new_and_again_in_turn(sql: Sql) -> None:
    """The cost is that of what is new, and of one slice of what is old."""
    assert look(sql) == {"rows": 0, "again": 0, "found": 0, "left": 0}
    write(sql, 10)
    assert look(sql, 4) == {"rows": 4, "again": 0, "found": 0, "left": 6}
    assert look(sql, 4) == {"rows": 4, "again": 4, "found": 0, "left": 2}
    assert look(sql, 4) == {"rows": 2, "again": 4, "found": 0, "left": 0}
    assert [look(sql, 4)["again"] for _ in range(4)] == [4, 2, 4, 4], "round after round"
    assert verified(sql) == 10 and open_problems(sql) == []
    assert sql.one("select again_at < verified_at from private.audit_verification")
    with refused(422, "invalid_params"):
        look(sql, 0)


@pytest.mark.parametrize(
    ("harm", "problem"),
    [
        ("update private.audit_log set act = 'other' where id = 8", ("audit_row_changed", 8)),
        ("update private.audit_log set prev_hash = '' where id = 8", ("audit_chain_broken", 8)),
        ("delete from private.audit_log where id = 8", ("audit_row_missing", 8)),
        ("delete from private.audit_log where id > 8", ("audit_head_differs", None)),
        (ADDED, ("audit_head_differs", None)),
    ],
)  # fmt: skip
def test_what_is_wrong_in_new_rows_is_told_once_and_until_it_is_gone(
    sql: Sql, harm: str, problem: tuple[str, int | None]
) -> None:
    """As a problem of the books: alerts and the doctor tell people."""
    write(sql, 5)
    look(sql)
    write(sql, 5)
    sql.connection.execute("create temporary table kept as select * from private.audit_log")
    tamper(sql, harm)
    assert look(sql)["found"] >= 1
    assert problem in open_problems(sql)
    before = open_problems(sql)
    assert look(sql)["found"] == 0 and open_problems(sql) == before
    assert sql.as_service("get_alert_facts")["problems"]["open"] == len(before)
    tamper(sql, "delete from private.audit_log; insert into private.audit_log select * from kept")
    sql.connection.execute(
        "update private.audit_verification set hash = (select hash from kept where id = verified_id)"
    )
    look(sql)
    assert open_problems(sql) == []


def test_an_old_row_that_was_changed_shows_when_its_turn_comes(sql: Sql) -> None:
    """And stays told although later slices are sound."""
    write(sql, 9)
    look(sql)
    tamper(sql, "update private.audit_log set actor = 'system:nobody' where id = 5")
    found = [look(sql, 3)["found"] for _ in range(3)]
    assert found == [0, 1, 0]
    assert open_problems(sql) == [("audit_row_changed", 5)]


def test_a_history_that_was_rewritten_hashes_and_all_shows_at_once(sql: Sql) -> None:
    """Its chain is whole again, but what was verified is remembered; new rows then don't count as verified."""
    write(sql, 5)
    look(sql)
    rewrite = """
        do $$ declare a private.audit_log; h bytea := ''; begin
          for a in select * from private.audit_log order by id loop
            a.actor := 'system:innocent'; a.prev_hash := h; a.hash := private.audit_hash(a); h := a.hash;
            update private.audit_log x set (actor, prev_hash, hash) = (a.actor, a.prev_hash, a.hash) where x.id = a.id;
          end loop;
          update private.audit_head set hash = h;
        end $$"""
    tamper(sql, rewrite)
    assert sql.one("select count(*) from private.audit_problems(0, 5)") == 0
    write(sql, 2)
    assert look(sql)["found"] == 1 and look(sql)["found"] == 0
    assert open_problems(sql) == [("audit_history_differs", 5)]
    assert verified(sql) == 5
    assert sql.one("select problem from verify_audit_log()") == "history_differs"


def test_acts_go_on_while_it_is_verified(sql: Sql) -> None:
    """A row written between two looks is new to the second."""
    write(sql, 3)
    look(sql)
    write(sql, 1)
    assert look(sql)["rows"] == 1 and verified(sql) == 4
