"""A user's generations share a few slots; those that wait get the next one that is free, whatever freed it."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.factories import Json, Sql

Connect = Callable[[], Sql]
SLOTS = 4
HAS_SLOT = "status in ('queued', 'running') and dispatch_at is distinct from 'infinity'"


@pytest.fixture
def alice(sql: Sql) -> uuid.UUID:
    """Somebody who can afford a queue."""
    return sql.new_user(credits=200)


def complete(sql: Sql, claim: Json) -> Json:
    """It is done."""
    fence = {"p_generation_id": claim["id"], "p_attempt": claim["attempt"]}
    return sql.as_service("complete_generation", **fence, p_outputs=[])


def fail(sql: Sql, claim: Json, *, retryable: bool = False) -> Json:
    """It is not."""
    fence = {"p_generation_id": claim["id"], "p_attempt": claim["attempt"]}
    return sql.as_service("fail_generation", **fence, p_error_code="x", p_error_message="no", p_retryable=retryable)


def waits(sql: Sql, user: uuid.UUID, generation: Json) -> bool:
    """Whether its owner sees it waiting."""
    seen: bool = sql.as_user(user, "get_generation", p_generation_id=generation["id"])["waiting"]
    return seen


def due(sql: Sql) -> list[Json]:
    """What the dispatcher hands to the queue now."""
    found: list[Json] = sql.as_service("list_dispatchable")
    return found


def test_what_has_no_slot_waits(sql: Sql, alice: uuid.UUID) -> None:
    """It is queued, its credits are held, and neither the dispatcher nor a stray job can start it."""
    made = [sql.generate(alice) for _ in range(SLOTS + 2)]
    assert [row["waiting"] for row in made] == [False] * SLOTS + [True] * 2
    assert {row["status"] for row in made} == {"queued"}
    assert sql.balance(alice) == (200, 24, 176)
    assert sql.claim(made[-1]) is None
    sql.move_time(16)
    assert {row["id"] for row in due(sql)} == {row["id"] for row in made[:SLOTS]}
    other = sql.new_user(credits=9)
    assert not sql.generate(other)["waiting"]


def test_the_oldest_gets_the_slot_that_becomes_free(sql: Sql, alice: uuid.UUID) -> None:
    """Success and failure name it to the worker, who tells the queue; it is due after 15 seconds if he doesn't."""
    made = [sql.generate(alice) for _ in range(SLOTS + 2)]
    claims = [sql.claim(row) for row in made[:2]]
    told = {"attempt": 0, "queue": "default"}
    assert complete(sql, claims[0])["next"] == [{"id": made[4]["id"], **told}]
    assert complete(sql, claims[0])["next"] == [], "a repeat frees nothing"
    assert fail(sql, claims[1])["next"] == [{"id": made[5]["id"], **told}]
    assert fail(sql, claims[1])["next"] == []
    assert not waits(sql, alice, made[4])
    assert due(sql) == []
    sql.move_time(16)
    assert {row["id"] for row in due(sql)} == {row["id"] for row in made[2:]}


def test_a_retry_keeps_its_slot(sql: Sql, alice: uuid.UUID) -> None:
    """Otherwise the pause before it would let the user have one more than the limit."""
    made = [sql.generate(alice) for _ in range(SLOTS + 1)]
    assert fail(sql, sql.claim(made[0]), retryable=True)["next"] == []
    assert waits(sql, alice, made[-1])


def cancel(sql: Sql, alice: uuid.UUID, first: Json) -> None:
    sql.as_user(alice, "cancel_generation", p_generation_id=first["id"])


def lose(sql: Sql, alice: uuid.UUID, first: Json) -> None:
    sql.claim(first, lease=1)
    sql.as_user(alice, "cancel_generation", p_generation_id=first["id"])
    sql.move_time(2)
    sql.as_service("sweep_generations")


def outwait_the_hold(sql: Sql, alice: uuid.UUID, first: Json) -> None:
    sql.connection.execute(
        "update credit_reservations r set expires_at = private.clock() from generations g"
        " where g.reservation_id = r.id and g.id = %s",
        [first["id"]],
    )
    sql.connection.execute("update wallets set tidy_after = private.clock() where user_id = %s", [alice])
    assert sql.claim(first) is None


@pytest.mark.parametrize("end", [cancel, lose, outwait_the_hold])
def test_every_other_end_frees_a_slot_too(
    sql: Sql, alice: uuid.UUID, end: Callable[[Sql, uuid.UUID, Json], None]
) -> None:
    """Nobody is there to be told, so the dispatcher takes it at its next look."""
    made = [sql.generate(alice) for _ in range(SLOTS + 1)]
    end(sql, alice, made[0])
    assert not waits(sql, alice, made[-1])
    assert [row["id"] for row in due(sql)] == [made[-1]["id"]]


def test_canceling_what_waits_frees_no_slot(sql: Sql, alice: uuid.UUID) -> None:
    """It had none."""
    made = [sql.generate(alice) for _ in range(SLOTS + 2)]
    cancel(sql, alice, made[SLOTS])
    assert waits(sql, alice, made[-1])
    assert sql.balance(alice) == (200, 20, 180)


def test_users_take_turns(sql: Sql, alice: uuid.UUID) -> None:
    """One user's queue stands before nobody; each look hands out everybody's first before any second."""
    users = [alice, sql.new_user(credits=50), sql.new_user(credits=50)]
    made = {user: [sql.generate(user)["id"] for _ in range(3)] for user in users}
    sql.move_time(16)
    found = [row["id"] for row in due(sql)]
    assert found == [made[user][turn] for turn in range(3) for user in users]
    sql.move_time(61)
    assert len(sql.as_service("list_dispatchable", p_limit=3)) == 3


def test_slots_that_stayed_free_are_found(sql: Sql, alice: uuid.UUID) -> None:
    """The limit was raised, or a slot was lost: the dispatcher fills them. Lowering it takes nothing away."""
    made = [sql.generate(alice) for _ in range(SLOTS + 3)]
    sql.connection.execute("update private.settings set user_concurrency = 6")
    assert [row["id"] for row in due(sql)] == [row["id"] for row in made[4:6]]
    sql.connection.execute("update private.settings set user_concurrency = 1")
    complete(sql, sql.claim(made[0]))
    assert waits(sql, alice, made[6])


def test_what_somebody_else_holds_is_passed_over(connect: Connect) -> None:
    """A cancel under way has the first in line; the end of another neither waits for it nor loses the slot."""
    sql, other = connect(), connect()
    alice = sql.new_user(credits=100)
    made = [sql.generate(alice) for _ in range(SLOTS + 1)]
    claim = sql.claim(made[0])
    other.connection.execute("begin")
    other.connection.execute("select from generations where id = %s for no key update", [made[-1]["id"]])
    sql.connection.execute("set lock_timeout = '5s'")
    assert complete(sql, claim)["next"] == []
    other.connection.execute("rollback")
    assert [row["id"] for row in due(sql)] == [made[-1]["id"]]


def test_the_limit_holds_under_parallel_creates_and_ends(connect: Connect) -> None:
    """Eight connections start, claim, finish, fail and cancel: never more than four, and in the end all are done."""
    sql = connect()
    alice = sql.new_user(credits=1000)
    pool, start, over = [connect() for _ in range(8)], threading.Barrier(8), []

    def live(mine: Sql) -> None:
        start.wait()
        for turn in range(12):
            mine.generate(alice)
            query = "select id from generations where user_id = %s and status = 'queued' order by random() limit 1"
            claim = mine.claim({"id": mine.one(query, alice)})
            if claim and turn % 4 == 3:
                fail(mine, claim)
            elif claim:
                complete(mine, claim)
            elif turn % 2:
                cancel_one(mine, mine.one(query, alice))
            over.append(mine.one(f"select count(*) from generations where user_id = %s and {HAS_SLOT}", alice))

    def cancel_one(mine: Sql, generation_id: str | None) -> None:
        try:
            mine.as_user(alice, "cancel_generation", p_generation_id=generation_id)
        except psycopg.Error as error:
            assert error.diag.message_primary in ("invalid_state", "generation_not_found")

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(live, pool))
    assert max(over) <= SLOTS
    while sql.one("select count(*) from generations where status = 'queued'"):
        due(sql)
        ready = sql.connection.execute(f"select id from generations where {HAS_SLOT}").fetchall()
        assert 0 < len(ready) <= SLOTS
        for (generation_id,) in ready:
            complete(sql, sql.claim({"id": generation_id}))
    assert sql.problems() == []
    assert sql.trial_balance()[-1]["credits"] == 0
    assert sql.balance(alice)[1] == 0
