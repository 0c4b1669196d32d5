"""What an operation costs depends on what is open, never on history: rows read are counted, not guessed."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg
import pytest

from scripts.local.postgres import Postgres
from tests.factories import Json, Sql

CLOSED = 10_000
BOOKS = ("wallets", "credit_grants", "credit_reservations", "credit_transactions", "usage_logs", "generations")

# A long life of one wallet, and of a whole project. Only its size matters here: it is made without the operations.
HISTORY = f"""
insert into wallets (user_id) select null from generate_series(1, 3000);
insert into credit_grants (wallet_id, source, amount, remaining, expires_at, created_at)
select w.id, 'purchase', 5, 0, now() - n * interval '1 minute', now() - n * interval '2 minutes'
  from wallets w, generate_series(1, {CLOSED}) n where w.user_id = %(user)s;
insert into credit_reservations (wallet_id, amount, confirmed_amount, status, lots, expires_at, idempotency_key,
                                 request_digest, created_at, settled_at)
select w.id, 5, 5, 'confirmed', '[]', now() - n * interval '1 minute', 'old-' || n, '',
       now() - n * interval '2 minutes', now() - n * interval '1 minute'
  from wallets w, generate_series(1, {CLOSED}) n where w.user_id = %(user)s;
insert into credit_transactions (wallet_id, kind, amount, balance_after, contra, lots, actor, prev_hash, hash,
                                 created_at)
select w.id, case n %% 2 when 0 then 'grant' else 'usage' end, case n %% 2 when 0 then 5 else -5 end, 0, 'usage', '[]',
       'test', '', '', now() - n * interval '1 minute'
  from wallets w, generate_series(1, {CLOSED}) n where w.user_id = %(user)s;
insert into generations (user_id, model_id, prompt, params, status, max_attempts, reservation_id, credits_reserved,
                         created_at, finished_at)
select %(user)s, 'local/picture', 'old', '{{}}', 'succeeded', 3, r.id, 5, r.created_at, r.settled_at
  from credit_reservations r where r.status = 'confirmed';
update private.metric_cursor set ledger_id = (select max(id) from credit_transactions);
"""
ACTIVE = """
insert into private.active_wallets (period, start, wallet_id, uses, credits)
select 'day', current_date - n / 100, gen_random_uuid(), 1, 1 from generate_series(1, %s) n
"""
# So many wait, or run on a lease that is over; statistics were taken before there was one, as in any sudden rush.
CROWD = """
with made as (
  insert into credit_reservations (wallet_id, amount, lots, expires_at, idempotency_key, request_digest, created_at)
  select w.id, 5, '[]', now() + interval '1 hour', 'crowd-' || gen_random_uuid(), '', now()
    from wallets w, generate_series(1, %(crowd)s) n where w.user_id = %(user)s
  returning id
)
insert into generations (user_id, model_id, prompt, params, status, max_attempts, reservation_id, credits_reserved,
                         created_at, dispatch_at, lease_until)
select %(user)s, 'local/picture', 'a rush', '{}', %(status)s, 3, made.id, 5, now(),
       case %(status)s when 'queued' then now() - interval '1 minute' * (1 + random()) end,
       case %(status)s when 'running' then now() - interval '1 minute' * (1 + random()) end
  from made;
"""
OVER = """
update generations
set status = 'failed', dispatch_at = null, lease_until = null, finished_at = now() where finished_at is null;
update credit_reservations set status = 'released', settled_at = now() where idempotency_key like 'crowd-%';
"""
ENTRIES = "select pg_stat_get_xact_tuples_returned(%s::regclass)"
COUNT = """
select coalesce(sum(seq_tup_read), 0), coalesce(sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)), 0)
  from pg_stat_xact_user_tables where relname = any(%s)
"""
# Each sweep must find what is due by its partial index, which holds open rows only.
DUE = {
    "credit_reservations_held_by_expiry": (
        "select wallet_id from credit_reservations where status = 'held' and expires_at <= now() order by expires_at"
    ),
    "credit_grants_open_by_expiry": (
        "select wallet_id from credit_grants where open and expires_at <= now() order by expires_at limit 100"
    ),
    "credit_grants_open_by_wallet": "select id from credit_grants where wallet_id = gen_random_uuid() and open",
    "generations_queued": "select id from generations where status = 'queued' and dispatch_at <= now() limit 100",
    "generations_running": "select id from generations where status = 'running' and lease_until <= now() limit 100",
}


@dataclass(frozen=True)
class Old:
    """A project with a long history, and the user who has most of it."""

    sql: Sql
    alice: uuid.UUID


@pytest.fixture(scope="module")
def old(postgres: Postgres, template: str) -> Iterator[Old]:
    """A project with a long history and ten open holds, of which five have ended."""
    postgres.clone(template, "plans")
    with psycopg.connect(postgres.url("plans"), autocommit=True) as connection:
        sql = Sql(connection)
        alice = sql.new_user(credits=200)
        with psycopg.ClientCursor(connection) as cursor:
            cursor.execute(HISTORY.encode(), {"user": alice})
        for lasts in (60, 900):
            for _ in range(5):
                sql.reserve(sql.new_user(credits=9), 2, lasts=lasts)
        for table in BOOKS:
            connection.execute(f"vacuum analyze {table}".encode())
        sql.move_time(61)
        yield Old(sql, alice)
    postgres.drop("plans")


def cost(old: Old, act: Callable[[Old], Json], *others: str) -> tuple[int, int]:
    """How many rows of the books or other tables an operation reads: by scanning whole tables, and in all."""
    connection, tables = old.sql.connection, list(others or BOOKS)
    with connection.transaction(force_rollback=True):
        act(old)  # plans are made on the first call
    with connection.transaction(force_rollback=True):
        before = connection.execute(COUNT, [tables]).fetchall()[0]
        act(old)
        after = connection.execute(COUNT, [tables]).fetchall()[0]
    return int(after[0] - before[0]), int(after[1] - before[1])


def spend(old: Old) -> Json:
    """Reserve and confirm, on the wallet with the history."""
    return old.sql.as_service("confirm_reservation", p_reservation_id=old.sql.reserve(old.alice, 3)["id"])


def generate(old: Old) -> Json:
    """A whole generation."""
    claim = old.sql.claim(old.sql.generate(old.alice))
    old.sql.as_service("heartbeat_generation", p_generation_id=claim["id"], p_attempt=1)
    return old.sql.as_service("complete_generation", p_generation_id=claim["id"], p_attempt=1, p_outputs=[])


def refund(old: Old) -> Json:
    """Spend, and give a credit of it back."""
    spend(old)
    usage = old.sql.one("select max(id) from credit_transactions")
    request = {"p_transaction_id": usage, "p_amount": 1, "p_idempotency_key": "refund"}
    return old.sql.as_service("refund_transaction", **request)


def cancel(old: Old) -> Json:
    """Start a generation, and think better of it."""
    generation = old.sql.generate(old.alice)
    return old.sql.as_user(old.alice, "cancel_generation", p_generation_id=generation["id"])


OPERATIONS: dict[str, Callable[[Old], Json]] = {
    "spend": spend,
    "generation": generate,
    "refund": refund,
    "cancel": cancel,
    "grant": lambda old: old.sql.grant(old.alice, 5, lasts=60),
    "balance": lambda old: old.sql.as_user(old.alice, "get_credit_balance"),
    "me": lambda old: old.sql.as_user(old.alice, "get_me"),
    "first page of the ledger": lambda old: old.sql.as_user(old.alice, "list_credit_transactions"),
    "first page of generations": lambda old: old.sql.as_user(old.alice, "list_generations"),
    "first page of the receipt": lambda old: old.sql.as_user(old.alice, "export_credit_transactions", p_limit=50),
    "balance of the past": lambda old: old.sql.as_user(old.alice, "get_balance_at", p_at="2026-11-20T00:00:00Z"),
    "heads to sign": lambda old: old.sql.as_service("list_unsigned_heads", p_limit=50),
    "metrics": lambda old: old.sql.as_service("get_metrics"),
    "counting of metrics": lambda old: old.sql.as_service("collect_metrics"),
    "sweep of credits": lambda old: old.sql.as_service("sweep_credits"),
    "sweep of generations": lambda old: old.sql.as_service("sweep_generations"),
    "dispatch": lambda old: old.sql.as_service("list_dispatchable"),
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_no_operation_reads_history(old: Old, operation: str) -> None:
    """Regression: L8. 10,000 closed rows in each table, ten open ones: a page of rows at most is read, none by scan."""
    scanned, read = cost(old, OPERATIONS[operation])
    assert scanned <= 20, f"{operation} reads a table from end to end: {scanned} rows"
    assert read < 300, f"{operation} read {read} rows"


def crowd(old: Old, size: int, status: str) -> None:
    """Many generations that nobody has seen to."""
    with psycopg.ClientCursor(old.sql.connection) as cursor:
        cursor.execute(CROWD.encode(), {"user": old.alice, "crowd": size, "status": status})


def entries(old: Old, index: str, operation: str, **arguments: Json) -> int:
    """How many entries of an index an operation looks at, dead ones included."""
    with old.sql.connection.transaction(force_rollback=True):
        before = old.sql.one(ENTRIES, index)
        old.sql.as_service(operation, **arguments)
        return int(old.sql.one(ENTRIES, index) - before)


def test_what_dispatch_reads_grows_as_what_waits_does(old: Old) -> None:
    """Not as its square, which is what a join of the due with the due costs that the planner takes for one row."""

    def reads(size: int) -> int:
        with old.sql.connection.transaction(force_rollback=True):
            crowd(old, size, "queued")
            return cost(old, lambda old: old.sql.as_service("list_dispatchable", p_limit=500))[1]

    assert reads(400) < 5 * reads(100) < 5000


def test_a_sweep_reads_no_more_generations_than_it_may_end(old: Old) -> None:
    """So that a thousand leases that ran out together are ended in steps, none of them slow."""
    with old.sql.connection.transaction(force_rollback=True):
        crowd(old, 1000, "running")
        assert entries(old, "generations_running", "sweep_generations", p_limit=5) <= 5


def test_statistics_look_up_wallets_that_they_counted(old: Old) -> None:
    """Active wallets are kept for years: a plan made while there were few does not read them all when they are many."""

    def roll_up(old: Old) -> Json:
        return old.sql.as_service("roll_up_statistics", p_limit=5000)

    def chart(old: Old) -> int:
        return old.sql.one("select count(*) from private.statistics_active(current_date - 5, current_date, 'day')")

    connection = old.sql.connection
    with connection.transaction(force_rollback=True):
        connection.execute(ACTIVE.encode(), [1])
        connection.execute(b"analyze private.active_wallets")
        connection.execute(b"set local plan_cache_mode = force_generic_plan")  # as from the sixth call on
        with connection.transaction(force_rollback=True):
            roll_up(old)
        connection.execute(ACTIVE.encode(), [CLOSED])
        assert cost(old, roll_up, "active_wallets")[0] < CLOSED
        assert cost(old, chart, "active_wallets")[0] == 0


@pytest.mark.parametrize(
    ("status", "index", "operation"),
    [
        ("queued", "generations_queued", "list_dispatchable"),
        ("running", "generations_running", "sweep_generations"),
    ],
)
def test_what_is_over_is_passed_once(old: Old, status: str, index: str, operation: str) -> None:
    """A look marks the dead entries it meets, whatever the statistics say, and the next skips them without a vacuum."""
    connection = old.sql.connection
    crowd(old, 600, status)
    connection.execute(b"analyze generations")
    connection.execute(b"set random_page_cost = 1.1")  # as on flash: else so small a table is read from end to end
    connection.execute(OVER.encode())
    looks = [entries(old, index, operation) for _ in range(2)]
    connection.execute(b"reset random_page_cost")
    connection.execute(b"vacuum analyze generations, credit_reservations")
    assert looks[0] >= 500 > 10 > looks[1]


@pytest.mark.parametrize("index", DUE)
def test_what_is_due_is_found_by_a_partial_index(old: Old, index: str) -> None:
    """Regression: L8. It holds what is open, and its size does not grow with what is closed."""
    plan = "\n".join(row[0] for row in old.sql.connection.execute(f"explain {DUE[index]}".encode()).fetchall())
    # Of two that hold the same ten rows the planner may take either.
    assert any(name in plan for name in (*DUE, "credit_reservations_held_by_wallet"))
    assert old.sql.one("select reltuples from pg_class where relname = %s", index) <= 100


def test_without_a_partial_index_history_is_read(old: Old) -> None:
    """The tests above can fail."""
    with old.sql.connection.transaction(force_rollback=True):
        for index in ("credit_reservations_held_by_expiry", "credit_reservations_held_by_wallet"):
            old.sql.connection.execute(f"drop index {index}".encode())
        scanned, _ = cost(old, OPERATIONS["sweep of credits"])
    assert scanned >= CLOSED
