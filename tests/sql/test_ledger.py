"""The ledger: it only grows, it is chained, and both sides of it sum to zero."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import Any

import psycopg
import pytest

from tests.factories import Sql
from tests.sql.conftest import refused


def history(sql: Sql) -> uuid.UUID:
    """A wallet in which every kind of row that exists so far has happened."""
    alice = sql.new_user(credits=20)
    sql.grant(alice, 5, lasts=60)
    hold = sql.reserve(alice, 8)
    sql.as_service("confirm_reservation", p_reservation_id=hold["id"])
    usage = sql.one("select max(id) from credit_transactions")
    sql.as_service("refund_transaction", p_transaction_id=usage, p_amount=2, p_idempotency_key="refund")
    sql.grant(alice, 3, lasts=60)
    sql.reserve(alice, 1)
    sql.move_time(61)
    sql.as_service("sweep_credits")
    return alice


def tamper(sql: Sql, statement: str, *parameters: Any) -> None:
    """Change the ledger as only a superuser who switches triggers off could; the test connection owns the table."""
    sql.connection.execute("alter table credit_transactions disable trigger ledger_is_append_only")
    sql.connection.execute(statement, parameters)  # type: ignore[arg-type]  # tests write their SQL by hand
    sql.connection.execute("alter table credit_transactions enable trigger ledger_is_append_only")


def test_sound_books_have_no_problems(sql: Sql) -> None:
    """The ordinary case, for one wallet and for all."""
    alice = history(sql)
    assert [kind for kind, _ in sql.ledger(alice)] == ["grant", "grant", "usage", "refund", "grant", "expiry"]
    assert sql.problems() == sql.problems(sql.wallet(alice)) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("update credit_transactions set amount = amount + 1 where id = %s", "row_changed"),
        ("update credit_transactions set actor = 'somebody else' where id = %s", "row_changed"),
        ("update credit_transactions set lots = '[]' where id = %s", "row_changed"),
        (
            "update credit_transactions set created_at = created_at - interval '1 microsecond' where id = %s",
            "row_changed",
        ),
        ("delete from credit_transactions where id = %s", "chain_broken"),
    ],
)
def test_a_changed_or_dropped_row_shows(sql: Sql, change: str, problem: str) -> None:
    """verify_ledger recomputes every hash."""
    alice = history(sql)
    victim = sql.one("select id from credit_transactions where wallet_id = %s and kind = 'refund'", sql.wallet(alice))
    tamper(sql, change, victim)
    assert problem in {row["problem"] for row in sql.problems(sql.wallet(alice))}


def test_a_dropped_last_row_shows(sql: Sql) -> None:
    """The wallet remembers the head of its chain."""
    alice = history(sql)
    tamper(sql, "delete from credit_transactions where id = (select max(id) from credit_transactions)")
    assert "last_row_missing" in {row["problem"] for row in sql.problems(sql.wallet(alice))}


def test_a_row_that_was_forged_with_its_hash_shows(sql: Sql) -> None:
    """A recomputed hash breaks the next link instead."""
    alice = history(sql)
    victim = sql.one("select id from credit_transactions where wallet_id = %s and kind = 'refund'", sql.wallet(alice))
    tamper(sql, "update credit_transactions set amount = amount + 1 where id = %s", victim)
    tamper(sql, "update credit_transactions t set hash = private.ledger_hash(t) where id = %s", victim)
    assert "chain_broken" in {row["problem"] for row in sql.problems(sql.wallet(alice))}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("update wallets set balance = balance + 1 where id = %s", "balance_wrong"),
        ("update wallets set held = held + 1 where id = %s", "held_wrong"),
        ("update credit_grants set remaining = remaining - 1 where wallet_id = %s and remaining > 0", "lots_wrong"),
        ("update credit_reservations set confirmed_amount = 7 where wallet_id = %s and status = 'confirmed'",
         "confirmed_differs_from_ledger"),
        (("update credit_reservations set status = 'expired', confirmed_amount = null"
          " where wallet_id = %s and status = 'confirmed'"), "charged_without_confirm"),
        ("update credit_reservations set lots = '[]' where wallet_id = %s and status = 'held'", "hold_without_lots"),
    ],
)  # fmt: skip
def test_figures_that_disagree_with_the_ledger_show(sql: Sql, change: str, problem: str) -> None:
    """Regression: L7, what is stored beside the ledger can be recomputed from it."""
    alice = history(sql)
    sql.connection.execute(change, [sql.wallet(alice)])  # type: ignore[arg-type]  # tests write their SQL by hand
    assert problem in {row["problem"] for row in sql.problems(sql.wallet(alice))}


@pytest.mark.parametrize(
    "statement", ["update credit_transactions set reason = 'x'", "delete from credit_transactions"]
)
@pytest.mark.parametrize("role", ["postgres", "service_role", "authenticated"])
def test_nobody_changes_the_ledger(sql: Sql, role: str, statement: str) -> None:
    """Regression: C5, append-only for every role, the owner included."""
    history(sql)
    with pytest.raises(psycopg.Error) as caught, sql.connection.transaction():
        sql.connection.execute("select set_config('role', %s, true)", [role])
        sql.connection.execute(statement)  # type: ignore[arg-type]  # tests write their SQL by hand
    assert caught.value.sqlstate == ("PT403" if role == "postgres" else "42501")


def test_nobody_empties_the_ledger(sql: Sql) -> None:
    """Regression: C5, TRUNCATE goes past row triggers elsewhere."""
    with refused(403, "forbidden"), sql.connection.transaction():
        sql.connection.execute("truncate credit_transactions cascade")


def test_both_sides_of_the_books_are_equal(sql: Sql) -> None:
    """Conservation: what wallets hold is the opposite of what the contra accounts show."""
    before = {(row["account"], row["kind"]): row["credits"] for row in sql.trial_balance()}
    history(sql)
    after = {(row["account"], row["kind"]): row["credits"] for row in sql.trial_balance()}
    moved = {key: value - before.get(key, 0) for key, value in after.items()}
    assert moved == {
        ("wallets", None): 20, ("purchases", "grant"): -28, ("usage", "usage"): 8, ("usage", "refund"): -2,
        ("breakage", "expiry"): 2, ("difference", None): 0,
    }  # fmt: skip
    assert after["difference", None] == 0


def test_an_unbalanced_wallet_shows_in_the_trial_balance(sql: Sql) -> None:
    """The check can fail."""
    alice = history(sql)
    sql.connection.execute("update wallets set balance = balance + 1 where user_id = %s", [alice])
    assert sql.trial_balance()[-1]["credits"] == 1


def test_the_chain_can_be_recomputed_without_the_database(sql: Sql) -> None:
    """The canonical row is JSON that any language writes; here Python does."""
    alice = history(sql)
    query = """select prev_hash, hash, jsonb_build_array(wallet_id, kind, amount, balance_after, absorbed, contra,
        reservation_id, reverses_id, lots, actor), created_at
        from credit_transactions where wallet_id = %s order by id"""
    head = b""
    for prev_hash, hash_, facts, created_at in sql.connection.execute(query, [sql.wallet(alice)]).fetchall():
        row = [*facts, created_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")]
        head = hashlib.sha256(prev_hash + json.dumps(row, ensure_ascii=False).encode()).digest()
        assert head == hash_
    assert head == sql.one("select ledger_head from wallets where user_id = %s", alice)


def test_history_comes_newest_first_in_pages(sql: Sql) -> None:
    """Keyset pages without gaps or repeats."""
    alice = history(sql)
    seen: list[int] = []
    page: dict[str, Any] = {"has_more": True}
    while page["has_more"]:
        page = sql.as_user(alice, "list_credit_transactions", p_before=seen[-1] if seen else None, p_limit=4)
        seen += [row["id"] for row in page["data"]]
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == len(set(seen)) == 6
    assert set(page["data"][0]) == {
        "id", "kind", "amount", "balance_after", "absorbed", "contra", "reservation_id", "reverses_id", "lots", "actor",
        "reason", "created_at",
    }  # fmt: skip


def test_history_shows_nothing_of_others(sql: Sql) -> None:
    """Also when the page starts at their row."""
    history(sql)
    bob = sql.new_user()
    assert sql.as_user(bob, "list_credit_transactions", p_before=2**60) == {"data": [], "has_more": False}


@pytest.mark.parametrize("limit", [0, 201, None, -5])
def test_a_page_has_a_sane_size(sql: Sql, limit: int | None) -> None:
    """422 naming the field."""
    alice = sql.new_user()
    for operation in ("list_credit_transactions", "list_generations"):
        with refused(422, "invalid_params") as data:
            sql.as_user(alice, operation, p_limit=limit)
        assert data == {"field": "limit"}
