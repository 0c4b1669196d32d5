"""A deploy: workers of this version beside workers of the one before, on the database of this version."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from backend.core import generations
from tests.worker.test_processes import horse_of
from tests.worker.world import ROOT, World, eventually

# The last version before workers reported to the database and users had slots.
BEFORE = "ed1e2b9"


@pytest.fixture(scope="module")
def old_tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The code of the version before, from the history of this checkout."""
    if shutil.which("git") is None:
        pytest.skip("NOT TESTED: two versions side by side, for want of git")
    archive = subprocess.run(["git", "archive", BEFORE, "backend"], cwd=ROOT, capture_output=True)
    if archive.returncode:
        reason = archive.stderr.decode().strip()
        pytest.skip(f"NOT TESTED: two versions side by side, as this checkout has no commit {BEFORE} ({reason})")
    tree = tmp_path_factory.mktemp("before")
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as tar:
        tar.extractall(tree, filter="data")
    yield tree


def test_old_and_new_workers_settle_the_same_queue(world: World, old_tree: Path) -> None:
    """Successes, failures and retries, each charged once or not at all, whichever version took which attempt."""
    old, new = world.spawn_worker(tree=old_tree), world.spawn_worker()
    old.says("worker_started")
    new.says("worker_started")
    scheduler = world.spawn_scheduler(tree=old_tree)
    users = [world.new_user() for _ in range(4)]
    wanted: list[tuple[str, dict[str, int]]] = [
        ("local/picture", {"width": 64, "height": 64}),
        ("local/flaky", {"fail_times": 1}),
        ("local/always-fails", {}),
    ]
    started = [(user, world.start(user, model, **params)) for user in users for model, params in wanted]
    rows = {one: world.becomes(one, "succeeded", "failed") for _, one in started}
    assert Counter((row["model_id"], row["status"]) for row in rows.values()) == {
        ("local/picture", "succeeded"): 4,
        ("local/flaky", "succeeded"): 4,
        ("local/always-fails", "failed"): 4,
    }
    for user in users:
        assert world.figures(user) == (19, 0, 19)
        assert sorted(world.ledger(user)) == [("grant", 25), ("usage", -4), ("usage", -2)]
    for worker in (old, new):
        assert "generation_settled" in worker.lines()
        assert worker.end() == 0
    assert "periodic_failing" not in scheduler.lines()
    assert scheduler.end() == 0


@pytest.mark.parametrize("first", ["old", "new"])
def test_one_version_goes_on_with_what_the_other_began(world: World, old_tree: Path, first: str) -> None:
    """Regression: J2. A worker told to stop hands back, and the other version resumes the same request."""
    begins, goes_on = (old_tree, ROOT) if first == "old" else (ROOT, old_tree)
    worker, user = world.spawn_worker(tree=begins, WORKER_GRACE_SECONDS="0"), world.new_user()
    generation_id = world.start(user, "local/slow", seconds=2)
    horse_of(world, generation_id)
    eventually(lambda: world.row(generation_id)["provider_request_id"])
    request_id = world.row(generation_id)["provider_request_id"]
    assert worker.end() == 0
    assert world.row(generation_id)["status"] == "queued"
    world.spawn_worker(tree=goes_on)
    generations.dispatch(world.deps)
    row = world.becomes(generation_id, "succeeded", "failed")
    assert (row["status"], row["attempt"], row["provider_request_id"]) == ("succeeded", 2, request_id)
    assert world.ledger(user) == [("grant", 25), ("usage", -2)]
