"""The life of a generation in SQL: created with its hold, claimed, fenced by attempt, ended with its money settled."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.factories import Json, Sql
from tests.sql.conftest import refused

OUTPUTS = [{"path": "somewhere.png", "kind": "image"}]


def complete(sql: Sql, claim: Json, *, outputs: Json = OUTPUTS, **more: Any) -> Json:
    arguments = {"p_generation_id": claim["id"], "p_attempt": claim["attempt"], "p_outputs": outputs} | more
    return sql.as_service("complete_generation", **arguments)


def fail(sql: Sql, claim: Json, *, code: str = "provider_failed", retryable: bool = False, **more: Any) -> Json:
    return sql.as_service(
        "fail_generation", p_generation_id=claim["id"], p_attempt=claim["attempt"], p_error_code=code,
        p_error_message="It went wrong.", p_retryable=retryable, **more,
    )  # fmt: skip


def beat(sql: Sql, claim: Json, **more: Any) -> Json:
    return sql.as_service(
        "heartbeat_generation", p_generation_id=claim["id"], p_attempt=claim["attempt"], p_lease_seconds=60, **more
    )


def read(sql: Sql, user_id: uuid.UUID, generation: Json) -> Json:
    return sql.as_user(user_id, "get_generation", p_generation_id=generation["id"])


def cancel(sql: Sql, user_id: uuid.UUID, generation: Json) -> Json:
    return sql.as_user(user_id, "cancel_generation", p_generation_id=generation["id"])


@pytest.fixture
def alice(sql: Sql) -> uuid.UUID:
    """She has 10 credits; a local/picture costs 4."""
    return sql.new_user(credits=10)


def test_a_generation_is_reserved_run_and_charged(sql: Sql, alice: uuid.UUID) -> None:
    """The ordinary case, from queued to succeeded."""
    queued = sql.generate(alice)
    assert (queued["status"], queued["credits"], queued["attempt"]) == ("queued", {"reserved": 4, "charged": 0}, 0)
    assert sql.balance(alice) == (10, 4, 6)
    claim = sql.claim(queued)
    assert (claim["attempt"], claim["provider"], claim["prompt"]) == (1, "local", "a red fox")
    assert beat(sql, claim, p_progress=0.5)["stop"] is False
    assert read(sql, alice, queued)["progress"] == 0.5
    done = complete(sql, claim, p_cost_micros=1200)
    assert (done["status"], done["credits_charged"], done["absorbed"]) == ("succeeded", 4, 0)
    shown = read(sql, alice, queued)
    assert (shown["status"], shown["outputs"], shown["error"]) == ("succeeded", OUTPUTS, None)
    assert shown["credits"] == {"reserved": 4, "charged": 4}
    assert shown["created_at"] <= shown["started_at"] <= shown["finished_at"]
    assert sql.ledger(alice) == [("grant", 10), ("usage", -4)]
    assert sql.one("select metadata ->> 'model' from usage_logs where user_id = %s", alice) == "local/picture"
    assert sql.problems() == []


def test_a_failed_generation_gives_the_credits_back(sql: Sql, alice: uuid.UUID) -> None:
    """Regression: H20, H22: failure and release are one transaction, and the answer says what the ledger says."""
    queued = sql.generate(alice)
    assert fail(sql, sql.claim(queued))["status"] == "failed"
    shown = read(sql, alice, queued)
    assert shown["error"] == {"code": "provider_failed", "message": "It went wrong."}
    assert shown["credits"] == {"reserved": 4, "charged": 0}
    assert sql.balance(alice) == (10, 0, 10)
    assert sql.ledger(alice) == [("grant", 10)]


def test_no_credits_no_generation(sql: Sql, alice: uuid.UUID) -> None:
    """Refused before anything is queued."""
    with refused(402, "insufficient_credits") as data:
        sql.generate(alice, num_images=3)
    assert (data["required"], data["available"]) == (12, 10)
    assert sql.as_user(alice, "list_generations")["data"] == []


def test_one_key_makes_one_generation(sql: Sql, alice: uuid.UUID) -> None:
    """A replay answers the first one as it is now; another request under the key is refused."""
    request = {"p_model_id": "local/picture", "p_prompt": "a fox", "p_params": {}, "p_idempotency_key": "key"}
    first = sql.as_user(alice, "create_generation", **request)
    complete(sql, sql.claim(first))
    again = sql.as_user(alice, "create_generation", **request)
    assert (again["id"], again["status"]) == (first["id"], "succeeded")
    for change in ({"p_model_id": "local/slow"}, {"p_prompt": "a cat"}, {"p_params": {"num_images": 2}}):
        with refused(409, "idempotency_key_reused"):
            sql.as_user(alice, "create_generation", **(request | change))
    with refused(409, "idempotency_key_reused"):
        sql.as_user(alice, "reserve_credits", p_amount=4, p_idempotency_key="key")
    assert sql.balance(alice) == (6, 0, 6)


def test_a_replay_outlives_its_model(sql: Sql, alice: uuid.UUID) -> None:
    """The stored outcome does not depend on what is on sale today."""
    request = {"p_model_id": "local/picture", "p_prompt": "a fox", "p_params": {}, "p_idempotency_key": "key"}
    first = sql.as_user(alice, "create_generation", **request)
    sql.connection.execute("update models set active = false where id = 'local/picture'")
    assert sql.as_user(alice, "create_generation", **request) == first


@pytest.mark.parametrize("prompt", [None, "", "   ", "x" * 2001])
def test_a_prompt_has_something_to_say(sql: Sql, alice: uuid.UUID, prompt: str | None) -> None:
    """And not too much; counted in characters."""
    request = {"p_model_id": "local/picture", "p_params": {}, "p_idempotency_key": "key"}
    with refused(422, "invalid_params") as data:
        sql.as_user(alice, "create_generation", p_prompt=prompt, **request)
    assert data == {"field": "prompt"}


def test_only_one_worker_gets_it(sql: Sql, alice: uuid.UUID) -> None:
    """A second claim has nothing to do, nor has one of what ended or never was."""
    queued = sql.generate(alice)
    claim = sql.claim(queued)
    assert sql.claim(queued, worker="worker-2") is None
    complete(sql, claim)
    assert sql.claim(queued) is None
    assert sql.claim({"id": str(uuid.uuid4())}) is None


def test_a_repeated_settle_is_the_stored_outcome(sql: Sql, alice: uuid.UUID) -> None:
    """Regression: H4, the caller may die after the commit and ask again."""
    done, failed = sql.claim(sql.generate(alice)), sql.claim(sql.generate(alice))
    assert complete(sql, done) == complete(sql, done)
    assert fail(sql, failed) == fail(sql, failed)
    assert sql.balance(alice) == (6, 0, 6)
    with refused(409, "stale_attempt"):
        fail(sql, done)
    with refused(409, "stale_attempt"):
        complete(sql, failed)
    assert sql.balance(alice) == (6, 0, 6)


def test_a_worker_that_lost_its_lease_cannot_settle(sql: Sql, alice: uuid.UUID) -> None:
    """Regression: J1. The old attempt is refused whether its successor waits, runs, failed or succeeded."""
    queued = sql.generate(alice)
    late = sql.claim(queued)
    sql.move_time(61)
    assert sql.as_service("sweep_generations") == {"requeued": 1, "failed": 0, "canceled": 0}

    def nothing_goes() -> None:
        before = sql.balance(alice), read(sql, alice, queued)
        for settle in (complete, beat):
            with refused(409, "stale_attempt"):
                settle(sql, late)
        assert (sql.balance(alice), read(sql, alice, queued)) == before

    nothing_goes()
    assert fail(sql, late)["status"] == "queued", "the old attempt is over already; telling so again changes nothing"
    owner = sql.claim(queued, worker="worker-2")
    assert owner["attempt"] == 2
    nothing_goes()
    with refused(409, "stale_attempt"):
        fail(sql, late)
    complete(sql, owner)
    nothing_goes()
    assert sql.ledger(alice) == [("grant", 10), ("usage", -4)]


def test_a_late_worker_that_nobody_replaced_may_complete(sql: Sql, alice: uuid.UUID) -> None:
    """The lease ran out but no sweep came by: the attempt still owns the generation, and the hold is still good."""
    claim = sql.claim(sql.generate(alice))
    sql.move_time(61)
    assert complete(sql, claim)["credits_charged"] == 4


@pytest.mark.parametrize(("policy", "charged", "absorbed"), [("collect", 2, 2), ("debt", 4, 0), ("absorb", 0, 4)])
def test_a_result_after_the_hold_ended_follows_the_model(
    sql: Sql, alice: uuid.UUID, policy: str, charged: int, absorbed: int
) -> None:
    """Regression: H13, J1. No sweeper ran, and the user has spent all but 2 credits in the meantime."""
    sql.connection.execute("update models set late_settle = %s where id = 'local/picture'", [policy])
    claim = sql.claim(sql.generate(alice), lease=60)
    sql.move_time(86_401)
    sql.as_service("confirm_reservation", p_reservation_id=sql.reserve(alice, 8)["id"])
    done = complete(sql, claim)
    assert (done["status"], done["credits_charged"], done["absorbed"]) == ("succeeded", charged, absorbed)
    assert sql.balance(alice)[0] == 2 - charged
    assert sql.problems() == []


def test_a_passing_failure_is_tried_again_on_the_same_hold(sql: Sql, alice: uuid.UUID) -> None:
    """With growing pauses, until the model's tries are used up (local/picture has 3)."""
    queued = sql.generate(alice)
    waits = []
    for attempt in (1, 2):
        claim = sql.claim(queued)
        assert claim["attempt"] == attempt
        outcome = fail(sql, claim, retryable=True)
        assert outcome["status"] == "queued"
        waits.append(
            sql.one("select extract(epoch from %s::timestamptz - private.clock())::float8", outcome["retry_at"])
        )
        assert sql.balance(alice) == (10, 4, 6)
        assert read(sql, alice, queued)["error"] is None, "only an end has an error"
    assert 1 < waits[0] < 2.6 and 2.5 < waits[1] < 5.1
    outcome = fail(sql, sql.claim(queued), retryable=True)
    assert (outcome["status"], outcome["retry_at"]) == ("failed", None)
    assert sql.balance(alice) == (10, 0, 10)


def test_a_worker_that_stops_hands_back_without_using_up_a_try(sql: Sql, alice: uuid.UUID) -> None:
    """However many deploys happen meanwhile."""
    queued = sql.generate(alice)
    for _ in range(5):
        assert fail(sql, sql.claim(queued), code="worker_stopped", retryable=True)["status"] == "queued"
    assert complete(sql, sql.claim(queued))["attempt"] == 6


@pytest.mark.parametrize(
    ("code", "kept"),
    [
        ("worker_stopped", True),
        ("storage_unavailable", True),
        ("provider_unavailable", True),
        ("provider_failed", False),
        ("provider_bad_answer", False),
    ],
)
def test_the_providers_request_is_resumed_unless_it_is_spent(sql: Sql, alice: uuid.UUID, code: str, kept: bool) -> None:
    """Paying the provider twice for one picture is the exception."""
    queued = sql.generate(alice)
    claim = sql.claim(queued)
    assert claim["provider_request_id"] is None
    beat(sql, claim, p_provider_request_id="request-1")
    fail(sql, claim, code=code, retryable=True)
    assert sql.claim(queued)["provider_request_id"] == ("request-1" if kept else None)


def test_what_failed_attempts_cost_is_kept(sql: Sql, alice: uuid.UUID) -> None:
    """Regression: H21: the provider bills for answers that nobody could use; the user does not pay for them."""
    queued = sql.generate(alice)
    assert fail(sql, sql.claim(queued), retryable=True, p_cost_micros=700)["status"] == "queued"
    assert fail(sql, sql.claim(queued), retryable=True)["status"] == "queued"
    complete(sql, sql.claim(queued), p_cost_micros=500)
    assert sql.one("select cost_micros from generations where id = %s", queued["id"]) == 1200
    assert sql.balance(alice) == (6, 0, 6)


def test_a_lost_worker_is_noticed_by_the_sweep(sql: Sql, alice: uuid.UUID) -> None:
    """Regression: J2, J4. Tried again, then failed and released; the provider's request is kept."""
    queued = sql.generate(alice)
    outcomes = []
    for _ in range(3):
        claim = sql.claim(queued)
        beat(sql, claim, p_provider_request_id="request-1")
        assert sql.as_service("sweep_generations") == {"requeued": 0, "failed": 0, "canceled": 0}
        sql.move_time(61)
        outcomes.append(sql.as_service("sweep_generations"))
        sql.move_time(10)
    assert [outcome["requeued"] for outcome in outcomes] == [1, 1, 0]
    assert outcomes[-1]["failed"] == 1
    shown = read(sql, alice, queued)
    assert (shown["status"], shown["error"]["code"]) == ("failed", "worker_lost")
    assert sql.balance(alice) == (10, 0, 10)
    assert sql.problems() == []


def test_a_heartbeat_keeps_lease_and_hold_alive(sql: Sql, alice: uuid.UUID) -> None:
    """However long the work takes."""
    sql.connection.execute("update models set hold_seconds = 60 where id = 'local/picture'")
    claim = sql.claim(sql.generate(alice))
    for _ in range(5):
        sql.move_time(50)
        beat(sql, claim)
        assert sql.as_service("sweep_generations")["requeued"] == 0
        assert sql.balance(alice) == (10, 4, 6)
    assert complete(sql, claim)["credits_charged"] == 4


def test_nobody_works_without_a_hold(sql: Sql, alice: uuid.UUID) -> None:
    """Regression: A2. What waited until its hold ended fails, uncharged, when a worker comes for it."""
    queued = sql.generate(alice)
    sql.move_time(86_401)
    assert sql.balance(alice) == (10, 0, 10)
    assert sql.claim(queued) is None
    shown = read(sql, alice, queued)
    assert (shown["status"], shown["error"]["code"]) == ("failed", "hold_expired")
    assert sql.balance(alice) == (10, 0, 10)


def test_cancelling_what_is_queued_gives_the_credits_back(sql: Sql, alice: uuid.UUID) -> None:
    """Regression: J6. At once, once."""
    queued = sql.generate(alice)
    assert cancel(sql, alice, queued) == cancel(sql, alice, queued)
    assert read(sql, alice, queued)["status"] == "canceled"
    assert sql.balance(alice) == (10, 0, 10)
    assert sql.claim(queued) is None


@pytest.mark.parametrize("ending", ["worker stops", "worker fails", "worker is lost", "worker finishes first"])
def test_cancelling_what_is_running_asks_the_worker(sql: Sql, alice: uuid.UUID, ending: str) -> None:
    """Regression: J6. A result that came first stands and is charged; everything else is canceled and free."""
    queued = sql.generate(alice)
    claim = sql.claim(queued)
    asked = cancel(sql, alice, queued)
    assert (asked["status"], asked["cancel_requested"]) == ("running", True)
    assert beat(sql, claim)["stop"] is True
    match ending:
        case "worker stops":
            fail(sql, claim, code="canceled")
        case "worker fails":
            fail(sql, claim, retryable=True)
        case "worker is lost":
            sql.move_time(61)
            assert sql.as_service("sweep_generations")["canceled"] == 1
        case "worker finishes first":
            complete(sql, claim)
    shown = read(sql, alice, queued)
    finished_first = ending == "worker finishes first"
    assert shown["status"] == ("succeeded" if finished_first else "canceled")
    assert sql.balance(alice)[0] == (6 if finished_first else 10)
    assert sql.problems() == []


def test_cancelling_what_has_ended_changes_nothing(sql: Sql, alice: uuid.UUID) -> None:
    """409, and the books stay."""
    done, failed = sql.generate(alice), sql.generate(alice)
    complete(sql, sql.claim(done))
    fail(sql, sql.claim(failed))
    for generation in (done, failed):
        with refused(409, "invalid_state"):
            cancel(sql, alice, generation)
    assert sql.balance(alice) == (6, 0, 6)


@pytest.mark.parametrize(("credits", "charged", "left"), [(1, 1, 9), (0, 0, 10), (6, 6, 4), (None, 4, 6)])
def test_a_worker_may_charge_what_it_really_took(
    sql: Sql, alice: uuid.UUID, credits: int | None, charged: int, left: int
) -> None:
    """Less gives the rest back; more follows the model's policy, here collect with enough to collect."""
    claim = sql.claim(sql.generate(alice))
    assert complete(sql, claim, p_credits=credits)["credits_charged"] == charged
    assert sql.balance(alice) == (left, 0, left)


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        ({"p_credits": -1}, 400, "invalid_amount"),
        ({"outputs": {}}, 422, "invalid_params"),
        ({"outputs": None}, 422, "invalid_params"),
        ({"p_cost_micros": -1}, 422, "invalid_params"),
    ],
)
def test_a_malformed_result_leaves_the_hold_open(
    sql: Sql, alice: uuid.UUID, arguments: dict[str, Any], status: int, code: str
) -> None:
    """Regression: H1, H18: refused whole, and the worker can still settle properly."""
    claim = sql.claim(sql.generate(alice))
    with refused(status, code):
        complete(sql, claim, **arguments)
    assert sql.balance(alice) == (10, 4, 6)
    fail(sql, claim)


def test_another_users_generation_does_not_exist(sql: Sql, alice: uuid.UUID) -> None:
    """404 for reading, cancelling and paging alike, as for an id that never was."""
    bob = sql.new_user(credits=10)
    hers = sql.generate(alice)
    for generation in (hers, {"id": str(uuid.uuid4())}):
        for operation in (read, cancel):
            with refused(404, "generation_not_found"):
                operation(sql, bob, generation)
        with refused(404, "generation_not_found"):
            sql.as_user(bob, "list_generations", p_before=generation["id"])
    assert sql.as_user(bob, "list_generations")["data"] == []
    assert read(sql, alice, hers)["status"] == "queued"


def test_generations_come_newest_first_in_pages(sql: Sql, alice: uuid.UUID) -> None:
    """Also when several were made in the same instant."""
    made = [sql.generate(alice)["id"] for _ in range(2)]
    sql.grant(alice, 100)
    made += [sql.generate(alice)["id"] for _ in range(5)]
    sql.connection.execute("update generations set created_at = now() where id = any(%s::uuid[])", [made[2:5]])
    seen: list[str] = []
    more = True
    while more:
        page = sql.as_user(alice, "list_generations", p_before=seen[-1] if seen else None, p_limit=2)
        seen, more = seen + [row["id"] for row in page["data"]], page["has_more"]
    assert sorted(seen) == sorted(made)


def test_generations_can_be_listed_by_status(sql: Sql, alice: uuid.UUID) -> None:
    """An unknown status is an error, not an empty list."""
    done, waiting = sql.generate(alice), sql.generate(alice)
    complete(sql, sql.claim(done))
    listed = sql.as_user(alice, "list_generations", p_status="queued")["data"]
    assert [row["id"] for row in listed] == [waiting["id"]]
    with refused(422, "invalid_params"):
        sql.as_user(alice, "list_generations", p_status="done")


def test_the_dispatcher_finds_what_the_queue_may_have_lost(sql: Sql, alice: uuid.UUID) -> None:
    """After 15 seconds at first, then every 60 while it is still queued; never while it runs."""
    queued = sql.generate(alice)

    def due() -> list[Json]:
        found: list[Json] = sql.as_service("list_dispatchable")
        return found

    assert due() == []
    sql.move_time(16)
    assert due() == [{"id": queued["id"], "attempt": 0, "queue": "default"}]
    assert due() == []
    sql.move_time(61)
    assert len(due()) == 1
    sql.claim(queued)
    sql.move_time(1000)
    assert due() == []


def test_a_retry_is_dispatched_when_its_pause_is_over(sql: Sql, alice: uuid.UUID) -> None:
    """Nobody sleeps on it: the row says when."""
    fail(sql, sql.claim(sql.generate(alice)), retryable=True)
    assert sql.as_service("list_dispatchable") == []
    sql.move_time(3)
    assert [row["attempt"] for row in sql.as_service("list_dispatchable")] == [1]
