"""Batches with real workers: fair to others, whole through crashes, and packed into one file."""

from __future__ import annotations

import io
import uuid
import zipfile
from pathlib import Path
from typing import Any

import pytest
import rq

from backend import queue as queues
from backend.core import batches, generations
from backend.deps import Deps
from backend.rpc import batches as rpc
from backend.rpc import generations as rpc_generations
from tests.patience import eventually
from tests.sql.batching import items, sound
from tests.worker.world import User, World

Json = dict[str, Any]
# One time for all, as after a start: the order of the line is not that in which rows happen to be found.
DUE = """
update public.generations set dispatch_at = (select private.clock()) where batch_id = %s and dispatch_at < 'infinity'
"""


def start(world: World, user: User, count: int, *, deps: Deps | None = None, **params: Any) -> Json:
    """Start a batch as the API does."""
    small = items(count, width=64, height=64, **params)
    return batches.start(
        deps or world.deps, user.caller, items=small, key=uuid.uuid4().hex, partial=False, request_id=None
    )


def rich(world: World, credits: int) -> User:
    """Somebody with so many credits."""
    user = world.new_user()
    world.sql.grant(uuid.UUID(user.id), credits - 25)
    return user


def seen(user: User, made: Json) -> Json:
    """The batch as it is now."""
    return rpc.get_batch(user.caller, batch_id=made["id"])


def told(world: World, made: Json) -> list[int]:
    """Which items of a batch are before the workers, in the order of the line."""
    places = {f"gen-{item['generation_id']}": item["index"] for item in made["items"]["data"]}
    jobs = rq.Queue(queues.LOW, connection=world.deps.redis).job_ids
    return [places[job.rpartition("-")[0]] for job in jobs if job.rpartition("-")[0] in places]


def test_a_batch_of_500_lets_another_users_picture_go_first(world: World) -> None:
    """One worker, busy with Alice's batch: Bob's single picture starts after the item in hand, at most one more."""
    alice, bob = rich(world, 2000), world.new_user()
    made = start(world, alice, 500)
    assert told(world, made) == [0, 1, 2, 3]
    worker = world.spawn_worker()
    eventually(lambda: seen(alice, made)["counts"]["succeeded"] >= 2, why=worker.lines)
    asked = world.start(bob, width=64, height=64)
    told_at = world.sql.one("select private.clock()")
    single = world.becomes(asked, "succeeded")
    between = world.sql.one(
        "select count(*) from public.generations where batch_id = %s and started_at between %s and %s",
        made["id"], told_at, single["started_at"],
    )  # fmt: skip
    assert between <= 1
    assert seen(alice, made)["counts"]["queued"] > 400, "the batch was still going on"
    rpc.cancel_batch(alice.caller, batch_id=made["id"])
    eventually(lambda: seen(alice, made)["status"] == "finished", why=worker.lines)
    counts = seen(alice, made)["counts"]
    assert counts["canceled"] + counts["succeeded"] == 500
    batches.ask_for_archive(world.deps, alice.caller, batch_id=made["id"])
    eventually(lambda: seen(alice, made)["archive"]["status"] == "ready", why=worker.lines)
    assert seen(alice, made)["archive"]["items"] == counts["succeeded"]
    assert world.figures(alice) == (2000 - 4 * counts["succeeded"], 0, 2000 - 4 * counts["succeeded"])
    assert sound(world.sql)


def test_a_batch_goes_on_when_a_worker_dies_over_it(world: World) -> None:
    """Its item is queued again on the same hold and slot; hints are lost with Redis, and every item is paid once."""
    alice = rich(world, 40)
    made = start(world, alice, 6)
    dead = made["items"]["data"][0]["generation_id"]
    rpc_generations.claim_generation(world.deps.rpc.as_service(), generation_id=dead, worker="dead")
    world.deps.redis.flushall()
    world.let_lease_run_out(dead)
    for _ in range(3):
        world.connection.execute(DUE, [made["id"]])
        generations.dispatch(world.deps)
        for index in told(world, made):
            world.run(made["items"]["data"][index]["generation_id"])
        world.deps.redis.flushall()
    assert seen(alice, made)["counts"]["succeeded"] == 6
    assert world.row(dead)["attempt"] == 2
    assert world.figures(alice) == (16, 0, 16)
    assert sound(world.sql)


def test_a_crash_between_commit_and_hint_delays_a_batch_and_loses_nothing(world: World) -> None:
    """Nobody was told of anything: the dispatcher finds the first, and whoever ends tells of the next."""
    alice = rich(world, 40)
    made = start(world, alice, 5, deps=world.variant(REDIS_URL="redis://127.0.0.1:9/0"))
    assert told(world, made) == []
    world.connection.execute(DUE, [made["id"]])
    generations.dispatch(world.deps)
    assert told(world, made) == [0, 1, 2, 3]
    world.run(made["items"]["data"][0]["generation_id"])
    assert told(world, made) == [0, 1, 2, 3, 4]


def test_a_death_right_after_an_item_is_done_keeps_no_slot(world: World) -> None:
    """The next got its slot in the same transaction; only the hint died with it, and the dispatcher gives one."""
    alice = rich(world, 40)
    made = start(world, alice, 5)
    data, service = made["items"]["data"], world.deps.rpc.as_service()
    claim = rpc_generations.claim_generation(service, generation_id=data[0]["generation_id"], worker="dead")
    assert claim is not None
    done = {"generation_id": claim["id"], "attempt": claim["attempt"], "outputs": []}
    (following,) = rpc_generations.complete_generation(service, **done)["next"]
    assert following["id"] == data[4]["generation_id"]
    assert told(world, made) == [0, 1, 2, 3]
    world.connection.execute(DUE, [made["id"]])
    generations.dispatch(world.deps)
    assert told(world, made) == [0, 1, 2, 3, 4]
    assert not seen(alice, made)["items"]["data"][4]["waiting"]


def finished(world: World, count: int = 3) -> tuple[User, Json]:
    """A batch that is done."""
    alice = rich(world, 40)
    made = start(world, alice, count)
    for one in made["items"]["data"]:
        world.run(one["generation_id"])
    return alice, made


def test_an_archive_that_could_not_be_stored_is_built_when_asked_again(world: World) -> None:
    """It says why; nobody has to know that a worker died over it."""
    alice, made = finished(world)
    batches.ask_for_archive(world.deps, alice.caller, batch_id=made["id"])
    with world.supabase.outage("/storage/v1/"):
        batches.build_archive(world.deps, made["id"])
    archive = seen(alice, made)["archive"]
    assert (archive["status"], archive["error"], archive["path"]) == ("failed", "unavailable", None)
    batches.build_archive(world.deps, made["id"])
    assert seen(alice, made)["archive"]["status"] == "failed", "nobody asked"
    batches.ask_for_archive(world.deps, alice.caller, batch_id=made["id"])
    batches.build_archive(world.deps, made["id"])
    assert seen(alice, made)["archive"]["status"] == "ready"


@pytest.mark.parametrize("dies_in", ["download", "upload_archive"])
def test_a_worker_that_dies_over_an_archive_leaves_it_to_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch, dies_in: str
) -> None:
    """Asked for again it is told again, also while the dead job's record is still in Redis."""
    alice, made = finished(world)
    batches.ask_for_archive(world.deps, alice.caller, batch_id=made["id"])

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(world.deps.storage, dies_in, die)
        batches.build_archive(world.deps, made["id"])
    world.deps.redis.lpop(rq.Queue(queues.LOW, connection=world.deps.redis).key, 100)
    assert seen(alice, made)["archive"]["status"] == "building"
    batches.ask_for_archive(world.deps, alice.caller, batch_id=made["id"])
    assert f"zip-{made['id']}" in rq.Queue(queues.LOW, connection=world.deps.redis).job_ids
    batches.build_archive(world.deps, made["id"])
    assert seen(alice, made)["archive"]["status"] == "ready"


def test_a_worker_that_is_stopped_hands_its_archive_to_the_next(world: World) -> None:
    """Its owner notices nothing: it is still being built, and waits for a worker."""
    alice, made = finished(world)
    batches.ask_for_archive(world.deps, alice.caller, batch_id=made["id"])
    world.deps.redis.flushall()
    due = iter([False, False, True])
    batches.build_archive(world.deps, made["id"], stopping=lambda: next(due))
    assert seen(alice, made)["archive"]["status"] == "building"
    assert rq.Queue(queues.LOW, connection=world.deps.redis).job_ids == [f"zip-{made['id']}"]
    world.spawn_worker()
    eventually(lambda: seen(alice, made)["archive"]["status"] == "ready")


def test_of_two_archives_at_once_the_fuller_one_stays(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The slower worker packed fewer results: what it stores late replaces nothing, and is not left lying about."""
    alice = rich(world, 40)
    made = start(world, alice, 3)
    data = made["items"]["data"]
    world.run(data[0]["generation_id"])
    batches.ask_for_archive(world.deps, alice.caller, batch_id=made["id"])
    stored, upload = [], world.deps.storage.upload_archive

    def overtaken(path: str, file: Path) -> None:
        if not stored:
            stored.append(path)
            world.run(data[1]["generation_id"])
            batches.ask_for_archive(world.deps, alice.caller, batch_id=made["id"])
            batches.build_archive(world.deps, made["id"])
        upload(path, file)

    with monkeypatch.context() as patch:
        patch.setattr(world.deps.storage, "upload_archive", overtaken)
        batches.build_archive(world.deps, made["id"])
    archive = seen(alice, made)["archive"]
    assert (archive["status"], archive["items"]) == ("ready", 2)
    packed = world.deps.storage.download(archive["path"])
    assert packed is not None and len(packed) == archive["bytes"]
    with zipfile.ZipFile(io.BytesIO(packed)) as file:
        assert len(file.namelist()) == 2
    assert world.deps.storage.download(stored[0]) is None


def test_an_archive_that_storage_finds_too_large_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """So its owner knows that asking again does not help."""
    alice, made = finished(world, 1)
    batches.ask_for_archive(world.deps, alice.caller, batch_id=made["id"])
    world.connection.execute("update storage.buckets set file_size_limit = 99 where id = 'images'")
    try:
        batches.build_archive(world.deps, made["id"])
    finally:
        world.connection.execute("update storage.buckets set file_size_limit = null where id = 'images'")
    archive = seen(alice, made)["archive"]
    assert (archive["status"], archive["error"]) == ("failed", "payload_too_large")


def test_an_output_that_is_gone_is_left_out(world: World) -> None:
    """Its owner may have deleted it; the others are worth having."""
    alice, made = finished(world)
    path = world.row(made["items"]["data"][1]["generation_id"])["outputs"][0]["path"]
    world.connection.execute("select set_config('storage.allow_delete_query', 'true', false)")
    world.connection.execute("delete from storage.objects where name = %s", [path])
    batches.ask_for_archive(world.deps, alice.caller, batch_id=made["id"])
    batches.build_archive(world.deps, made["id"])
    assert seen(alice, made)["archive"]["status"] == "ready"
