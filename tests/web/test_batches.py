"""Batches over HTTP: start, follow, cancel, retry, and the file with the results."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import httpx
import pytest
import rq

from backend import queue as queues
from backend.app import create_app
from backend.core import batches
from backend.errors import Unavailable
from tests.web.conftest import NOWHERE
from tests.web.person import Person
from tests.web.test_errors import check_shape
from tests.worker.scripted import PICTURE
from tests.worker.world import World

BATCHES = "/api/v1/batches"
Json = dict[str, Any]


def item(n: int = 0, **params: Any) -> Json:
    """One small picture."""
    return {"model": "local/picture", "prompt": f"fox {n}", "params": {"width": 64, "height": 64, **params}}


def post(person: Person, items: list[Any], *, key: str | None = None, **more: Any) -> Any:
    """Ask for a batch."""
    headers = {"Idempotency-Key": key} if key else {}
    return person.ask("POST", BATCHES, json={"items": items, **more}, headers=headers)


def started(person: Person, count: int, **more: Any) -> Json:
    """A batch that must be accepted."""
    answer = post(person, [item(n) for n in range(count)], **more)
    assert answer.status_code == 202, answer.text
    made: Json = answer.json
    return made


def jobs(world: World, queue: str = queues.LOW) -> list[str]:
    """What waits for workers in a queue."""
    return rq.Queue(queue, connection=world.deps.redis).job_ids


def test_a_batch_starts_with_its_price_held_and_its_first_items_before_the_workers(alice: Person, world: World) -> None:
    """202, where to follow it, the key that names it; four jobs of six, and none among the single pictures."""
    answer = post(alice, [item(n) for n in range(6)])
    made = answer.json
    assert (answer.status_code, made["status"], made["size"]) == (202, "open", 6)
    assert answer.headers["Idempotency-Key"]
    assert made["credits"] == {"reserved": 24, "charged": 0} and alice.available() == 1
    assert alice.get(answer.headers["Location"]).json == made
    first = [one["generation_id"] for one in made["items"]["data"][:4]]
    assert jobs(world) == [f"gen-{generation_id}-0" for generation_id in first]
    assert jobs(world, queues.DEFAULT) == []
    assert alice.get(f"/api/v1/generations/{first[0]}").json["batch_id"] == made["id"]


def test_one_key_is_one_batch(alice: Person, world: World) -> None:
    """And a repeat does not lengthen the line."""
    made = [started(alice, 3, key="k")["id"] for _ in range(2)]
    assert made[0] == made[1] and len(jobs(world)) == 3
    check_shape(post(alice, [item()], key="k"), 409, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("wrong", "status", "code", "field"),
    [
        (item() | {"prompt": ""}, 422, "invalid_params", "items.1.prompt"),
        (item() | {"prompt": "\0"}, 422, "invalid_params", "items.1.prompt"),
        (item() | {"prompt": "x" * 2001}, 422, "invalid_params", "items.1.prompt"),
        (item() | {"model": "no/such"}, 404, "model_not_found", "items.1.model"),
        (item(width=65), 422, "invalid_params", "items.1.params.width"),
        (item() | {"model": "fal/flux-schnell"}, 503, "provider_not_configured", "items.1.model"),
        (item(smuggled=1), 422, "invalid_params", "items.1.params.smuggled"),
        (item() | {"index": 7}, 422, "invalid_params", "items.1.index"),
        ("x", 422, "invalid_params", "items.1"),
    ],
)
def test_a_wrong_item_is_named(alice: Person, wrong: Any, status: int, code: str, field: str) -> None:
    """Whoever finds it, the request's shape, the model's schema or the database."""
    error = check_shape(post(alice, [item(), wrong]), status, code)
    assert error["details"]["field"] == field
    assert alice.available() == 25


def test_all_wrong_items_of_a_malformed_request_are_named(alice: Person) -> None:
    """A client mends them in one go."""
    error = check_shape(post(alice, [item(), {}, item() | {"prompt": 7}]), 422, "invalid_params")
    fields = [problem["field"] for problem in error["details"]["problems"]]
    assert fields == ["items.1.model", "items.1.prompt", "items.2.prompt"]


def test_originals_are_put_into_ones_own_folder_and_made_from_there(world: World) -> None:
    """With the user's own token, straight to storage; nobody else's folder takes a file or gives one to a model."""
    app = create_app(deps=world.variant(FAL_KEY_1="key-number-one", FAL_QUEUE_URL=f"{NOWHERE}/fal"))
    alice, bob = (Person(app, world.new_user()) for _ in range(2))

    def put(person: Person, path: str, kind: str = "image/png") -> int:
        headers = {"Authorization": f"Bearer {person.user.token}", "apikey": world.keys.publishable_key}
        url = f"{world.supabase.url}/storage/v1/object/{path}"
        return httpx.post(url, content=PICTURE, headers={**headers, "Content-Type": kind}).status_code

    hers, his = (f"batch-originals/{one.id}/cat.png" for one in (alice, bob))
    assert (put(alice, hers), put(bob, his)) == (200, 200)
    assert put(alice, f"batch-originals/{bob.id}/dog.png") >= 400
    assert put(alice, f"batch-originals/{alice.id}/page.html", "text/html") >= 400
    good, bad = ({"model": "fal/upscale", "prompt": "larger", "params": {"image": path}} for path in (hers, his))
    error = check_shape(post(alice, [good, bad]), 422, "invalid_params")
    assert error["details"]["field"] == "items.1.params.image"
    assert post(alice, [good, good]).json["credits"]["reserved"] == 4


def test_what_is_not_afforded_is_refused_or_told(alice: Person) -> None:
    """All or nothing; partial: as many as there are credits for."""
    wished = [item(n) for n in range(8)]
    error = check_shape(post(alice, wished), 402, "insufficient_credits")
    assert (error["details"]["required"], error["details"]["available"]) == (32, 25)
    made = post(alice, wished, partial=True).json
    assert [one["index"] for one in made["refused"]] == [6, 7]
    assert made["counts"] | {"queued": 6, "refused": 2} == made["counts"]
    check_shape(post(alice, [item()] * 2, partial=True), 402, "insufficient_credits")


def test_500_long_prompts_fit_and_2_megabytes_do_not(alice: Person) -> None:
    """The limit of other routes would refuse an ordinary batch."""
    long = [item(n) | {"prompt": "word " * 300} for n in range(500)]
    check_shape(post(alice, long), 402, "insufficient_credits")
    check_shape(post(alice, [*long, item()]), 422, "invalid_params")
    check_shape(post(alice, [item() | {"prompt": "x" * 5000} for _ in range(500)]), 413, "payload_too_large")


def test_pages(alice: Person) -> None:
    """Batches newest first, items by index."""
    made = [started(alice, count)["id"] for count in (3, 1, 1)]
    page = alice.get(f"{BATCHES}?limit=2").json
    assert ([one["id"] for one in page["data"]], page["has_more"]) == (made[:0:-1], True)
    assert "items" not in page["data"][0]
    assert [one["id"] for one in alice.get(f"{BATCHES}?before={made[1]}").json["data"]] == made[:1]
    items = alice.get(f"{BATCHES}/{made[0]}?after=0&limit=1").json["items"]
    assert ([one["index"] for one in items["data"]], items["has_more"]) == ([1], True)
    for wrong in ("limit=0", "after=-1", "limit=x", "page=2"):
        check_shape(alice.get(f"{BATCHES}/{made[0]}?{wrong}"), 422, "invalid_params")


def test_another_users_batch_is_not_found(alice: Person, bob: Person) -> None:
    """Whatever he tries with it."""
    made = f"{BATCHES}/{started(alice, 1)['id']}"
    check_shape(bob.get(made), 404, "batch_not_found")
    for verb in ("cancel", "retry", "archive"):
        check_shape(bob.ask("POST", f"{made}/{verb}"), 404, "batch_not_found")
    assert bob.get(BATCHES).json["data"] == []
    check_shape(alice.get(f"{BATCHES}/no-uuid"), 422, "invalid_params")


def test_cancel_the_rest_and_retry_the_failed(alice: Person, world: World) -> None:
    """Two run, of which one fails; the rest is canceled; the failed one is made again."""
    made = post(alice, [item(0), {"model": "local/always-fails", "prompt": "x", "params": {}}, item(2), item(3)]).json
    address = f"{BATCHES}/{made['id']}"
    for one in made["items"]["data"][:2]:
        for _ in range(3):
            world.run(one["generation_id"])
    canceled = alice.ask("POST", f"{address}/cancel").json
    assert canceled["counts"] | {"succeeded": 1, "failed": 1, "canceled": 2} == canceled["counts"]
    assert canceled["status"] == "finished" and alice.available() == 21
    error = alice.get(address).json["items"]["data"][1]["error"]
    assert error["code"] == "provider_failed" and error["message"]

    world.deps.redis.flushall()
    answers = [alice.ask("POST", f"{address}/retry", headers={"Idempotency-Key": "again"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert [answer.json["counts"]["queued"] for answer in answers] == [1, 1]
    assert len(jobs(world)) == 1 and alice.available() == 16


def test_the_results_come_as_one_file(alice: Person, world: World) -> None:
    """Asked for, built by a worker, fetched by its owner; with every picture under its place in the batch."""
    made = post(alice, [item(0), item(1, num_images=2), item(2)]).json
    address = f"{BATCHES}/{made['id']}"
    check_shape(alice.ask("POST", f"{address}/archive"), 409, "invalid_state")
    for one in made["items"]["data"][:2]:
        world.run(one["generation_id"])
    outputs = [one["outputs"] for one in alice.get(address).json["items"]["data"]]
    assert [len(one) for one in outputs] == [1, 2, 0]
    assert httpx.get(outputs[1][0]["url"]).content.startswith(b"\x89PNG")
    asked = alice.ask("POST", f"{address}/archive")
    assert (asked.status_code, asked.json["archive"]["status"], asked.json["archive"]["url"]) == (202, "building", None)
    assert alice.ask("POST", f"{address}/archive").json["archive"]["status"] == "building"
    assert jobs(world).count(f"zip-{made['id']}") == 1, "asked for twice, packed once"
    batches.build_archive(world.deps, made["id"])
    archive = alice.get(address).json["archive"]
    assert (archive["status"], archive["items"], archive["path"]) == (
        "ready", 2, f"{alice.user.id}/batches/{made['id']}/2.zip",
    )  # fmt: skip
    data = httpx.get(archive["url"]).content
    assert len(data) == archive["bytes"]
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert file.namelist() == ["000-0.png", "001-0.png", "001-1.png"]
        assert file.testzip() is None and file.read("000-0.png").startswith(b"\x89PNG")

    assert alice.ask("POST", f"{address}/archive").json["archive"]["status"] == "ready", "it holds it all"
    world.run(made["items"]["data"][2]["generation_id"])
    assert alice.ask("POST", f"{address}/archive").json["archive"]["status"] == "building", "there is more now"
    batches.build_archive(world.deps, made["id"])
    assert alice.get(f"{BATCHES}").json["data"][0]["archive"]["items"] == 3
    assert httpx.get(archive["url"]).status_code == 400, "the smaller one is not kept"


def test_without_the_queue_an_archive_is_refused_for_now(alice: Person, world: World) -> None:
    """Nobody would find that it was asked for; asking again is the way."""
    made = started(alice, 1)
    world.run(made["items"]["data"][0]["generation_id"])
    lost = world.variant(REDIS_URL="redis://127.0.0.1:9/0")
    with pytest.raises(Unavailable):
        batches.ask_for_archive(lost, alice.user.caller, batch_id=made["id"])
    assert alice.ask("POST", f"{BATCHES}/{made['id']}/archive").status_code == 202
    assert f"zip-{made['id']}" in jobs(world)
