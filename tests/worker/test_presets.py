"""What a provider is sent, from an admin's edit to the request over HTTP."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from structlog.testing import capture_logs

from backend.core import generations
from backend.rpc.batches import create_batch
from backend.rpc.prompts import admin_activate_prompt, admin_write_prompts
from tests.worker.fal import Fal
from tests.worker.world import User, World

MODEL = "fal/flux-schnell"


@pytest.fixture
def ada(world: World) -> User:
    """An admin."""
    ada = world.new_user()
    world.connection.execute("insert into private.user_roles values (%s, 'admin')", [ada.id])
    return ada


@pytest.fixture(autouse=True)
def provider(world: World, fal: Fal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The world's generations are made by the stand-in for fal."""
    deps = world.variant(**fal.environ)
    deps.providers["fal"].poll_seconds = 0.05
    monkeypatch.setattr(world, "deps", deps)


def write(ada: User, key: str, content: str, **other: Any) -> None:
    """Create or change a prompt."""
    prompt = {"key": key, "category": "style_preset", "content": content, **other}
    asked: dict[str, Any] = {"source": "edit", "reason": "test", "idempotency_key": uuid.uuid4().hex}
    admin_write_prompts(ada.caller, prompts=[prompt], **asked)


def start(world: World, user: User, *presets: str, model: str = MODEL) -> str:
    """A generation that waits for a worker."""
    asked: dict[str, Any] = {"model_id": model, "prompt": "a red fox", "params": {}, "key": uuid.uuid4().hex}
    return str(generations.start(world.deps, user.caller, **asked, request_id=None, presets=presets)["id"])


def ordered(world: World, fal: Fal, generation_id: str) -> dict[str, Any]:
    """What the provider was sent when a worker ran it."""
    world.run(generation_id)
    assert world.row(generation_id)["status"] == "succeeded"
    (order,) = fal.orders(generation_id)
    told: dict[str, Any] = order["input"]
    return told


def test_an_edit_is_in_the_very_next_request(world: World, fal: Fal, ada: User) -> None:
    """Regression: prompts that admins edited had no effect, because nothing read them. Nothing waits for a cache."""
    user, key = world.new_user(), f"fog-{uuid.uuid4().hex[:8]}"
    write(ada, key, "thick fog")
    assert ordered(world, fal, start(world, user, key))["prompt"] == "a red fox, thick fog"
    waiting = start(world, user, key)
    write(ada, key, "thin fog")
    assert ordered(world, fal, start(world, user, key))["prompt"] == "a red fox, thin fog"
    assert ordered(world, fal, waiting)["prompt"] == "a red fox, thick fog", "made with what it was started with"
    admin_activate_prompt(ada.caller, key=key, version=1, reason="it was better")
    last = start(world, user, key)
    assert ordered(world, fal, last)["prompt"] == "a red fox, thick fog"
    assert world.row(last)["presets"] == [{"key": key, "version": 1}]
    assert world.row(last)["prompt"] == "a red fox"


def test_what_belongs_to_every_generation_is_sent_unasked(world: World, fal: Fal, ada: User) -> None:
    """Also in a batch, and what is negative as the parameter that the model has for it."""
    user, word = world.new_user(), uuid.uuid4().hex
    write(ada, f"clean-{word}", "blur", category="negative", always=True, kinds=["image"])
    try:
        told = ordered(world, fal, start(world, user, model="fal/sdxl"))
        assert (told["prompt"], told["negative_prompt"]) == ("a red fox", "blur")
        item = {"model": MODEL, "prompt": "a red fox", "params": {}, "presets": ["watercolor"]}
        made = create_batch(user.caller, items=[item], idempotency_key=word)
        told = ordered(world, fal, made["items"]["data"][0]["generation_id"])
        assert told["prompt"].startswith("a red fox, watercolor") and told["prompt"].endswith(". Avoid: blur")
    finally:
        write(ada, f"clean-{word}", "blur", category="negative", active=False)


def test_a_missing_preset_is_said_and_does_not_stop_anything(world: World, fal: Fal) -> None:
    """The worker's log names it."""
    key = f"gone-{uuid.uuid4().hex}"
    with capture_logs() as lines:
        assert ordered(world, fal, start(world, world.new_user(), key))["prompt"] == "a red fox"
    assert [line["keys"] for line in lines if line["event"] == "presets_missing"] == [[key]]


def test_a_second_attempt_orders_the_same(world: World, fal: Fal, ada: User) -> None:
    """When it has to order again, after the provider lost what it was doing, an edit in between does not count."""
    user, key = world.new_user(), f"fog-{uuid.uuid4().hex[:8]}"
    write(ada, key, "thick fog")
    generation_id = start(world, user, key)
    fal.control(script=["fails"])
    world.run(generation_id)
    assert world.row(generation_id)["status"] == "queued"
    write(ada, key, "thin fog")
    world.let_retry_wait_pass(generation_id)
    world.run(generation_id)
    orders = fal.orders(generation_id)
    assert [order["input"]["prompt"] for order in orders] == ["a red fox, thick fog"] * 2
