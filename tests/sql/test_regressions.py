"""Failures of other credit systems that no other test here stands for; the ids are those of the list of incidents."""

from __future__ import annotations

import random
import re
import uuid
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.factories import Json, Sql
from tests.sql.test_races import Connect, at_once

BOOKS = ("wallets", "credit_grants", "credit_reservations", "credit_transactions", "usage_logs", "generations")

# Everything that opens a hold: a new one that is missing here fails the catalog test below.
ENTRIES: dict[str, Callable[[Sql, uuid.UUID], Json]] = {
    "private.reserve_credits": lambda sql, user: sql.reserve(user, 4, lasts=60),
    "private.create_generation": lambda sql, user: sql.generate(user),
}


def callers(sql: Sql, pattern: str) -> set[str]:
    """Functions of ours whose body, comments left out, matches."""
    query = """
        select n.nspname || '.' || p.proname, regexp_replace(p.prosrc, '--[^\n]*', '', 'g')
        from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname in ('public', 'private')"""
    return {name for name, body in sql.connection.execute(query).fetchall() if re.search(pattern, body, re.IGNORECASE)}


@pytest.mark.parametrize("swept", [True, False], ids=["with a sweep", "without"])
@pytest.mark.parametrize("entry", ENTRIES)
def test_a_hold_that_nobody_settles_ends_whoever_opened_it(sql: Sql, entry: str, swept: bool) -> None:
    """Regression: H3, a sweep that knew one shape of hold and not the other. Left open, closed exactly once."""
    sql.connection.execute("update models set hold_seconds = 60")
    alice = sql.new_user(credits=10)
    ENTRIES[entry](sql, alice)
    assert sql.balance(alice) == (10, 4, 6)
    sql.move_time(61)
    if swept:
        assert [sql.as_service("sweep_credits")["wallets_tidied"] for _ in range(2)] == [1, 0]
        assert sql.one("select status from credit_reservations where wallet_id = %s", sql.wallet(alice)) == "expired"
    assert sql.balance(alice) == (10, 0, 10)
    assert sql.problems() == []


def test_a_claimed_generation_that_nobody_settles_ends_too(sql: Sql) -> None:
    """Regression: H3. Its worker is gone: tried again as often as the model allows, then failed and given back."""
    alice = sql.new_user(credits=10)
    generation = sql.generate(alice)
    while sql.claim(generation, lease=60):
        sql.move_time(61)
        sql.as_service("sweep_generations")
        sql.move_time(3600)
    assert sql.as_user(alice, "get_generation", p_generation_id=generation["id"])["status"] == "failed"
    assert sql.balance(alice) == (10, 0, 10)
    assert sql.problems() == []


def test_credits_leave_a_wallet_in_few_places_only(sql: Sql) -> None:
    """Regression: H3. One shape of hold, one writer of each; an operation that goes round them shows here."""
    assert callers(sql, r"insert into public\.credit_reservations") == {
        "private.hold_credits", "private.hold_items",
    }  # fmt: skip
    assert callers(sql, r"private\.hold_credits\(") == set(ENTRIES)
    assert callers(sql, r"private\.take_lots\(") == {
        "private.hold_credits", "private.hold_items", "private.settle_reservation", "private.claw_back",
        "private.apply_adjustment",
    }  # fmt: skip
    assert callers(sql, r"insert into public\.credit_transactions") == {"private.post"}
    assert callers(sql, r"update public\.wallets") == {
        "private.move_wallet", "private.tidy_wallet", "private.set_low_balance_threshold", "private.watch_threshold",
    }  # fmt: skip
    assert callers(sql, r"delete from public\.(wallets|credit_|generations|usage_logs)") == set()


def test_a_thousand_dropped_requests_leave_no_trace_after_their_time(sql: Sql) -> None:
    """Regression: H16. 150 users, some with several holds; nobody settles, no sweep runs, everything is free again."""
    users = [sql.new_user(credits=12) for _ in range(150)]
    for number, user in enumerate(users):
        for _ in range(1 + number % 3):
            sql.reserve(user, 3 if number % 2 else 4, lasts=30 + number % 30)
    assert sql.one("select count(*) from credit_reservations where status = 'held'") >= 295
    sql.move_time(61)
    assert {sql.balance(user) for user in users} == {(12, 0, 12)}
    assert all(sql.reserve(user, 12) for user in users[:20]), "and it can be spent, all of it"
    while sql.as_service("sweep_credits", p_limit=100)["wallets_tidied"]:
        pass
    assert sql.one("select sum(held) from wallets") == 20 * 12
    assert sql.problems() == []


# A trigger on every table of the books that lets n row changes pass and fails at the next.
TRIP = """
create function private.trip() returns trigger language plpgsql as $$
begin
  if current_setting('test.left')::int <= 0 then
    raise exception 'injected at %% %%', tg_op, tg_table_name;
  end if;
  perform set_config('test.left', (current_setting('test.left')::int - 1)::text, false);
  return new;
end
$$
"""


def snapshot(sql: Sql) -> dict[str, list[Json]]:
    """Every row of the books."""
    return {
        table: sql.connection.execute(f"select to_jsonb(t) from {table} t order by t::text").fetchall()  # type: ignore[arg-type]  # constants
        for table in BOOKS
    }


def confirm(sql: Sql, at: Json, amount: int) -> Json:
    return sql.as_service("confirm_reservation", p_reservation_id=at["hold"], p_amount=amount)


SETTLES: dict[str, tuple[int, Callable[[Sql, Json], Json]]] = {
    "confirm a part": (4, lambda sql, at: confirm(sql, at, 2)),
    "confirm more": (5, lambda sql, at: confirm(sql, at, 9)),
    "release": (3, lambda sql, at: sql.as_service("release_reservation", p_reservation_id=at["hold"])),
    "complete": (5, lambda sql, at: sql.as_service("complete_generation", **at["ours"], p_outputs=[], p_credits=3)),
    "fail": (4, lambda sql, at: sql.as_service(
        "fail_generation", **at["ours"], p_error_code="x", p_error_message="", p_retryable=False)),
    "cancel": (4, lambda sql, at: sql.as_user(at["user"], "cancel_generation", p_generation_id=at["queued"])),
    "refund": (4, lambda sql, at: sql.as_service(
        "refund_transaction", p_transaction_id=at["usage"], p_amount=1, p_idempotency_key="refund")),
    "sweep": (4, lambda sql, at: (sql.move_time(3600), sql.as_service("sweep_credits"))),
}  # fmt: skip


@pytest.mark.parametrize("settle", SETTLES)
def test_a_settle_that_fails_at_any_statement_changes_nothing(sql: Sql, settle: str) -> None:
    """Regression: H18 and H2. The failure comes at the first row written, then at the second, and so on."""
    least, act = SETTLES[settle]
    alice = sql.new_user(credits=30)
    sql.grant(alice, 5, lasts=1800)
    spent = sql.reserve(alice, 2)
    sql.as_service("confirm_reservation", p_reservation_id=spent["id"])
    usage = sql.one("select id from credit_transactions where reservation_id = %s", spent["id"])
    claim = sql.claim(sql.generate(alice), lease=3000)
    at = {
        "user": alice, "usage": usage, "hold": sql.reserve(alice, 6)["id"], "queued": sql.generate(alice)["id"],
        "ours": {"p_generation_id": claim["id"], "p_attempt": claim["attempt"]},
    }  # fmt: skip
    sql.connection.execute(TRIP.replace("%%", "%").encode())
    for table in BOOKS:
        trigger = f"create trigger trip before insert or update on {table} for each row execute function private.trip()"
        sql.connection.execute(trigger.encode())
    before, writes = snapshot(sql), 0
    while _fails(sql, writes, lambda: act(sql, at)):
        assert snapshot(sql) == before, f"something stayed of the {writes} rows written before the failure"
        writes += 1
    assert writes >= least, "a settle writes hold, lot, ledger and wallet; the trigger must have met them"
    assert sql.problems() == []


def _fails(sql: Sql, after: int, act: Callable[[], Any]) -> bool:
    sql.connection.execute("select set_config('test.left', %s, false)", [str(after)])
    try:
        with sql.connection.transaction():
            act()
    except psycopg.errors.RaiseException as error:
        assert "injected" in str(error)
        return True
    return False


def test_parallel_writers_of_one_ledger_leave_no_gap(connect: Connect) -> None:
    """Regression: C1. Grants and spends at once: every row continues from the one before, and the last is the sum."""
    sql = connect()
    alice = sql.new_user(credits=100)

    def spend(s: Sql) -> Json:
        return s.as_service("confirm_reservation", p_reservation_id=s.reserve(alice, 2)["id"])

    tasks: list[Callable[[Sql], Json]] = [spend] * 40 + [lambda s: s.grant(alice, 3)] * 40
    random.Random(1).shuffle(tasks)
    assert not [result for result in at_once(connect, tasks) if isinstance(result, str)]
    rows = sql.connection.execute("select amount, balance_after from credit_transactions order by id").fetchall()
    running = 0
    for amount, balance_after in rows:
        running += amount
        assert balance_after == running, "two rows were computed from the same balance"
    assert len(rows) == 81 and running == 100 - 80 + 120 == sql.balance(alice)[0]
    assert sql.problems() == []


def test_a_hundred_parallel_charges_of_one_are_a_hundred(connect: Connect) -> None:
    """Regression: C2, lost updates of a sum. Half as bare holds, half as generations."""
    sql = connect()
    alice = sql.new_user(credits=100)
    sql.connection.execute("update models set unit_credits = 1 where id = 'local/picture'")
    sql.connection.execute("update private.settings set user_concurrency = 100")

    def charge(s: Sql) -> Json:
        return s.as_service("confirm_reservation", p_reservation_id=s.reserve(alice, 1)["id"])

    def generate(s: Sql) -> Json:
        claim = s.claim(s.generate(alice))
        return s.as_service("complete_generation", p_generation_id=claim["id"], p_attempt=1, p_outputs=[])

    results = at_once(connect, [charge, generate] * 50)
    assert not [result for result in results if isinstance(result, str)]
    assert sql.balance(alice) == (0, 0, 0)
    assert sql.one("select -sum(amount) from credit_transactions where kind = 'usage'") == 100
    assert sql.one("select sum(credits) from usage_logs") == 100
    assert sql.problems() == []


def test_expiry_never_eats_what_was_paid_for(connect: Connect) -> None:
    """Regression: L1. A lot ends while it is being spent: whoever wins, only its own rest is lost."""
    sql = connect()
    users = [sql.new_user(credits=10) for _ in range(25)]
    for user in users:
        sql.grant(user, 6, source="promotion", lasts=60)
    holds = {user: sql.reserve(user, 2, lasts=600)["id"] for user in users}
    sql.move_time(59.9)

    def spend(user: uuid.UUID) -> Callable[[Sql], Json]:
        return lambda s: s.as_service("confirm_reservation", p_reservation_id=s.reserve(user, 1)["id"])

    def settle(user: uuid.UUID) -> Callable[[Sql], Json]:
        return lambda s: s.as_service("confirm_reservation", p_reservation_id=holds[user])

    sweep: Callable[[Sql], Json] = lambda s: s.as_service("sweep_credits")  # noqa: E731
    tasks = [task for user in users for task in (spend(user), sweep, spend(user), settle(user))] * 2
    random.Random(5).shuffle(tasks)
    assert not [result for result in at_once(connect, tasks) if isinstance(result, str)]
    sql.move_time(60)
    sql.as_service("sweep_credits")
    query = """
        select w.user_id, sum(g.amount - g.remaining) filter (where g.paid),
               -sum(g.remaining) filter (where not g.paid) from wallets w join credit_grants g on g.wallet_id = w.id
        where w.user_id = any(%s) group by 1"""
    for user, paid_spent, promotion_left in sql.connection.execute(query, [users]).fetchall():
        rows = sql.ledger(user)
        expired = -sum(amount for kind, amount in rows if kind == "expiry")
        used = -sum(amount for kind, amount in rows if kind == "usage")
        assert (used, promotion_left) == (6, 0)
        assert paid_spent == used - (6 - expired), "of the paid lot only spends took, never the expiry"
    assert sql.problems() == []


def test_what_is_shown_adds_up_while_everything_moves(connect: Connect) -> None:
    """Regression: H15. Balance, held and available are read in one statement, in the middle of spends and expiries."""
    sql = connect()
    alice = sql.new_user(credits=40)
    for number in range(8):
        sql.reserve(alice, 1, lasts=60 + number % 2)
    sql.move_time(59.9)
    tasks: list[Callable[[Sql], Json]] = [
        lambda s: s.as_service("confirm_reservation", p_reservation_id=s.reserve(alice, 1)["id"])
    ] * 15
    tasks += [lambda s: s.as_user(alice, "get_credit_balance")] * 60 + [lambda s: s.as_service("sweep_credits")] * 5
    random.Random(6).shuffle(tasks)
    results = at_once(connect, tasks)
    shown = [result for result in results if isinstance(result, dict) and "available" in result]
    assert len(shown) == 60 and not [result for result in results if isinstance(result, str)]
    assert all(one["available"] == one["balance"] - one["held"] and one["held"] >= 0 for one in shown)
    assert all(25 <= one["balance"] <= 40 for one in shown)


def test_what_was_absorbed_can_be_added_up(sql: Sql) -> None:
    """Regression: H13. Late, without funds, under each policy: what nobody paid stands in the ledger."""
    for policy in ("collect", "debt", "absorb"):
        alice = sql.new_user(credits=10)
        hold = sql.reserve(alice, 10, lasts=60, late_settle=policy)
        sql.move_time(61)
        sql.as_service("confirm_reservation", p_reservation_id=sql.reserve(alice, 9)["id"])
        sql.as_service("confirm_reservation", p_reservation_id=hold["id"])
    absorbed = "select sum(absorbed) from credit_transactions"
    assert sql.one(absorbed) == sql.one("select sum(absorbed_amount) from credit_reservations") == 9 + 0 + 10
    assert sql.problems() == []


@pytest.mark.parametrize("amount", [-1, float("nan"), float("inf"), float("-inf"), 1.5, 10**12, -(10**30), 10**30])
def test_no_settle_takes_a_number_that_is_no_amount(sql: Sql, amount: float) -> None:
    """Regression: H1, a price of -1 minted credits. Refused at the innermost boundary, and the hold is still open."""
    alice = sql.new_user(credits=10)
    hold, claim = sql.reserve(alice, 4), sql.claim(sql.generate(alice))
    before = sql.ledger(alice)
    for function, target in (
        ("confirm_reservation", {"p_reservation_id": hold["id"], "p_amount": amount}),
        ("complete_generation", {"p_generation_id": claim["id"], "p_attempt": 1, "p_outputs": [], "p_credits": amount}),
    ):
        with pytest.raises(psycopg.Error, match=r"invalid_amount|invalid input syntax|out of range|does not exist"):
            sql.as_service(function, **target)
    assert sql.balance(alice) == (10, 8, 2) and sql.ledger(alice) == before
    sql.as_service("confirm_reservation", p_reservation_id=hold["id"])
    assert sql.problems() == []
