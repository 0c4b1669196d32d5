"""fal as the provider, against its stand-in over HTTP: the good day and each bad one, and what it costs the user."""

from __future__ import annotations

import ssl
import uuid

import httpx
import pytest

from backend.clients.providers.base import Work
from backend.clients.providers.fal.keys import KeyPool
from backend.core import production
from backend.core.inputs import with_addresses
from backend.deps import Deps
from backend.errors import InvalidParams
from tests.worker.fal import KEYS, Fal
from tests.worker.scripted import PICTURE
from tests.worker.world import User, World, eventually

MODEL = "fal/flux-schnell"


@pytest.fixture
def deps(world: World, fal: Fal, monkeypatch: pytest.MonkeyPatch) -> Deps:
    """What a process with keys of fal has; the world starts and runs generations with it."""
    deps = world.variant(**fal.environ)
    deps.providers["fal"].poll_seconds = 0.05
    monkeypatch.setattr(world, "deps", deps)
    return deps


@pytest.fixture
def user(world: World) -> User:
    """Somebody with 25 credits."""
    return world.new_user()


def test_what_is_left_out_is_ordered_as_it_was_priced(world: World, fal: Fal, deps: Deps, user: User) -> None:
    """Our defaults, not fal's: half a size would be none over there."""
    generation_id = world.start(user, MODEL, prompt="a red fox", width=512)
    world.run(generation_id)
    (order,) = fal.orders(generation_id)
    assert order["input"]["image_size"] == {"width": 512, "height": 768}
    assert world.row(generation_id)["outputs"][0]["height"] == 768


def test_a_work_horse_reads_no_certificates(
    world: World, fal: Fal, deps: Deps, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It inherits them: reading them anew would be a third of all that it computes."""
    started, read = world.start(user, MODEL, width=256, height=256), []
    deps = world.variant(**fal.environ)  # as a forked process has it, with every client still to be built
    monkeypatch.setattr(ssl, "create_default_context", lambda *args, **kwargs: read.append(args))
    world.run(started, deps=deps)
    assert (world.row(started)["status"], read) == ("succeeded", [])


def keys(deps: Deps) -> KeyPool:
    """Return the pool."""
    pool = deps.providers["fal"].keys  # type: ignore[attr-defined]  # only this provider has one
    assert isinstance(pool, KeyPool)
    return pool


def test_a_picture_comes_from_fal(world: World, fal: Fal, deps: Deps, user: User) -> None:
    """The ordinary case: one order with our params in fal's words, one picture, one charge, no load left behind."""
    generation_id = world.start(user, MODEL, prompt="a red fox", width=512, height=256, num_images=2, seed=7)
    world.run(generation_id)
    row = world.row(generation_id)
    assert row["status"] == "succeeded", row
    assert [(one["width"], one["height"]) for one in row["outputs"]] == [(512, 256)] * 2
    (order,) = fal.orders(generation_id)
    assert order["model"] == "fal-ai/flux/schnell"
    assert order["input"] == {
        "prompt": "a red fox", "image_size": {"width": 512, "height": 256}, "num_images": 2, "seed": 7,
        "num_inference_steps": 4, "output_format": "jpeg",
    }  # fmt: skip
    fingerprint, _, fal_id = row["provider_request_id"].partition(":")
    assert fal_id == order["id"]
    assert fingerprint in [state["fingerprint"] for state in keys(deps).state()]
    assert [state["load"] for state in keys(deps).state()] == [0, 0]
    assert world.ledger(user)[1:] == [("usage", -row["credits_charged"])]


@pytest.mark.parametrize(
    ("directive", "code"),
    [
        ("refused", "content_refused"),
        ("flagged", "content_refused"),
        ("rejected", "provider_rejected_params"),
        ("422", "provider_rejected_params"),
    ],
)
def test_what_fal_will_never_make_is_not_tried_again(
    world: World, fal: Fal, deps: Deps, user: User, directive: str, code: str
) -> None:
    """Refused content and params end at once, and everything goes back."""
    generation_id = world.start(user, MODEL, prompt=f"[fal:{directive}]")
    world.run(generation_id)
    row = world.row(generation_id)
    assert (row["status"], row["error_code"], row["attempt"]) == ("failed", code, 1)
    assert world.figures(user) == (25, 0, 25)


@pytest.mark.parametrize("directive", ["fails", "faulty", "500", "503", "garbage"])
def test_a_passing_failure_is_tried_again_on_the_same_hold(
    world: World, fal: Fal, deps: Deps, user: User, directive: str
) -> None:
    """The second attempt is charged once, the first not at all."""
    fal.control(script=[directive])
    generation_id = world.start(user, MODEL)
    world.run(generation_id)
    assert world.row(generation_id)["status"] == "queued"
    assert world.figures(user)[1] > 0, "the hold stays"
    world.let_retry_wait_pass(generation_id)
    world.run(generation_id)
    assert world.row(generation_id)["status"] == "succeeded"
    assert [kind for kind, _ in world.ledger(user)] == ["grant", "usage"]


@pytest.mark.parametrize(
    ("status", "code"), [(401, "unauthorized"), (402, "no_balance"), (403, "locked"), (429, "rate_limited")]
)
def test_a_key_that_is_refused_rests_and_another_one_orders(
    world: World, fal: Fal, deps: Deps, user: User, status: int, code: str
) -> None:
    """The user notices nothing; admins see which key rests and why, and never a key."""
    fal.control(keys={KEYS[0]: status})
    for _ in range(3):
        generation_id = world.start(user, MODEL)
        world.run(generation_id)
        assert world.row(generation_id)["status"] == "succeeded"
    states = {state["last_error"]: state for state in keys(deps).state()}
    if code in states:  # by chance the refused key may never have been the first choice
        assert states[code]["resting_until"] is not None
    assert {order["key"] for order in fal.told()["requests"]} == {KEYS[1][-4:]}
    assert not any(key in str(keys(deps).state()) + repr(deps.settings) for key in KEYS)


def test_a_second_attempt_resumes_what_the_first_ordered(world: World, fal: Fal, deps: Deps, user: User) -> None:
    """fal is out of reach in the middle; the request is paid for once."""
    generation_id = world.start(user, MODEL, prompt="[fal:slow=0.3]")
    world.run(generation_id, stopping=lambda: bool(fal.orders(generation_id)))
    assert world.row(generation_id)["status"] == "queued"
    world.let_retry_wait_pass(generation_id)
    world.run(generation_id)
    assert world.row(generation_id)["status"] == "succeeded"
    assert len(fal.orders(generation_id)) == 1


def test_a_picture_of_the_users_own_is_given_as_an_address(world: World, fal: Fal, deps: Deps, user: User) -> None:
    """Fal reads it by a signed address that holds for a while; the row keeps the path."""
    deps.storage.upload(f"{user.id}/cat.png", PICTURE, "image/png")
    path = f"images/{user.id}/cat.png"
    generation_id = world.start(user, "fal/upscale", prompt="my cat", image=path)
    world.run(generation_id)
    assert world.row(generation_id)["status"] == "succeeded", world.row(generation_id)
    (order,) = fal.orders(generation_id)
    assert set(order["input"]) == {"image_url"}
    assert httpx.get(order["input"]["image_url"]).content == PICTURE
    assert world.row(generation_id)["params"] == {"image": path}


def test_a_file_of_somebody_else_is_never_signed(world: World, deps: Deps, user: User) -> None:
    """The service key could read it, so it is checked here too, whatever the database let through."""
    other = world.new_user()
    deps.storage.upload(f"{other.id}/cat.png", PICTURE, "image/png")
    schema = {"properties": {"image": {"type": "string", "format": "storage-path"}}}
    for path in (
        f"images/{other.id}/cat.png",
        f"images/{user.id}/../{other.id}/cat.png",
        f"images/{user.id}//cat.png",
        f"avatars/{user.id}/cat.png",
        f"images/{user.id}",
        f"images/{user.id}/no-such.png",
    ):
        with pytest.raises(InvalidParams):
            with_addresses(deps.storage, {"params": {"image": path}, "params_schema": schema, "user_id": user.id})


def test_with_every_key_refused_the_hold_stays_and_it_is_said(
    world: World, fal: Fal, deps: Deps, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was ordered, so it is tried again; it runs once a key works."""
    monkeypatch.setattr(production, "PATIENCE", 0.2)
    fal.control(keys=dict.fromkeys(KEYS, 402))
    generation_id = world.start(user, MODEL)
    world.run(generation_id)
    row = world.row(generation_id)
    assert (row["status"], row["error_code"]) == ("queued", "provider_no_key")
    assert world.figures(user)[1] == row["credits_reserved"]
    assert fal.told()["accepted"] == 0
    fal.control(keys=dict.fromkeys(KEYS))
    world.deps.redis.flushall()  # as if the pauses were over
    world.let_retry_wait_pass(generation_id)
    world.run(generation_id)
    assert world.row(generation_id)["status"] == "succeeded"


def test_a_key_that_was_removed_is_no_error(world: World, fal: Fal, deps: Deps, user: User) -> None:
    """Its request can't be asked for any more, so another key orders anew."""
    generation_id = world.start(user, MODEL, prompt="[fal:slow=0.3]")
    world.run(generation_id, stopping=lambda: bool(fal.orders(generation_id)))
    world.let_retry_wait_pass(generation_id)
    changed = fal.environ | {"FAL_KEY_1": "fal-local-key-three", "FAL_KEY_2": ""}
    world.run(generation_id, deps=world.variant(**changed))
    assert world.row(generation_id)["status"] == "succeeded"
    assert len(fal.orders(generation_id)) == 2


@pytest.mark.parametrize(
    ("model", "start"), [("fal-ai/ltx-2.3/text-to-video/fast", b"ftyp"), ("fal-ai/kokoro/x", b"WAVE")]
)
def test_the_stand_in_makes_real_films_and_sounds(fal: Fal, deps: Deps, model: str, start: bytes) -> None:
    """Beginnings of files that players know; what is in them is looked at where outputs are checked."""
    provider = deps.providers["fal"]
    work = Work(str(uuid.uuid4()), 1, "fal/any", "some words", {"seconds": 6}, model)
    request_id = provider.submit(work)
    eventually(lambda: provider.poll(work, request_id).done)
    (data,) = provider.fetch(work, request_id).files
    assert start in data[:16]
    assert len(data) > 5000


def test_redis_commands_of_one_generation_are_few(world: World, fal: Fal, deps: Deps, user: User) -> None:
    """A key is taken and given back: two, however long it runs. With webhooks each pause is one more."""
    generation_id = world.start(user, MODEL)
    before = world.deps.redis.info("commandstats")
    world.run(generation_id)
    after = world.deps.redis.info("commandstats")
    spent = {name: row["calls"] - before.get(name, {"calls": 0})["calls"] for name, row in after.items()}
    assert spent["cmdstat_eval"] == 2
    assert spent.get("cmdstat_blpop", 0) == 0
