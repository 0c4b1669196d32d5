"""Growth: what an operation takes with many times the people and rows, as a multiple of what it takes with few.

The same people ask in both databases, in turns; they have the same hundred rows each. What is open is the same too.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import psycopg

from scripts.benchmarks import history
from scripts.benchmarks.figures import Figure, Target, missing, paired
from scripts.benchmarks.ground import Ground, Tell, empty
from scripts.local.postgres import Postgres

GROUP = "growth"
ASKING = 20  # users, first to last
OPEN = 60  # generations that wait for a worker
BYTES_PER_ROW = 4_000  # what a row of the ledger takes with all that comes with it, and almost twice that for safety
# Memory as a server has that holds so much. No autovacuum: it would come to one database while the other has its turn.
SERVER = {"shared_buffers": "1GB", "max_wal_size": "8GB", "autovacuum": "off"}
DUE = "update public.generations set dispatch_at = now() - interval '1 minute' where status = 'queued'"
SERVICE = '{"role": "service_role"}'
WITHIN = Target(1.2)
YEAR = Target(200.0)


@dataclass(frozen=True)
class Effort:
    """How much, and how often."""

    sizes: tuple[int, ...]
    rounds: int
    seconds: float  # of each round


QUICK = Effort(sizes=(10_000, 200_000), rounds=9, seconds=0.15)
FULL = Effort(sizes=(10_000, 1_000_000), rounds=15, seconds=0.4)
SMOKE = Effort(sizes=(200, 400), rounds=1, seconds=0.0)


@dataclass
class Place:
    """One database and the one connection that asks it."""

    ground: Ground
    rows: int
    connection: psycopg.Connection[Any]
    users: list[str] = field(default_factory=list)
    turn: int = 0

    def as_user(self, query: str, *arguments: Any) -> Any:
        """Call as the next user, as PostgREST does."""
        self.turn += 1
        return self.as_one(self.turn, query, *arguments)

    def as_one(self, number: int, query: str, *arguments: Any) -> Any:
        """Call as a certain user; the first one is an admin."""
        claims = json.dumps({"sub": self.users[number % len(self.users)], "role": "authenticated"})
        return self._call("authenticated", claims, query, arguments)

    def as_service(self, query: str, *arguments: Any) -> Any:
        """Call as the service."""
        return self._call("service_role", SERVICE, query, arguments)

    def dispatch(self) -> Any:
        """Look for what to tell the workers, and take it back, so that the next look finds as much."""
        with self.connection.transaction(force_rollback=True):
            return self._call("service_role", SERVICE, "select public.list_dispatchable(500)", ())

    def _call(self, role: str, claims: str, query: str, arguments: tuple[Any, ...]) -> Any:
        with self.connection.transaction():
            self.connection.execute(
                "select set_config('role', %s, true), set_config('request.jwt.claims', %s, true)", [role, claims]
            )
            found = self.connection.execute(query.encode(), arguments).fetchall()
        return found[0][0] if found else None


def pair(place: Place) -> None:
    """Reserve and confirm."""
    hold = place.as_user("select id from public.reserve_credits(4, %s)", uuid.uuid4().hex)
    place.as_service("select status from public.confirm_reservation(%s)", hold)


OPERATIONS: dict[str, Callable[[Place], Any]] = {
    "reserve + confirm": pair,
    "balance": lambda place: place.as_user("select public.get_credit_balance()"),
    "newest page of the ledger": lambda place: place.as_user("select public.list_credit_transactions(null, 50)"),
    "newest page of generations": lambda place: place.as_user("select public.list_generations(p_limit => 20)"),
    "usage of 30 days": lambda place: place.as_user("select public.get_credit_usage(now() - interval '30 days')"),
    "sweep of credits": lambda place: place.as_service("select public.sweep_credits(500)"),
    "sweep of generations": lambda place: place.as_service("select public.sweep_generations(500)"),
    "dispatch": Place.dispatch,
}


def measure(effort: Effort, tell: Tell) -> list[Figure]:
    """Every figure of growth; sizes for which there is no room are left out and said so."""
    sizes, figures = _that_fit(effort.sizes)
    with Postgres(durable=True, settings=SERVER) as postgres:
        places = [_place(postgres, rows, tell) for rows in sizes]
        _on_one_core(places)
        for place in places[1:]:
            for name, operation in OPERATIONS.items():
                tell(f"{name}, {place.rows:,} rows")
                figures.append(_compare(f"{name}, {place.rows:,} rows", operation, places[0], place, effort))
            figures.append(_statistics(place, effort, tell))
        for place in places:
            place.connection.close()
    return figures


def _that_fit(sizes: tuple[int, ...]) -> tuple[list[int], list[Figure]]:
    free = shutil.disk_usage("/").free
    fitting = [rows for rows in sizes if rows * BYTES_PER_ROW < free]
    why = f"there are {free / 1e9:.0f} GB free"
    return fitting, [missing(GROUP, f"{rows:,} rows", why) for rows in sizes if rows not in fitting]


def _place(postgres: Postgres, rows: int, tell: Tell) -> Place:
    """A database with that much history, and as much that is open as in any other."""
    ground = empty(postgres, f"growth_{rows}")
    history.load(ground, rows, tell)
    place = Place(ground, rows, psycopg.connect(ground.url("authenticator"), autocommit=True))
    place.users = [f"00000000-0000-4000-8000-{n + 1:012}" for n in range(min(ASKING, rows // history.ROWS_PER_WALLET))]
    for _ in range(OPEN):
        create = "select public.create_generation('local/picture', 'a fox in the snow', '{}', %s)"
        place.as_user(create, uuid.uuid4().hex)
    ground.execute(DUE)
    ground.execute("insert into private.user_roles (user_id, role) select min(id::text)::uuid, 'admin' from auth.users")
    for number in itertools.count():
        if number % 100 == 0:
            tell(f"rolling up statistics: {number * 10_000:,} of {rows:,} rows")
        if not place.as_service("select public.roll_up_statistics(10000)")["more"]:
            break
    # No vacuum: it would offer what COPY left free in each page, and new rows would go to as many cold pages.
    ground.execute("analyze")
    ground.execute("checkpoint")
    return place


def _on_one_core(places: list[Place]) -> None:
    """Else one of two that answer in turns may have the asker's core, and the other one that has to be woken."""
    if sys.platform == "linux":
        core = {min(os.sched_getaffinity(0))}
        for place in places:
            os.sched_setaffinity(place.connection.info.backend_pid, core)


def _compare(name: str, operation: Callable[[Place], Any], small: Place, large: Place, effort: Effort) -> Figure:
    for _ in large.users:  # everybody once, so that caches are warm
        _in_turns(operation, (large, small), 0)
    rounds = [_in_turns(operation, (large, small), effort.seconds) for _ in range(effort.rounds)]
    return paired(GROUP, name, "ms", rounds, f"{small.rows:,} rows", WITHIN)


def _in_turns(operation: Callable[[Place], Any], places: tuple[Place, Place], seconds: float) -> tuple[float, float]:
    """The median of what a call takes in either place; who disturbs the machine disturbs both."""
    until = time.perf_counter() + seconds
    took = [(_ms(operation, places[0]), _ms(operation, places[1]))]
    while time.perf_counter() < until:
        took.append((_ms(operation, places[0]), _ms(operation, places[1])))
    return median(first for first, _ in took), median(second for _, second in took)


def _statistics(place: Place, effort: Effort, tell: Tell) -> Figure:
    """A year by day, which is read from roll-ups."""
    name = f"statistics of a year by day, {place.rows:,} rows"
    tell(name)
    year = "select public.admin_get_statistics(current_date - 364, current_date, 'day')"
    found = median(_ms(lambda place: place.as_one(0, year), place) for _ in range(2 * effort.rounds))
    return Figure(GROUP, name, found, "ms", target=YEAR)


def _ms(operation: Callable[[Place], Any], place: Place) -> float:
    began = time.perf_counter()
    operation(place)
    return (time.perf_counter() - began) * 1000
