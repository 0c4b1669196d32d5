"""What a storm does to a stack: each kind of blow by its name, dealt in a seeded order."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import redis

from scripts.local import watchdog
from scripts.local.supervisor import Service
from scripts.storms.stack import STORM_SETTINGS, StormStack

# Seconds between two blows: every kind early on, so that a short storm has them all; then time to recover in between.
SWIFT = (0.2, 1.2)
STEADY = (2.0, 8.0)
FROZEN_SECONDS = float(STORM_SETTINGS["WORKER_LEASE_SECONDS"]) + 1.5


class Blows:
    """Deals one blow after the other, each kind once before any comes again."""

    def __init__(self, stack: StormStack, seed: str) -> None:
        self.dealt: Counter[str] = Counter()
        self._stack = stack
        self._random = random.Random(seed)  # noqa: S311 - a storm is to be repeatable
        self._deck: list[str] = []
        self._due_at = 0.0
        self._frozen: list[tuple[float, int]] = []

    @property
    def all_dealt(self) -> bool:
        """Whether each kind has struck."""
        return len(self.dealt) == len(KINDS)

    def look(self) -> None:
        """Deal the next blow when its time has come, and wake up what was frozen long enough."""
        self._thaw(time.monotonic())
        if time.monotonic() < self._due_at:
            return
        self._deck = self._deck or self._random.sample(sorted(KINDS), len(KINDS))
        for kind in self._deck:
            if KINDS[kind](self):  # False: nothing there to strike just now, so the next one
                self.dealt[kind] += 1
                self._deck.remove(kind)
                break
        self._due_at = time.monotonic() + self._random.uniform(*(STEADY if self.all_dealt else SWIFT))

    def cease(self) -> None:
        """The storm is over."""
        self._thaw(float("inf"))

    def _thaw(self, now: float) -> None:
        for due_at, pid in [entry for entry in self._frozen if entry[0] <= now]:
            _send(pid, signal.SIGCONT)
            self._frozen.remove((due_at, pid))

    def _busy(self) -> tuple[Service, int] | None:
        """A worker and its work horse."""
        pairs = [
            (worker, pid)
            for worker in self._stack.workers()
            for pid in watchdog.session_members(worker.child.pid)
            if pid != worker.child.pid
        ]
        return self._random.choice(pairs) if pairs else None

    def kill_worker(self) -> bool:
        """The worker alone: its horse is an orphan that must notice, while another worker starts beside it."""
        found = self._busy()
        if found:
            worker = found[0]
            _send(worker.child.pid, signal.SIGKILL)
            worker.child.process.wait()
            worker.child = worker.launch()
        return found is not None

    def kill_horse(self) -> bool:
        """The process that does the work."""
        found = self._busy()
        return found is not None and _send(found[1], signal.SIGKILL)

    def kill_both(self) -> bool:
        """As when a machine is gone."""
        found = self._busy()
        if found:
            found[0].child.kill()
        return found is not None

    def freeze_horse(self) -> bool:
        """It stands still until its lease is over and somebody else has begun, and then goes on."""
        found = self._busy()
        if found is None or any(pid == found[1] for _, pid in self._frozen):
            return False
        self._frozen.append((time.monotonic() + FROZEN_SECONDS, found[1]))
        return _send(found[1], signal.SIGSTOP)

    def kill_redis(self) -> bool:
        """A crash; half of the time its disk is lost too."""
        self._stack.valkey.kill()
        if self._random.random() < 0.5:
            shutil.rmtree(self._stack.places.valkey / "appendonlydir", ignore_errors=True)
        return True

    def flush_redis(self) -> bool:
        """Everything that it held is gone, and it answers as if nothing had happened."""
        with suppress(redis.RedisError), redis.Redis.from_url(self._stack.valkey.url, socket_timeout=2) as client:
            return bool(client.flushall())
        return False

    def stop_postgres(self) -> bool:
        """Immediate mode: no goodbye to anybody, recovery at the next start."""
        child = self._stack.postgres.child
        _send(child.pid, signal.SIGQUIT)
        child.process.wait()
        return True

    def kill_scheduler(self) -> bool:
        """The leader, with its lock in Redis still set."""
        return _send(self._stack.service("scheduler").child.pid, signal.SIGKILL)

    def kill_web(self) -> bool:
        """One of its processes, or all of them."""
        master = self._stack.service("web").child
        processes = [pid for pid in watchdog.session_members(master.pid) if pid != master.pid]
        if processes and self._random.random() < 0.5:
            return _send(self._random.choice(processes), signal.SIGKILL)
        master.kill()
        return True

    def kill_platform(self) -> bool:
        """REST, Auth and Storage at once."""
        self._stack.service("supabase").child.kill()
        return True


KINDS: dict[str, Callable[[Blows], bool]] = {
    "worker killed, its horse orphaned": Blows.kill_worker,
    "work horse killed": Blows.kill_horse,
    "worker and horse killed": Blows.kill_both,
    "work horse frozen past its lease": Blows.freeze_horse,
    "Redis killed and restarted": Blows.kill_redis,
    "Redis flushed": Blows.flush_redis,
    "PostgreSQL stopped (immediate)": Blows.stop_postgres,
    "scheduler killed": Blows.kill_scheduler,
    "web killed": Blows.kill_web,
    "platform (REST, Storage) killed": Blows.kill_platform,
}


def _send(pid: int, number: signal.Signals) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True
