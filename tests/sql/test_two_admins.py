"""Two admins at once, and one who is none any more: what adjusting and approving must withstand."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import pytest

from tests.factories import Sql
from tests.sql.conftest import refused
from tests.sql.staff import log, staff
from tests.sql.test_adjustments import adjust, decide
from tests.sql.test_races import Connect, at_once, count
from tests.sql.test_role_limits import set_limits
from tests.sql.test_roles import owners, set_role
from tests.sql.test_users import suspend


def test_approving_and_rejecting_at_once_ends_in_one_of_them(connect: Connect) -> None:
    """The credits move or they don't, and each attempt is in the log."""
    sql = connect()
    ada, eve, ivy = (staff(sql, "admin") for _ in range(3))
    for _ in range(8):
        alice = sql.new_user()
        asked, before = adjust(sql, ada, alice, 1500), len(log(sql))
        decisions = [(eve, True), (ivy, False), (ada, False), (eve, True)]
        results: list[Any] = at_once(connect, [lambda s, d=d: decide(s, d[0], asked, d[1]) for d in decisions])  # type: ignore[misc]  # noqa: B023
        ends = {row["status"] for row in results if isinstance(row, dict)}
        assert ends in ({"applied"}, {"rejected"})
        assert sql.balance(alice)[0] == (1500 if ends == {"applied"} else 0)
        assert count(results, "PT409 invalid_state") >= 2
        done = [row for row in log(sql)[before:] if row["outcome"] == "done"]
        assert len(done) == 1 and sql.problems() == []


def test_what_was_asked_by_somebody_who_is_no_admin_any_more_is_not_approved(sql: Sql) -> None:
    """Or one admin alone would decide; it can be rejected, and approved once the role is back."""
    olga, ada, eve, alice = staff(sql, "owner"), staff(sql, "admin"), staff(sql, "admin"), sql.new_user()
    asked, other = adjust(sql, ada, alice, 1500), adjust(sql, ada, alice, 1600)
    for role in ("support", None):
        set_role(sql, olga, ada, role)
        with refused(409, "invalid_state"):
            decide(sql, eve, asked)
    assert decide(sql, eve, other, approve=False)["status"] == "rejected"
    assert sql.ledger(alice) == []
    set_role(sql, olga, ada, "admin")
    assert decide(sql, eve, asked)["added"] == 1500


@pytest.mark.parametrize("role", ["support", "admin", "owner"])
def test_who_is_banned_may_nothing_although_his_token_lives(sql: Sql, role: str) -> None:
    """Banned in Supabase's dashboard, which knows nothing of roles; each attempt is written down."""
    eve, alice, _ = staff(sql, role), sql.new_user(), staff(sql, "owner")
    sql.connection.execute("update auth.users set banned_until = now() + interval '1 day' where id = %s", [eve])
    with refused(403, "user_suspended"):
        sql.as_user(eve, "admin_check_role", p_role="support")
    with refused(403, "user_suspended"):
        sql.as_user(eve, "admin_list_users")
    for amount in (5, 1500):
        with refused(403, "forbidden" if role == "support" else "user_suspended"):
            adjust(sql, eve, alice, amount)
    assert [row["outcome"] for row in log(sql)] == ["refused"] * 3 and sql.ledger(alice) == []
    sql.connection.execute("update auth.users set banned_until = null where id = %s", [eve])
    assert sql.as_user(eve, "admin_check_role", p_role="support") == role


def test_each_refusal_that_admins_meet_is_written_down(sql: Sql) -> None:
    """From support, above the limit of the role, of one's own, below zero: refused, audited, and nothing moved."""
    sam, ada, alice = staff(sql, "support"), staff(sql, "admin"), sql.new_user(credits=5)
    asked = adjust(sql, ada, alice, 1500)
    before = len(log(sql))
    with refused(403, "forbidden"):
        adjust(sql, sam, alice, 1)
    with refused(403, "forbidden"):
        decide(sql, sam, asked)
    with refused(403, "limit_exceeded"):
        adjust(sql, ada, alice, 100_001)
    with refused(403, "self_approval"):
        decide(sql, ada, asked)
    with refused(402, "insufficient_credits"):
        adjust(sql, ada, alice, -6)
    assert [(row["actor"], row["outcome"], row["refusal"]["code"]) for row in log(sql)[before:]] == [
        (f"user:{sam}", "refused", "forbidden"), (f"user:{sam}", "refused", "forbidden"),
        (f"user:{ada}", "refused", "limit_exceeded"), (f"user:{ada}", "refused", "self_approval"),
        (f"user:{ada}", "refused", "insufficient_credits"),
    ]  # fmt: skip
    assert sql.balance(alice) == (5, 0, 5)


def test_a_key_that_waited_answers_what_became_of_it(sql: Sql) -> None:
    """Asked again after the approval it adds nothing, and says who approved; after a rejection it stays rejected."""
    ada, eve, alice = staff(sql, "admin"), staff(sql, "admin"), sql.new_user()
    asked = adjust(sql, ada, alice, 1500, p_idempotency_key="k")
    assert adjust(sql, ada, alice, 1500, p_idempotency_key="k")["status"] == "pending"
    made = decide(sql, eve, asked)
    again = adjust(sql, ada, alice, 1500, p_idempotency_key="k")
    assert again == made and again["decided_by"] == str(eve)
    rejected = decide(sql, eve, adjust(sql, ada, alice, 1600, p_idempotency_key="n"), approve=False)
    assert adjust(sql, ada, alice, 1600, p_idempotency_key="n") == rejected
    assert sql.balance(alice)[0] == 1500 and sql.ledger(alice) == [("grant", 1500)]


def test_one_key_sent_many_times_at_once_adjusts_once(connect: Connect) -> None:
    """By a page that was clicked twice, and a proxy that tries again; beside it, the limits change."""
    sql = connect()
    olga, ada, alice = staff(sql, "owner"), staff(sql, "admin"), sql.new_user()
    tasks = [lambda s: adjust(s, ada, alice, 9, p_idempotency_key="k")] * 20
    limits = [lambda s, n=n: set_limits(s, olga, p_per_act=10 + n % 2, p_ceiling=50) for n in range(6)]  # type: ignore[misc]
    results: list[Any] = at_once(connect, tasks + limits)
    assert all(isinstance(row, dict) for row in results), results
    assert {row["id"] for row in results if "id" in row} == {results[0]["id"]}
    assert sql.ledger(alice) == [("grant", 9)] and sql.one("select count(*) from verify_audit_log()") == 0


def test_two_who_take_away_at_once_never_go_below_zero(connect: Connect) -> None:
    """What is left after the one decides about the other, holds and approvals included."""
    sql = connect()
    admins, alice = [staff(sql, "admin") for _ in range(4)], sql.new_user(credits=2000)
    large = [adjust(sql, admins[0], alice, -1500), adjust(sql, admins[1], alice, -1500)]
    tasks: list[Any] = [lambda s, n=n: adjust(s, admins[n % 4], alice, -100) for n in range(12)]  # type: ignore[misc]
    tasks += [lambda s: decide(s, admins[2], large[0]), lambda s: decide(s, admins[3], large[1])]
    tasks += [lambda s: s.reserve(alice, 50) and None] * 4
    at_once(connect, tasks)
    balance, held, available = sql.balance(alice)
    assert available >= 0 and balance == available + held
    assert sql.problems() == []


def test_an_admin_who_loses_the_role_meanwhile_is_waited_for_or_refused(connect: Connect) -> None:
    """Each adjustment is from before or from after; none slips through in between."""
    sql = connect()
    olga, alice = staff(sql, "owner"), sql.new_user()
    for _ in range(5):
        ada, moved = staff(sql, "admin"), sql.balance(alice)[0]
        tasks: list[Any] = [lambda s: adjust(s, ada, alice, 1)] * 8  # noqa: B023
        tasks.insert(4, lambda s: set_role(s, olga, ada, None))  # noqa: B023
        results = at_once(connect, tasks)
        added = sum(1 for row in results if isinstance(row, dict) and "added" in row)
        assert added + count(results, "PT403 forbidden") == 8
        assert sql.balance(alice)[0] == moved + added
        with refused(403, "forbidden"):
            adjust(sql, ada, alice, 1)


def test_owners_who_remove_each_other_fifty_times(connect: Connect) -> None:
    """Three at a time, by role and by leaving, over connections that stay: one is left, each time."""
    sql = connect()
    pool: list[Sql] = [connect() for _ in range(3)]
    refusals: list[str] = []
    for _ in range(50):
        group = [staff(sql, "owner") for _ in pool]
        sql.connection.execute("delete from private.user_roles where user_id <> all(%s)", [group])
        start = threading.Barrier(len(pool))

        def leave(n: int) -> None:
            start.wait()  # noqa: B023
            try:
                if n == 2:
                    pool[n].connection.execute("delete from auth.users where id = %s", [group[0]])  # noqa: B023
                else:
                    set_role(pool[n], group[n], group[n + 1], None)  # noqa: B023
            except psycopg.Error as error:
                refusals.append(str(error.diag.message_primary))

        threads = [threading.Thread(target=leave, args=(n,)) for n in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert owners(sql) >= 1
    assert set(refusals) <= {"last_owner", "forbidden"}


def test_who_is_suspended_while_given_a_role_may_still_nothing(connect: Connect) -> None:
    """Both may be right at the same moment; then he has a role, and it opens nothing."""
    sql = connect()
    olga, ada = staff(sql, "owner"), staff(sql, "admin")
    for _ in range(10):
        alice = sql.new_user()
        at_once(connect, [lambda s: suspend(s, ada, alice), lambda s: set_role(s, olga, alice, "admin")])  # noqa: B023
        banned = sql.one("select banned_until is not null from auth.users where id = %s", alice)
        if banned:
            with refused(403, "user_suspended" if _has_role(sql, alice) else "forbidden"):
                sql.as_user(alice, "admin_check_role", p_role="support")


def _has_role(sql: Sql, user: object) -> bool:
    return bool(sql.one("select exists (select from private.user_roles where user_id = %s)", user))
