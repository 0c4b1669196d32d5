"""A whole Scrip to be measured: the stack of scripts/start in a folder that vanishes, and what its processes use."""

from __future__ import annotations

import os
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg

from scripts.benchmarks.ground import CannotMeasure, Tell
from scripts.local.places import Places
from scripts.local.ports import choose_any
from scripts.local.processes import Child
from scripts.local.stack import Stack
from scripts.local.supabase.tokens import Tokens
from scripts.storms.stack import NO_LIMITS, throw_away_places

CREDITS = 1_000_000_000
TOKEN_SECONDS = 3 * 3600
SETTLED_WITHIN = 90
PER_SECOND = os.sysconf("SC_CLK_TCK")


class Stage(Stack):
    """One web process, one worker, one scheduler; limits that no measurement meets; users with credits."""

    def __init__(self, places: Places, tell: Tell, *, users: int = 50) -> None:
        super().__init__(places, choose_any(), lambda line: None, durable=True)
        self.say = tell
        self.users = users

    def start(self) -> None:
        """Start everything, then let the users in."""
        self.say("starting a stack")
        super().start()
        with psycopg.connect(self.database_url) as connection:
            connection.execute("update private.settings set user_concurrency = 1000")
            connection.execute("update private.user_controls set user_concurrency = null")

    def app_environment(self) -> dict[str, str]:
        """What Scrip's own processes are told."""
        return super().app_environment() | NO_LIMITS | {"WEB_CONCURRENCY": "1"}

    @cached_property
    def tokens(self) -> list[str]:
        """Access tokens of users who have credits."""
        sign, now = Tokens(self.keys).sign, int(time.time())
        ids = [str(uuid.uuid4()) for _ in range(self.users)]
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            for one in ids:
                connection.execute("insert into auth.users (id, email) values (%s, %s)", [one, f"{one}@example.test"])
                grant = "select public.grant_credits(%s, %s, 'purchase', 'bench', null, 'bench', null)"
                connection.execute(grant, [one, CREDITS])
        claims: dict[str, Any] = {"aud": "authenticated", "role": "authenticated", "is_anonymous": False}
        claims |= {"iss": f"{self.supabase_url}/auth/v1", "iat": now, "exp": now + TOKEN_SECONDS, "aal": "aal1"}
        return [sign(claims | {"sub": one, "email": f"{one}@example.test", "session_id": one}) for one in ids]

    def child(self, name: str) -> Child:
        """A program by its name."""
        return next(service.child for service in self.supervisor.services if service.name == name)

    def settle(self) -> None:
        """Wait until the worker has nothing left to do."""
        left = "select count(*) from public.generations where finished_at is null"
        until = time.monotonic() + SETTLED_WITHIN
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            while connection.execute(left).fetchall() != [(0,)]:
                if time.monotonic() > until:
                    raise CannotMeasure(f"the worker was not done within {SETTLED_WITHIN} s")
                time.sleep(0.2)

    def halt(self, *names: str) -> None:
        """End programs that would only take time from what is measured."""
        for name in names:
            self.child(name).stop()


@contextmanager
def staged(tell: Tell, *, users: int = 50) -> Iterator[Stage]:
    """A stage that vanishes."""
    with throw_away_places(keep=False) as places, Stage(places, tell, users=users) as stage:
        yield stage


def family(pid: int) -> list[int]:
    """A process and all that it started."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    return [pid, *(found for child in children.read_text().split() for found in family(int(child)))]


def cpu_seconds(pid: int) -> float:
    """Time that a process has spent computing, its own and the kernel's for it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / PER_SECOND


def resident_mb(pid: int) -> float:
    """Memory of a process in MB, what it shares with others included."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def can_look_at_processes() -> bool:
    """Whether this system tells what processes use."""
    return sys.platform == "linux"
