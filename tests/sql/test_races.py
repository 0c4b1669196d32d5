"""Real connections at the same time: what is promised for one caller holds for two hundred."""

from __future__ import annotations

import random
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.factories import Json, Sql
from tests.sql import payments
from tests.sql.batching import batch, items, run_all, seen, sound

Connect = Callable[[], Sql]
FUNCTIONS = Path(__file__).parents[2] / "supabase" / "functions_sql"


def at_once(connect: Connect, tasks: list[Callable[[Sql], Json]], *, connections: int = 16) -> list[Json | str]:
    """Run tasks over several connections that start together; a refusal counts as its code."""
    pool = [connect() for _ in range(min(connections, len(tasks)))]
    start = threading.Barrier(len(pool))

    def work(index: int) -> list[Json | str]:
        start.wait()
        return [outcome(task, pool[index]) for task in tasks[index :: len(pool)]]

    def outcome(task: Callable[[Sql], Json], sql: Sql) -> Json | str:
        try:
            return task(sql)
        except psycopg.Error as error:
            return f"{error.sqlstate} {error.diag.message_primary}"

    with ThreadPoolExecutor(len(pool)) as threads:
        return [result for results in threads.map(work, range(len(pool))) for result in results]


def count(results: list[Json | str], refusal: str) -> int:
    return sum(1 for result in results if result == refusal)


def test_200_parallel_reservations_on_50_credits(connect: Connect) -> None:
    """Regression: H5, H6: exactly 50 and 150."""
    sql = connect()
    alice = sql.new_user(credits=50)
    results = at_once(connect, [lambda s: s.reserve(alice, 1)] * 200)
    assert count(results, "PT402 insufficient_credits") == 150
    assert sum(isinstance(result, dict) for result in results) == 50
    assert sql.balance(alice) == (50, 50, 0)
    assert sql.problems() == []


def test_without_the_wallets_lock_that_race_is_lost(connect: Connect) -> None:
    """The test above can fail: a copy of open_wallet that does not lock answers with something else than 50 and 150."""
    sql = connect()
    source = (FUNCTIONS / "credits" / "open_wallet.sql").read_text()
    assert source.count(" for no key update;") == 1
    sql.connection.execute(source.replace(" for no key update;", ";"))  # type: ignore[arg-type]  # our own file
    alice = sql.new_user(credits=50)
    results = at_once(connect, [lambda s: s.reserve(alice, 1)] * 200)
    held = sum(isinstance(result, dict) for result in results)
    assert (held, count(results, "PT402 insufficient_credits")) != (50, 150)


def test_parallel_replays_of_one_key_move_credits_once(connect: Connect) -> None:
    """Reserve, create and grant, each 20 times with one key."""
    sql = connect()
    alice = sql.new_user(credits=10)
    create = {"p_model_id": "local/picture", "p_prompt": "a fox", "p_params": {}, "p_idempotency_key": "create"}
    grant = {"p_user_id": alice, "p_amount": 5, "p_source": "purchase", "p_idempotency_key": "grant"}
    tasks: list[Callable[[Sql], Json]] = [
        lambda s: s.as_user(alice, "reserve_credits", p_amount=2, p_idempotency_key="reserve")["id"],
        lambda s: s.as_user(alice, "create_generation", **create)["id"],
        lambda s: s.as_service("grant_credits", **grant)["id"],
    ]
    assert len(set(at_once(connect, tasks * 20))) == 3
    assert sql.balance(alice) == (15, 6, 9)


def test_two_first_grants_to_a_user_without_a_wallet(connect: Connect) -> None:
    """Regression: P15, a lock on a row that does not exist locks nothing."""
    sql = connect()
    user_id = sql.new_user()
    sql.forget(user_id)
    at_once(connect, [lambda s: s.grant(user_id, 5)] * 16)
    assert sql.balance(user_id) == (25 + 80, 0, 105)
    assert sql.problems() == []


def test_only_one_of_many_claims_wins(connect: Connect) -> None:
    """Each generation is claimed once, whoever asks."""
    sql = connect()
    sql.connection.execute("update private.settings set user_concurrency = 10")
    alice = sql.new_user(credits=40)
    made = [sql.generate(alice) for _ in range(10)]
    claims = at_once(connect, [lambda s, g=generation: s.claim(g) for generation in made * 8])  # type: ignore[misc]
    assert sorted(claim["id"] for claim in claims if claim) == sorted(generation["id"] for generation in made)


def test_two_sweeps_and_a_late_worker_settle_once(connect: Connect) -> None:
    """Regression: J1, J5: every order ends in one outcome."""
    sql = connect()
    sql.connection.execute("update models set max_attempts = 1 where id = 'local/picture'")
    sql.connection.execute("update private.settings set user_concurrency = 10")
    alice = sql.new_user(credits=40)
    claims = [sql.claim(sql.generate(alice)) for _ in range(10)]
    sql.move_time(61)
    tasks: list[Callable[[Sql], Json]] = [lambda s: s.as_service("sweep_generations")] * 6
    tasks += [
        lambda s, c=claim: s.as_service(  # type: ignore[misc]
            "complete_generation", p_generation_id=c["id"], p_attempt=1, p_outputs=[{"path": "x"}]
        )
        for claim in claims
    ]
    random.Random(7).shuffle(tasks)
    results = at_once(connect, tasks)
    succeeded = sum(isinstance(result, dict) and result.get("status") == "succeeded" for result in results)
    swept = sum(result["failed"] for result in results if isinstance(result, dict) and "failed" in result)
    assert succeeded + swept == 10
    assert count(results, "PT409 stale_attempt") == swept
    assert sql.balance(alice) == (40 - 4 * succeeded, 0, 40 - 4 * succeeded)
    assert sql.problems() == []


# Every pair of money operations races on one wallet; the books are sound whoever wins.
Operation = Callable[[Sql, Json], Json]
OPERATIONS: dict[str, Operation] = {
    "reserve": lambda s, at: s.reserve(at["user"], 3),
    "confirm": lambda s, at: s.as_service("confirm_reservation", p_reservation_id=at["hold"], p_amount=2),
    "release": lambda s, at: s.as_service("release_reservation", p_reservation_id=at["hold"]),
    "renew": lambda s, at: s.as_service("renew_reservation", p_reservation_id=at["hold"], p_ttl_seconds=60),
    "grant": lambda s, at: s.grant(at["user"], 5),
    "refund": lambda s, at: s.as_service(
        "refund_transaction", p_transaction_id=at["usage"], p_amount=3, p_idempotency_key=uuid.uuid4().hex
    ),
    "sweep": lambda s, at: s.as_service("sweep_credits"),
    "create": lambda s, at: s.generate(at["user"]),
    "cancel": lambda s, at: s.as_user(at["user"], "cancel_generation", p_generation_id=at["claim"]["id"]),
    "complete": lambda s, at: s.as_service(
        "complete_generation", p_generation_id=at["claim"]["id"], p_attempt=1, p_outputs=[]
    ),
    "fail": lambda s, at: s.as_service(
        "fail_generation", p_generation_id=at["claim"]["id"], p_attempt=1, p_error_code="x", p_error_message="",
        p_retryable=True,
    ),
    "sweep_generations": lambda s, at: s.as_service("sweep_generations"),
    "give": lambda s, at: give(s, at["user"], at["friend"]),
    "receive": lambda s, at: give(s, at["friend"], at["user"]),
    "deliver": lambda s, at: s.as_service("deliver_gifts", p_limit=5),
    "redeem": lambda s, at: s.as_user(
        at["user"], "redeem_promo_code", p_code="RACE", p_idempotency_key=uuid.uuid4().hex
    ),
    "claw": lambda s, at: payments.apply(s, at["payment"], refunded_cents=99),
}  # fmt: skip


REFUSALS = {
    "PT402 insufficient_credits", "PT409 invalid_state", "PT409 stale_attempt", "PT409 promo_code_redeemed",
    "PT400 invalid_amount",
}  # fmt: skip


def prepare(sql: Sql) -> None:
    """What every scene needs."""
    boss = sql.new_user()
    sql.connection.execute("insert into private.user_roles values (%s, 'admin')", [boss])
    sql.as_user(boss, "admin_create_promo_code", p_code="RACE", p_credits=2)
    sql.connection.execute("update models set hold_seconds = 600 where id = 'local/picture'")


def scene(sql: Sql) -> Json:
    """Somebody with lots and holds of every kind, to race over; the code RACE and the time go on are the caller's."""
    alice = sql.new_user(credits=12)
    sql.grant(alice, 7, lasts=90)
    give(sql, alice, None)  # of what expires, so that it has to go back by then
    spent = sql.reserve(alice, 5)
    sql.as_service("confirm_reservation", p_reservation_id=spent["id"])
    usage = sql.one("select id from credit_transactions where reservation_id = %s", spent["id"])
    return {
        "user": alice, "usage": usage, "hold": sql.reserve(alice, 4, lasts=90)["id"],
        "claim": sql.claim(sql.generate(alice), lease=80), "friend": sql.new_user(credits=2),
        "payment": payments.buy(sql, alice, "credits-10"),
    }  # fmt: skip


def give(sql: Sql, giver: uuid.UUID, to: uuid.UUID | None) -> Json:
    """A gift of one credit; to nobody, it waits."""
    request = {"p_email": f"{to or 'nobody'}@example.test", "p_credits": 1, "p_message": None}
    return sql.as_user(giver, "gift_credits", **request, p_idempotency_key=uuid.uuid4().hex)


def test_every_pair_of_money_operations_races(connect: Connect) -> None:
    """Regression: T4. Lots and holds expire in the middle of it; no deadlock, nothing created or lost."""
    sql = connect()
    prepare(sql)
    pairs = [(a, b) for a in OPERATIONS for b in OPERATIONS if a <= b]
    tasks: list[Callable[[Sql], Json]] = []
    for first, second in pairs:
        at = scene(sql)
        tasks += [lambda s, n=first, at=at: OPERATIONS[n](s, at), lambda s, n=second, at=at: OPERATIONS[n](s, at)]  # type: ignore[misc]
    sql.connection.execute("update auth.users set email_confirmed_at = now()")
    sql.move_time(95)
    results = at_once(connect, tasks, connections=8)
    refusals = {result for result in results if isinstance(result, str)}
    assert refusals <= REFUSALS
    assert sql.problems() == []
    assert sql.trial_balance()[-1]["credits"] == 0


def test_opposite_orders_over_many_wallets_never_deadlock(connect: Connect) -> None:
    """Regression: C3: sweeps take wallets by id, workers take a generation before its wallet."""
    sql = connect()
    users = [sql.new_user(credits=8) for _ in range(12)]
    for user in users:
        sql.reserve(user, 1, lasts=60)
        sql.claim(sql.generate(user), lease=60)
    sql.move_time(61)
    sweeps: list[Callable[[Sql], Json]] = [lambda s: s.as_service("sweep_credits", p_limit=5)] * 20
    sweeps += [lambda s: s.as_service("sweep_generations", p_limit=5)] * 20
    others: list[Callable[[Sql], Json]] = [lambda s, u=user: s.reserve(u, 1) for user in users * 4]  # type: ignore[misc]
    tasks = sweeps + others
    random.Random(3).shuffle(tasks)
    results = at_once(connect, tasks)
    assert not [result for result in results if isinstance(result, str) and not result.startswith("PT402")]
    assert sql.problems() == []


def test_spends_of_different_users_do_not_wait_for_each_other(connect: Connect) -> None:
    """Regression: C7, there is no row that every spend must lock."""
    sql, other = connect(), connect()
    alice, bob = sql.new_user(credits=10), sql.new_user(credits=10)
    other.connection.execute("set lock_timeout = '2s'")
    with sql.connection.transaction():
        hold = sql.reserve(alice, 5)
        sql.as_service("confirm_reservation", p_reservation_id=hold["id"])
        bobs = other.reserve(bob, 5)
        other.as_service("confirm_reservation", p_reservation_id=bobs["id"])
    assert sql.balance(alice) == sql.balance(bob) == (5, 0, 5)


def test_a_generation_locks_no_row_that_others_need(connect: Connect) -> None:
    """A lock that many share is a MultiXact for each generation, written to a row at which all of them meet."""
    sql = connect()
    alice = sql.new_user(credits=50)
    shared = "models", "model_prices", "feature_flags", "private.settings", "private.system_prompts"

    def locks(table: str) -> list[tuple[str, str]]:
        return sql.connection.execute(f"select ctid::text, xmax::text from {table} order by 1".encode()).fetchall()

    before = {table: locks(table) for table in (*shared, "auth.users")}
    with sql.connection.transaction():
        sql.generate(alice)
        batch(sql, alice, 3)
        assert [table for table in before if locks(table) != before[table]] == ["auth.users"], "the user's own"


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_connection_that_drops_in_the_middle_leaves_nothing(connect: Connect, database: str, steps: int) -> None:
    """Regression: H2, H18: a transaction that never commits never was, and what was committed before it stands."""
    sql = connect()
    alice = sql.new_user(credits=10)
    doomed: psycopg.Connection[Any] = psycopg.connect(database)
    doomed.execute("select 1")  # one transaction from here on
    victim = Sql(doomed)
    hold = victim.reserve(alice, 4)
    if steps > 1:
        victim.as_service("confirm_reservation", p_reservation_id=hold["id"])
    if steps > 2:
        victim.grant(alice, 5)
    sql.connection.execute("select pg_terminate_backend(%s)", [doomed.info.backend_pid])
    assert sql.reserve(alice, 10)["status"] == "held"
    assert sql.balance(alice) == (10, 10, 0)
    assert sql.problems() == []


def test_parallel_retries_and_cancels_of_one_batch(connect: Connect) -> None:
    """Of many retries one finds the failed items; whatever else happens at once, each item is held and settled once."""
    sql = connect()
    alice = sql.new_user(credits=200)
    made = batch(sql, alice, 12)
    run_all(sql, alice, made, failing=tuple(range(12)))
    tasks: list[Callable[[Sql], Json]] = []
    for _ in range(8):
        key = uuid.uuid4().hex
        tasks += [
            lambda s, key=key: s.as_user(alice, "retry_batch", p_batch_id=made["id"], p_idempotency_key=key)["retries"],
            lambda s: settle_one(s, made["id"]),
            lambda s: s.as_user(alice, "create_batch", p_items=items(3), p_idempotency_key="same")["id"],
        ]
    results = at_once(connect, tasks)
    assert not [one for one in results if isinstance(one, str) and one.startswith("4")], "a deadlock"
    assert sql.one("select count(*) from batches") == 2
    tries = sql.one("select max(batch_round) from generations where batch_id = %s", made["id"])
    assert tries == sql.one("select rounds from batches where id = %s", made["id"]) >= 1
    at_once(connect, [lambda s: s.as_user(alice, "cancel_batch", p_batch_id=made["id"])["status"]] * 4 + tasks[1::3])
    now = seen(sql, alice, made)
    assert now["counts"]["queued"] == 0 and sum(now["counts"].values()) == 12
    charged = sql.one("select coalesce(sum(credits_charged), 0) from generations")
    assert sql.balance(alice)[0] == 200 - charged
    assert sound(sql)


def test_one_key_retries_once_over_many_connections(connect: Connect) -> None:
    """All but one wait for it and find the key taken; each answers the same batch, with its items queued."""
    sql = connect()
    alice = sql.new_user(credits=100)
    made = batch(sql, alice, 5)
    run_all(sql, alice, made, failing=(1, 3))
    retry = {"p_batch_id": made["id"], "p_idempotency_key": "again"}
    answers = at_once(connect, [lambda s: s.as_user(alice, "retry_batch", **retry)] * 8)
    assert {answer["retries"] for answer in answers} == {1}
    assert {answer["counts"]["queued"] for answer in answers} == {2}
    assert sql.balance(alice) == (88, 8, 80)
    assert sound(sql)


def settle_one(sql: Sql, batch_id: str) -> Json:
    """Take any item of a batch that has a slot, and finish it well or badly."""
    query = """select id from generations where batch_id = %s and status = 'queued' and dispatch_at < 'infinity'
               order by random() limit 1"""
    claim = sql.claim({"id": sql.one(query, batch_id)})
    if claim is None:
        return None
    fence = {"p_generation_id": claim["id"], "p_attempt": claim["attempt"]}
    if random.random() < 0.5:
        return sql.as_service("complete_generation", **fence, p_outputs=[])
    failure = {"p_error_code": "x", "p_error_message": "no", "p_retryable": False}
    return sql.as_service("fail_generation", **fence, **failure)
