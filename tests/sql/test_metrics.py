"""Totals for /metrics: each ended generation and each ledger row is counted once, whenever the counting is done."""

from __future__ import annotations

import uuid
from typing import Any

from tests.factories import Sql


def total(sql: Sql, name: str, **labels: str) -> float:
    """One total, as a scrape reads it; 0 when there is none."""
    rows = sql.as_service("get_metrics")["totals"]
    return sum(row["value"] for row in rows if row["name"] == name and labels.items() <= row["labels"].items())


def finish(sql: Sql, user: uuid.UUID, *, waits: float = 0, runs: float = 0, fails: bool = False) -> Any:
    """A generation that waits, runs, and ends."""
    generation = sql.generate(user)
    sql.move_time(waits)
    claim = sql.claim(generation, lease=3600)
    sql.move_time(runs)
    fence = {"p_generation_id": claim["id"], "p_attempt": claim["attempt"]}
    if fails:
        return sql.as_service("fail_generation", **fence, p_error_code="refused", p_error_message="", p_retryable=False)
    return sql.as_service("complete_generation", **fence, p_outputs=[], p_credits=3, p_cost_micros=1500)


def collect(sql: Sql) -> Any:
    """Count what is old enough to be counted."""
    sql.move_time(21)
    return sql.as_service("collect_metrics")


def test_what_ended_is_counted_with_its_credits_and_times(sql: Sql) -> None:
    """One of each outcome; a queued one that was canceled never had a worker, and still counts."""
    alice = sql.new_user(credits=50)
    finish(sql, alice, waits=7, runs=20)
    finish(sql, alice, fails=True)
    sql.as_user(alice, "cancel_generation", p_generation_id=sql.generate(alice)["id"])
    collect(sql)
    for outcome in ("succeeded", "failed", "canceled"):
        assert total(sql, "generations", model="local/picture", outcome=outcome) == 1
    assert total(sql, "generation_failures", code="refused") == 1
    assert total(sql, "generation_failures") == 1
    assert [total(sql, f"credits_{what}") for what in ("reserved", "charged", "released")] == [12, 3, 9]
    assert total(sql, "provider_cost_micros") == 1500
    assert [total(sql, "queue_seconds_bucket", batch="no", le=le) for le in ("5", "10", "Infinity")] == [1, 2, 2]
    assert [total(sql, "result_seconds_bucket", le=le) for le in ("10", "30", "Infinity")] == [0, 1, 1]
    assert 27 <= total(sql, "result_seconds_sum", model="local/picture") < 28
    assert (total(sql, "ledger_credits", kind="grant"), total(sql, "ledger_credits", kind="usage")) == (50, 3)


def test_everything_is_counted_once_however_often_it_is_asked_for(sql: Sql) -> None:
    """Also what ends between two calls, and what is too young at the first one."""
    alice = sql.new_user(credits=50)
    finish(sql, alice)
    assert sql.as_service("collect_metrics")["generations"] == 0, "it may not be visible to all yet"
    for _ in range(3):
        collect(sql)
    assert total(sql, "generations") == 1
    finish(sql, alice)
    assert collect(sql)["generations"] == 1
    assert (total(sql, "generations"), total(sql, "ledger_credits", kind="usage")) == (2, 6)


def test_after_a_long_silence_it_catches_up_by_the_hour(sql: Sql) -> None:
    """A scheduler that was dead for a night counts all, a bounded piece at a time."""
    alice = sql.new_user(credits=50)
    for _ in range(3):
        finish(sql, alice)
        sql.move_time(3000)
    counted = [sql.as_service("collect_metrics")["generations"] for _ in range(5)]
    assert sum(counted) == 3
    assert max(counted) < 3
    assert total(sql, "generations") == 3


def test_absorbed_credits_are_counted(sql: Sql) -> None:
    """A settle after the hold ended, from a wallet that cannot pay any more."""
    alice = sql.new_user(credits=5)
    hold = sql.reserve(alice, 5, lasts=60)
    sql.move_time(61)
    sql.reserve(alice, 4)
    sql.as_service("confirm_reservation", p_reservation_id=hold["id"])
    collect(sql)
    assert total(sql, "credits_absorbed") == 4
    assert total(sql, "ledger_credits", kind="usage") == 1


def test_what_is_open_is_read_as_it_is_now(sql: Sql) -> None:
    """Waiting, running and held; ended ones leave at once."""
    alice = sql.new_user(credits=50)
    first = sql.generate(alice)
    sql.move_time(30)
    sql.generate(alice)
    now = sql.as_service("get_metrics")
    assert now["holds"] == {"open": 2, "credits": 8}
    assert 30 <= now["generations"].pop("oldest_seconds") < 31
    assert now["generations"] == {"queued": 2, "held_back": 0, "running": 0}
    sql.claim(first)
    assert sql.as_service("get_metrics")["generations"]["running"] == 1
