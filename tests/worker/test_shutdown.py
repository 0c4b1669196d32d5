"""A soft shutdown under load: twenty workers, each with a generation in its hands, are told to stop at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from backend.core import generations
from tests.patience import LONG, within
from tests.worker.world import ROOT, Process, World, eventually

# Twenty workers without twenty times the imports. Each is what `python -m backend.worker` runs.
NURSERY = """
import os, sys
from backend.worker.__main__ import main
workers = []
for _ in range(int(sys.argv[1])):
    pid = os.fork()
    if pid == 0:
        main()
        os._exit(0)
    workers.append(pid)
print("\\nworkers", *workers, flush=True)
sys.exit(sum(os.waitpid(pid, 0)[1] != 0 for pid in workers))
"""
WORKERS = 20


@contextmanager
def nursery(world: World, count: int, **environ: str) -> Iterator[tuple[Process, list[int]]]:
    """Run many workers; yields their parent, whose exit code counts those that ended badly, and their pids."""
    log = world.log_dir / f"nursery-{count}.log"
    with log.open("wb") as file:
        command = [sys.executable, "-c", NURSERY, str(count)]
        env = {"PATH": os.environ["PATH"]} | world.environ | environ
        child = subprocess.Popen(command, cwd=ROOT, env=env, stdout=file, stderr=file)
    parent = Process(child, log)
    pids: list[int] = []
    try:
        eventually(lambda: parent.lines().count('"worker_started"') == count, why=parent.lines)
        told = next(line for line in parent.lines().splitlines() if line.startswith("workers "))
        pids = [int(pid) for pid in told.split()[1:]]
        yield parent, pids
    finally:
        for pid in [] if child.poll() is not None else [*pids, child.pid]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        child.wait(LONG)


def test_a_soft_shutdown_loses_and_doubles_nothing(world: World) -> None:
    """Regression: H2. What fits into the grace is finished, the rest handed back and finished by other workers."""
    users = [world.new_user() for _ in range(WORKERS)]
    seconds = [2 if number % 2 else 60 for number in range(WORKERS)]
    for user in users:
        world.sql.grant(uuid.UUID(user.id), 75)
    grace = str(min(within(4), 12))
    with nursery(world, WORKERS, WORKER_GRACE_SECONDS=grace, WORKER_LEASE_SECONDS="60") as (parent, workers):
        started = [world.start(user, "local/slow", seconds=long) for user, long in zip(users, seconds, strict=True)]
        eventually(
            lambda: all(world.row(one)["provider_request_id"] for one in started),
            why=lambda: str(Counter(world.row(one)["status"] for one in started)),
        )
        for pid in workers:
            os.kill(pid, signal.SIGTERM)
        assert parent.child.wait(LONG) == 0, parent.lines()
    rows = [world.row(one) for one in started]
    assert Counter(row["status"] for row in rows) == {"succeeded": 10, "queued": 10}
    assert {(row["attempt"], row["failures"]) for row in rows} == {(1, 0)}
    for one in started:
        world.let_slow_work_end(one)
    ordered = {world.row(one)["provider_request_id"] for one in started}
    with nursery(world, 4):
        generations.dispatch(world.deps)
        for one, user, price in zip(started, users, seconds, strict=True):
            assert world.becomes(one, "succeeded", "failed")["status"] == "succeeded"
            assert world.ledger(user) == [("grant", 25), ("grant", 75), ("usage", -price)]
            assert world.figures(user) == (100 - price, 0, 100 - price)
    assert {world.row(one)["provider_request_id"] for one in started} == ordered
