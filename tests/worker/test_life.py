"""The life of a paid generation as a worker sees it, one attempt at a time, in this process."""

from __future__ import annotations

import io
import time
import uuid
from typing import Any

import httpx
import pytest
import rq
from PIL import Image

from backend import queue as queues
from backend.core import generations
from backend.errors import InsufficientCredits, InvalidParams, ModelNotFound, StaleAttempt
from backend.rpc import generations as rpc
from tests.patience import within
from tests.worker.world import World


def test_a_generation_is_drawn_stored_and_charged(world: World) -> None:
    """The ordinary case: 25 credits, a picture for 4, the file where only its owner's folder is."""
    user = world.new_user()
    generation_id = world.start(user, width=128, height=96, format="webp")
    assert world.figures(user) == (25, 4, 21)
    world.run(generation_id)
    row = world.row(generation_id)
    (output,) = row["outputs"]
    data = httpx.get(world.deps.storage.sign([output["path"]], user.token, 60)[output["path"]]).content
    assert (row["status"], row["attempt"], row["credits_charged"], row["cost_micros"]) == ("succeeded", 1, 4, 0)
    assert output == {
        "path": f"{user.id}/{generation_id}/1-0.webp",
        "kind": "image",
        "width": 128,
        "height": 96,
        "format": "webp",
        "bytes": len(data),
    }
    assert Image.open(io.BytesIO(data)).size == (128, 96)
    assert world.figures(user) == (21, 0, 21)
    assert world.ledger(user) == [("grant", 25), ("usage", -4)]


def test_every_picture_of_a_request_is_stored(world: World) -> None:
    """Four pictures, four files, sixteen credits."""
    user = world.new_user()
    generation_id = world.start(user, num_images=4, width=64, height=64)
    world.run(generation_id)
    row = world.row(generation_id)
    assert len({output["path"] for output in row["outputs"]}) == 4
    assert world.figures(user) == (9, 0, 9)


def test_a_model_that_fails_gives_the_credits_back(world: World) -> None:
    """Regression: H20, H22. The row says failed and charged 0, and so does the ledger."""
    user = world.new_user()
    generation_id = world.start(user, "local/always-fails", code="content_refused")
    assert world.figures(user) == (25, 5, 20)
    world.run(generation_id)
    row = world.row(generation_id)
    assert (row["status"], row["error_code"], row["credits_charged"]) == ("failed", "content_refused", 0)
    assert world.figures(user) == (25, 0, 25)
    assert world.ledger(user) == [("grant", 25)]


def test_a_model_that_flakes_succeeds_on_the_same_hold(world: World) -> None:
    """Two passing failures, then a picture; charged once."""
    user = world.new_user()
    generation_id = world.start(user, "local/flaky", fail_times=2)
    for attempt in (1, 2):
        world.run(generation_id)
        row = world.row(generation_id)
        assert (row["status"], row["attempt"], row["error_code"]) == ("queued", attempt, "provider_failed")
        assert world.figures(user) == (25, 2, 23)
    world.run(generation_id)
    assert world.row(generation_id)["status"] == "succeeded"
    assert world.ledger(user) == [("grant", 25), ("usage", -2)]


def test_a_second_run_of_what_has_ended_does_nothing(world: World) -> None:
    """A hint that comes twice, or late, is harmless."""
    user = world.new_user()
    generation_id = world.start(user, width=64, height=64)
    for _ in range(3):
        world.run(generation_id)
    assert world.row(generation_id)["attempt"] == 1
    assert world.ledger(user) == [("grant", 25), ("usage", -4)]


def test_a_run_of_what_does_not_exist_does_nothing(world: World) -> None:
    """The queue may remember what the database never had."""
    world.run(str(uuid.uuid4()))


@pytest.mark.parametrize(
    ("prompt", "params", "field"),
    [
        ("", {}, "prompt"),
        ("   ", {}, "prompt"),
        ("x" * 2001, {}, "prompt"),
        ("a fox", {"style": "long" * 1000}, "params.style"),
        ("a fox", {"width": 12}, "params.width"),
        ("a fox", {"width": 100.0}, "params.width"),
        ("a fox", {"width": "128"}, "params.width"),
        ("a fox", {"num_images": 5}, "params.num_images"),
        ("a fox", {"num_images": True}, "params.num_images"),
        ("a fox", {"num_images": float("nan")}, "params.num_images"),
        ("a fox", {"style": "impressionism"}, "params.style"),
        ("a fox", {"colour": "red"}, "params.colour"),
    ],
)
def test_what_a_model_does_not_take_is_refused_by_name(
    world: World, prompt: str, params: dict[str, Any], field: str
) -> None:
    """Before a credit is held, and naming the field."""
    user = world.new_user()
    with pytest.raises(InvalidParams) as caught:
        world.start(user, prompt=prompt, **params)
    assert caught.value.details["field"] == field
    assert len(caught.value.message) < 300
    assert world.figures(user) == (25, 0, 25)


def test_an_unknown_model_is_refused(world: World) -> None:
    """404, and nothing is held."""
    with pytest.raises(ModelNotFound):
        world.start(world.new_user(), "local/poem")


def test_without_credits_nothing_starts(world: World) -> None:
    """Regression: H5. Six pictures of 4 credits on 25: six start, the seventh is refused, no provider is asked."""
    user = world.new_user()
    started = [world.start(user, width=64, height=64) for _ in range(6)]
    with pytest.raises(InsufficientCredits):
        world.start(user)
    assert len(started) == 6
    assert world.figures(user) == (25, 24, 1)


def test_a_start_asks_the_database_once(world: World) -> None:
    """The models are remembered; the hot route is one operation."""
    user = world.new_user()
    world.start(user, width=64, height=64)
    world.supabase.calls.clear()
    world.start(user, width=64, height=64)
    assert world.supabase.calls == ["/rest/v1/rpc/create_generation"]


def test_a_repeated_request_is_the_same_generation(world: World) -> None:
    """Same key, same answer; one hold, one job."""
    user = world.new_user()
    asked = {"model_id": "local/picture", "prompt": "a fox", "params": {}, "key": "again", "request_id": None}
    first, second = (generations.start(world.deps, user.caller, **asked) for _ in range(2))
    assert first["id"] == second["id"]
    assert world.figures(user) == (25, 4, 21)


def test_redis_that_is_away_delays_a_generation_and_refuses_nothing(world: World) -> None:
    """The request is answered at once; the dispatcher tells the workers when Redis is back."""
    user, without_redis = world.new_user(), world.variant(REDIS_URL="redis://127.0.0.1:9/0")
    asked = {"model_id": "local/picture", "prompt": "a fox", "params": {}, "key": "k", "request_id": "r"}
    started = time.monotonic()
    generation = generations.start(without_redis, user.caller, **asked)
    assert generation["status"] == "queued"
    assert time.monotonic() - started < within(1)
    world.let_retry_wait_pass(generation["id"])
    generations.dispatch(world.deps)
    assert f"gen-{generation['id']}-0".encode() in world.deps.redis.lrange("rq:queue:default", 0, -1)


def test_params_that_came_past_the_api_are_checked_by_the_worker(world: World) -> None:
    """The operation is open to every user through PostgREST; what no model takes is not drawn, and not charged."""
    user = world.new_user()
    generation = rpc.create_generation(
        user.caller, model_id="local/picture", prompt="a fox", params={"style": "smuggled"}, idempotency_key="k"
    )
    world.run(generation["id"])
    row = world.row(generation["id"])
    assert (row["status"], row["error_code"]) == ("failed", "invalid_params")
    assert "style" in row["error_message"]
    assert world.figures(user) == (25, 0, 25)


def test_cancelling_what_waits_gives_everything_back(world: World) -> None:
    """Regression: J6. The worker finds nothing to do."""
    user = world.new_user()
    generation_id = world.start(user)
    rpc.cancel_generation(user.caller, generation_id=generation_id)
    world.run(generation_id)
    assert (world.row(generation_id)["status"], world.row(generation_id)["attempt"]) == ("canceled", 0)
    assert world.figures(user) == (25, 0, 25)


def test_an_old_attempt_can_neither_complete_nor_fail_nor_go_on(world: World) -> None:
    """Regression: J1. The fence itself, by hand: attempt 1 lost its lease, attempt 2 owns the row."""
    user, service = world.new_user(), world.deps.rpc.as_service()
    generation_id = world.start(user)
    for expected in (1, 2):
        claim = rpc.claim_generation(service, generation_id=generation_id, worker="w", lease_seconds=60)
        assert claim is not None
        assert claim["attempt"] == expected
        if expected == 1:
            world.let_lease_run_out(generation_id)
    before = world.row(generation_id)
    old: dict[str, Any] = {"generation_id": generation_id, "attempt": 1}
    with pytest.raises(StaleAttempt):
        rpc.heartbeat_generation(service, **old)
    with pytest.raises(StaleAttempt):
        rpc.complete_generation(service, **old, outputs=[])
    with pytest.raises(StaleAttempt):
        rpc.fail_generation(service, **old, error_code="late", error_message="late", retryable=False)
    assert world.row(generation_id) == before
    assert world.figures(user) == (25, 4, 21)


def test_whoever_finishes_tells_the_workers_of_the_next(world: World) -> None:
    """Four of six have slots and are told of; each that ends passes its slot on, without waiting for the dispatcher."""
    user = world.new_user()
    made = [world.start(user, width=64, height=64) for _ in range(6)]
    assert waiting_jobs(world) == [f"gen-{one}-0" for one in made[:4]]
    world.run(made[5])
    waits = world.sql.one("select dispatch_at = 'infinity' from public.generations where id = %s", made[5])
    assert waits, "a stray job starts nothing that waits"
    world.run(made[0])
    assert waiting_jobs(world) == [f"gen-{one}-0" for one in made[:5]]
    world.sql.as_user(uuid.UUID(user.id), "cancel_generation", p_generation_id=made[1])
    generations.dispatch(world.deps)
    assert waiting_jobs(world) == [f"gen-{one}-0" for one in made]


def waiting_jobs(world: World) -> list[str]:
    """The jobs of single generations, in their order."""
    return rq.Queue(queues.DEFAULT, connection=world.deps.redis).job_ids
