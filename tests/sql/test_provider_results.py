"""What providers tell by webhook: one outcome per request, whatever the generation's state, and never a charge."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable

import pytest

from tests.factories import Json, Sql
from tests.sql.conftest import refused

FLUX = "fal/flux-dev"  # one picture of the default size: 4 credits, 19,661 micros
COST = 19661


def told(
    sql: Sql, generation: Json, request: str = "key:r-1", attempt: int = 1, status: str = "ok", **more: Json
) -> Json:
    """The webhook."""
    return sql.as_service(
        "receive_provider_result", p_provider="fal", p_request_id=request, p_generation_id=generation["id"],
        p_attempt=attempt, p_status=status, **{"p_payload": {"images": []}, **more},
    )  # fmt: skip


def submitted(sql: Sql, claim: Json, request: str = "key:r-1") -> None:
    """The worker keeps the id of its request."""
    sql.as_service(
        "heartbeat_generation", p_generation_id=claim["id"], p_attempt=claim["attempt"], p_provider_request_id=request
    )


def failed(sql: Sql, claim: Json, code: str, *, retryable: bool = True) -> None:
    """The attempt is over."""
    sql.as_service(
        "fail_generation", p_generation_id=claim["id"], p_attempt=claim["attempt"], p_error_code=code,
        p_error_message="", p_retryable=retryable,
    )  # fmt: skip


def row(sql: Sql, generation: Json) -> Json:
    """The generation as it is stored."""
    return sql.one("select to_jsonb(g) from public.generations g where g.id = %s", generation["id"])


def running(sql: Sql) -> Json:
    """A claimed generation of somebody with 50 credits."""
    return sql.claim(sql.generate(sql.new_user(credits=50), model=FLUX))


def test_the_request_that_is_waited_for_wakes_its_worker_and_changes_nothing(sql: Sql) -> None:
    """The worker asks the provider itself, and its settle charges."""
    claim = running(sql)
    submitted(sql, claim)
    before = row(sql, claim)
    for _ in range(2):
        assert told(sql, claim) == {"outcome": "expected", "dispatch": None, "wake": True}
    assert row(sql, claim) == before
    stored = sql.as_service("get_provider_result", p_provider="fal", p_request_id="key:r-1")
    assert stored == {"status": "ok", "payload": {"images": []}}


def test_the_same_webhook_twice_is_one_outcome_and_one_charge(sql: Sql) -> None:
    """Also when the second comes after everything has ended, and says something else."""
    claim = running(sql)
    submitted(sql, claim)
    told(sql, claim)
    sql.as_service("complete_generation", p_generation_id=claim["id"], p_attempt=1, p_outputs=[])
    before = row(sql, claim)
    assert told(sql, claim, status="error")["outcome"] == "expected"
    assert (row(sql, claim), before["cost_micros"], before["credits_charged"]) == (before, COST, 4)
    assert sql.one("select count(*) from private.provider_results") == 1


@pytest.mark.parametrize("status", ["ok", "error"])
def test_a_webhook_that_comes_before_the_submits_answer_is_kept(sql: Sql, status: str) -> None:
    """The id is learned from it; the worker's own answer, when it comes, says the same."""
    claim = running(sql)
    assert told(sql, claim, status=status) == {"outcome": "learned", "dispatch": None, "wake": True}
    assert row(sql, claim)["provider_request_id"] == "key:r-1"
    submitted(sql, claim)
    assert told(sql, claim, status=status)["outcome"] == "learned"


def test_a_worker_that_died_before_keeping_its_request_is_resumed_not_paid_again(sql: Sql) -> None:
    """The webhook came while it ran; the sweep's retry has the id."""
    claim = running(sql)
    told(sql, claim)
    sql.move_time(90)
    sql.as_service("sweep_generations")
    assert sql.claim(claim)["provider_request_id"] == "key:r-1"


@pytest.mark.parametrize("code", ["worker_lost", "provider_unavailable", "provider_timeout", "internal"])
def test_a_retry_that_waits_goes_on_with_the_request_now(sql: Sql, code: str) -> None:
    """Told once to the queue; the dispatcher would find it, too."""
    claim = running(sql)
    failed(sql, claim, code)
    answer = told(sql, claim)
    assert answer == {
        "outcome": "learned",
        "dispatch": {"id": claim["id"], "attempt": 1, "queue": "default"},
        "wake": False,
    }
    assert [due["id"] for due in sql.as_service("list_dispatchable")] == [claim["id"]]
    assert told(sql, claim)["dispatch"] is None
    assert sql.claim(claim)["provider_request_id"] == "key:r-1"


@pytest.mark.parametrize("code", ["provider_failed", "provider_bad_answer"])
def test_a_retry_does_not_go_on_with_a_request_that_was_spoilt(sql: Sql, code: str) -> None:
    """It makes a new one."""
    claim = running(sql)
    submitted(sql, claim)
    failed(sql, claim, code)
    assert told(sql, claim, status="error")["outcome"] == "surplus"
    again = sql.claim(claim)
    assert (again["attempt"], again["provider_request_id"]) == (2, None)


def test_a_second_request_is_surplus_and_its_cost_is_counted_once(sql: Sql) -> None:
    """Paid for twice: it shows, and the user does not pay for it."""
    claim = running(sql)
    submitted(sql, claim, "key:r-2")
    for _ in range(2):
        assert told(sql, claim) == {"outcome": "surplus", "dispatch": None, "wake": False}
    assert told(sql, claim, "key:r-3", status="error")["outcome"] == "surplus"  # fal bills results, not errors
    sql.as_service("complete_generation", p_generation_id=claim["id"], p_attempt=1, p_outputs=[])
    done = row(sql, claim)
    assert (done["provider_request_id"], done["cost_micros"], done["credits_charged"]) == ("key:r-2", 2 * COST, 4)
    surplus = "select count(*), sum(cost_micros)::int from private.provider_results where outcome = 'surplus'"
    assert sql.connection.execute(surplus).fetchone() == (2, COST)


def test_an_earlier_attempts_request_is_surplus_once_the_next_runs(sql: Sql) -> None:
    """The next attempt may be submitting at this very moment."""
    claim = running(sql)
    failed(sql, claim, "worker_lost")
    assert sql.claim(claim)["attempt"] == 2
    assert told(sql, claim, attempt=1)["outcome"] == "surplus"
    assert row(sql, claim)["provider_request_id"] is None


@pytest.mark.parametrize("kept", [True, False])
def test_a_webhook_after_a_cancel_counts_the_cost_and_charges_nothing(sql: Sql, kept: bool) -> None:
    """Regression: J6, providers bill what was canceled too late; the credits are back all the same."""
    user = sql.new_user(credits=50)
    claim = sql.claim(sql.generate(user, model=FLUX))
    if kept:
        submitted(sql, claim)
    sql.as_user(user, "cancel_generation", p_generation_id=claim["id"])
    failed(sql, claim, "canceled", retryable=False)
    for _ in range(2):
        assert told(sql, claim) == {"outcome": "late", "dispatch": None, "wake": False}
    done = row(sql, claim)
    assert (done["status"], done["cost_micros"], done["credits_charged"]) == ("canceled", COST, 0)
    assert sql.balance(user) == (50, 0, 50)
    assert sql.ledger(user)[1:] == []


def test_a_webhook_after_success_adds_nothing(sql: Sql) -> None:
    """The settle counted the cost of that request."""
    claim = running(sql)
    submitted(sql, claim)
    sql.as_service("complete_generation", p_generation_id=claim["id"], p_attempt=1, p_outputs=[], p_cost_micros=7)
    assert told(sql, claim)["outcome"] == "late"
    assert row(sql, claim)["cost_micros"] == 7


def test_a_generation_nobody_knows_is_kept_and_ignored(sql: Sql) -> None:
    """So the provider is answered, and stops telling."""
    for generation in (str(uuid.uuid4()), None):
        answer = told(sql, {"id": generation}, request=f"key:{generation}")
        assert answer == {"outcome": "unknown", "dispatch": None, "wake": False}
    assert sql.one("select count(*) from private.provider_results where generation_id is null") == 2


def test_a_giant_payload_is_left_out(sql: Sql) -> None:
    """The outcome is the same."""
    claim = running(sql)
    assert told(sql, claim, p_payload={"junk": "x" * 300_000})["outcome"] == "learned"
    assert sql.as_service("get_provider_result", p_provider="fal", p_request_id="key:r-1") is None


@pytest.mark.parametrize("wrong", [{"status": "fine"}, {"request": ""}, {"request": "x" * 301}, {"status": None}])
def test_what_is_no_result_is_refused(sql: Sql, wrong: Json) -> None:
    """And nothing is kept."""
    with refused(422, "invalid_params"):
        told(sql, {"id": None}, **wrong)
    assert sql.one("select count(*) from private.provider_results") == 0


def test_many_at_once_are_one(connect: Callable[[], Sql]) -> None:
    """The same webhook eight times in parallel: one row, one cost."""
    first = connect()
    claim = running(first)
    submitted(first, claim, "key:other")
    answers: list[Json] = []
    others = [connect() for _ in range(8)]
    threads = [threading.Thread(target=lambda one=one: answers.append(told(one, claim))) for one in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer["outcome"] for answer in answers] == ["surplus"] * 8
    assert row(first, claim)["cost_micros"] == COST
    assert first.problems() == []


def test_what_was_told_long_ago_is_forgotten_once_nobody_needs_it(sql: Sql) -> None:
    """After 30 days, of generations that have ended and of none; the newest and those of open ones stay."""

    def kept() -> set[str]:
        return {found for (found,) in sql.connection.execute("select request_id from private.provider_results")}

    ended, open_one = running(sql), running(sql)
    for number in range(3):
        told(sql, ended, f"key:old-{number}")
    told(sql, {"id": str(uuid.uuid4())}, "key:of-none")
    told(sql, open_one, "key:open")
    failed(sql, ended, "content_refused", retryable=False)
    sql.move_time(30 * 86_400 - 60)
    told(sql, ended, "key:new")
    assert sql.as_service("tidy_provider_results") == {"deleted": 0}
    sql.move_time(120)
    assert [sql.as_service("tidy_provider_results", p_limit=3)["deleted"] for _ in range(3)] == [3, 1, 0]
    assert kept() == {"key:open", "key:new"}
    assert sql.problems() == []
    with refused(422, "invalid_params"):
        sql.as_service("tidy_provider_results", p_limit=0)
