"""The calm before a storm, with the settings of production: what a generation waits, and what it asks of Redis."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from scripts.storms.meter import Lap, RedisMeter
from scripts.storms.stack import StormStack
from scripts.storms.users import User

MOST_SHOWN = 8
REST_SECONDS = 2  # a worker still puts its job away when the generation has ended; that is no idling


def one_after_the_other(users: list[User], count: int, wait: Callable[[], None]) -> int:
    """Ask for up to so many single generations, each after the one before has ended; returns how many they were."""
    done = 0
    for number in range(count):
        user = users[number % len(users)]
        if user.wishes and user.wishes[0].path == "/generations":
            wish = user.wishes.pop(0)
            wish.regretted = False
            user.asked.append(wish)
            user.wish(wish)
            wait()
            done += 1
    return done


def measure(stack: StormStack, work: Callable[[], int], idle_seconds: float, say: Callable[[str], None]) -> Any:
    """Return the commands to Redis per job and per idle minute, while `work` runs jobs and while nothing happens."""
    meter = RedisMeter(stack.valkey.url)
    say("calm: single generations, one after the other")
    jobs = max(1, work())
    time.sleep(REST_SECONDS)
    busy = meter.lap()
    say(f"idle: counting what asks Redis for {idle_seconds:g} s")
    time.sleep(idle_seconds)
    idle = meter.lap()
    meter.stop()
    return _per_job(busy, idle, jobs) | _per_minute(idle, len(stack.worker_names))


def _per_job(busy: Lap, idle: Lap, jobs: int) -> dict[str, Any]:
    """What is asked while idling is taken off."""
    share = busy.seconds / idle.seconds
    sent = {name: (count - idle.sent[name] * share) / jobs for name, count in busy.sent.items()}
    most = sorted(sent.items(), key=lambda entry: -entry[1])[:MOST_SHOWN]
    return {
        "Redis commands per job": {
            "sent": round(sum(sent.values()), 1),
            "run inside scripts": round((busy.in_scripts - idle.in_scripts * share) / jobs, 1),
        },
        "most of those sent": {name: round(count, 1) for name, count in most},
    }


def _per_minute(idle: Lap, workers: int) -> dict[str, Any]:
    minute = 60 / idle.seconds
    return {
        "Redis commands per idle minute": {
            "one worker": round(idle.workers * minute / workers, 1),
            "scheduler": round((idle.sent.total() - idle.workers) * minute, 1),
        }
    }
