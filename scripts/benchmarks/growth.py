"""Growth: what an operation takes with many times the people and rows, as a multiple of what it takes with few.

The same people ask in both databases, in turns; they have the same hundred rows each. What is open is the same too.
"""

from __future__ import annotations

import json
import shutil
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
BYTES_PER_ROW = 5_000  # what a row of the ledger takes with all that comes with it, and twice that for safety
DUE = "update public.generations set dispatch_at = now() - interval '1 minute' where status = 'queued'"
SERVICE = '{"role": "service_role"}'
WITHIN = Target(1.2)
YEAR = Target(200.0)


@dataclass(frozen=True)
class Effort:
    """How much, and how often."""

    sizes: tuple[int, ...]
    rounds: int
    calls: int


QUICK = Effort(sizes=(10_000, 200_000), rounds=5, calls=40)
FULL = Effort(sizes=(10_000, 1_000_000), rounds=9, calls=100)
SMOKE = Effort(sizes=(200, 400), rounds=1, calls=2)


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
    with Postgres(durable=True) as postgres:
        places = [_place(postgres, rows, tell) for rows in sizes]
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
    tell(f"loading {rows:,} rows")
    ground = empty(postgres, f"growth_{rows}")
    history.load(ground, rows)
    place = Place(ground, rows, psycopg.connect(ground.url("authenticator"), autocommit=True))
    place.users = [f"00000000-0000-4000-8000-{n + 1:012}" for n in range(min(ASKING, rows // history.ROWS_PER_WALLET))]
    for _ in range(OPEN):
        create = "select public.create_generation('local/picture', 'a fox in the snow', '{}', %s)"
        place.as_user(create, uuid.uuid4().hex)
    ground.execute(DUE)
    ground.execute("insert into private.user_roles (user_id, role) select min(id::text)::uuid, 'admin' from auth.users")
    while place.as_service("select public.roll_up_statistics(10000)")["more"]:
        tell("rolling up its statistics")
    ground.execute("vacuum analyze")
    return place


def _compare(name: str, operation: Callable[[Place], Any], small: Place, large: Place, effort: Effort) -> Figure:
    for place in (small, large):
        _ms(operation, place, max(effort.calls, len(place.users)))  # everybody once, so that caches are warm
    rounds = [(_ms(operation, large, effort.calls), _ms(operation, small, effort.calls)) for _ in range(effort.rounds)]
    return paired(GROUP, name, "ms", rounds, f"{small.rows:,} rows", WITHIN)


def _statistics(place: Place, effort: Effort, tell: Tell) -> Figure:
    """A year by day, which is read from roll-ups."""
    name = f"statistics of a year by day, {place.rows:,} rows"
    tell(name)
    year = "select public.admin_get_statistics(current_date - 364, current_date, 'day')"
    found = _ms(lambda place: place.as_one(0, year), place, max(2, effort.calls // 5))
    return Figure(GROUP, name, found, "ms", target=YEAR)


def _ms(operation: Callable[[Place], Any], place: Place, calls: int) -> float:
    """The median of so many calls."""

    def once() -> float:
        began = time.perf_counter()
        operation(place)
        return (time.perf_counter() - began) * 1000

    return median(once() for _ in range(calls))
