"""A batch beside single generations.

Both are called as PostgREST calls them, as the user and one transaction each, on a durable PostgreSQL that nobody else
uses. Time is what PostgreSQL says it spent on statements (pg_stat_database.active_time); the way there doesn't count.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

MODEL, CREDITS = "local/picture", 4
FILLED = 5  # batches
SPENT = "select active_time from pg_stat_database where datname = current_database()"
CREATE = "select public.create_generation(%s, %s, %s, %s)"
CREATE_BATCH = "select public.create_batch(%s, %s, false)"


@dataclass(frozen=True)
class Figures:
    """Medians over the rounds, in milliseconds of database time; the ratio is the median of the rounds' own."""

    singles: int
    items: int
    rounds: int
    singles_ms: float
    batch_ms: float
    ratio: float


def compare(url: str, *, singles: int = 50, items: int = 500, rounds: int = 5) -> Figures:
    """Measure on a migrated database that nobody else uses, once it holds something and PostgreSQL knows it.

    Plans that were made for empty tables last until autovacuum comes by, which is not what anybody lives with.
    """
    ones, batches = [], []
    with psycopg.connect(url, autocommit=True) as first:
        for _ in range(FILLED):
            _create_batch(first, _user(first, items * CREDITS), items)
        first.execute("vacuum analyze")
    with psycopg.connect(url, autocommit=True) as worker, psycopg.connect(url, autocommit=True) as watcher:
        for counted in (False, *[True] * rounds):  # the first round fills caches
            user = _user(worker, (singles + items) * CREDITS)
            one = _spent(watcher, worker, lambda user=user: _create_singles(worker, user, singles))
            batch = _spent(watcher, worker, lambda user=user: _create_batch(worker, user, items))
            if counted:
                ones.append(one)
                batches.append(batch)
    ratio = median(batch / one for batch, one in zip(batches, ones, strict=True))
    return Figures(singles, items, rounds, median(ones), median(batches), ratio)


def _user(connection: psycopg.Connection[Any], credits: int) -> uuid.UUID:
    user = uuid.uuid4()
    connection.execute("insert into auth.users (id, email) values (%s, %s)", [user, f"{user}@example.test"])
    grant = "select public.grant_credits(%s, %s, 'purchase', %s, null, 'bench', null)"
    with connection.transaction():
        connection.execute("set local role service_role")
        connection.execute(grant, [user, credits, uuid.uuid4().hex])
    return user


def _create_singles(connection: psycopg.Connection[Any], user: uuid.UUID, count: int) -> None:
    for n in range(count):
        _call(connection, user, CREATE, MODEL, f"fox {n}", Jsonb({}), uuid.uuid4().hex)


def _create_batch(connection: psycopg.Connection[Any], user: uuid.UUID, count: int) -> None:
    items = [{"model": MODEL, "prompt": f"fox {n}", "params": {}} for n in range(count)]
    _call(connection, user, CREATE_BATCH, Jsonb(items), uuid.uuid4().hex)


def _call(connection: psycopg.Connection[Any], user: uuid.UUID, query: Any, *arguments: Any) -> None:
    claims = json.dumps({"sub": str(user), "role": "authenticated"})
    with connection.transaction():
        connection.execute(
            "select set_config('role', 'authenticated', true), set_config('request.jwt.claims', %s, true)", [claims]
        )
        connection.execute(query, arguments)


def _spent(watcher: psycopg.Connection[Any], worker: psycopg.Connection[Any], work: Callable[[], None]) -> float:
    before = _read(watcher, worker)
    work()
    return _read(watcher, worker) - before


def _read(watcher: psycopg.Connection[Any], worker: psycopg.Connection[Any]) -> float:
    worker.execute("select pg_stat_force_next_flush()")
    return float(watcher.execute(SPENT).fetchall()[0][0])
