#!/usr/bin/env python3
"""Is the Scrip process of this container alive? Exit code 0 or 1: the HEALTHCHECK of the image, whatever it runs.

A part that is away (Redis, Supabase) is no reason to kill a process that waits for it: that is what /ready says.
"""

from __future__ import annotations

import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from redis import Redis
from redis.exceptions import RedisError
from rq import Worker

from backend.config import Settings, load_settings
from backend.queue import connect
from backend.worker.schedule import LOCK

COMMANDS = {"gunicorn": "web", "backend.worker": "worker", "backend.worker.schedule": "scheduler"}


def kind_of(commands: Iterable[Sequence[str]]) -> str | None:
    """Return what runs among these command lines: web, worker or scheduler."""
    found = (COMMANDS.get(Path(word).name) for command in commands for word in command)
    return next((kind for kind in found if kind), None)


def running_commands() -> Iterable[list[str]]:
    """Yield the command line of every process that we can see; in a container that is one kind."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield file.read_text(errors="replace").split("\0")
        except OSError:
            continue  # it ended meanwhile


def is_alive(kind: str | None, settings: Settings) -> bool:
    """Tell whether that process shows life."""
    if kind == "web":
        return answers(f"http://127.0.0.1:{settings.port}/health")
    try:
        redis = connect(settings.redis_url, seconds=3.0)
        return is_working(redis) if kind == "worker" else kind == "scheduler" and bool(redis.exists(LOCK))
    except RedisError:
        return kind is not None  # it waits for Redis, as it should


def answers(url: str) -> bool:
    """Tell whether a GET is answered with 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - a constant scheme
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def is_working(redis: Redis) -> bool:
    """Tell whether a worker of this host has shown life lately: one that is silent for 75 seconds is forgotten."""
    return any(worker.hostname == socket.gethostname() for worker in Worker.all(connection=redis))


def main(arguments: Sequence[str]) -> int:
    """Check the process named, or the one that is found."""
    kind = arguments[0] if arguments else kind_of(running_commands())
    alive = is_alive(kind, load_settings())
    print(f"{kind or 'no process of Scrip'}: {'alive' if alive else 'no sign of life'}")
    return 0 if alive else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
