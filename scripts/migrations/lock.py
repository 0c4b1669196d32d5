"""One migrate at a time per database: a session advisory lock, taken by polling."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from scripts.migrations.connection import Connection
from scripts.migrations.errors import MigrationError

_KEY = 5_262_517_481_270_118_503  # any number, as long as every version of this file has the same one
_POLL_SECONDS = 0.25


@contextmanager
def exclusive(connection: Connection, wait_seconds: float, say: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock; where another run has it, say so and wait.

    Polling, because a session that blocks in pg_advisory_lock() holds a snapshot, and the other run's
    `create index concurrently` would wait for that snapshot: a deadlock.
    """
    deadline = time.monotonic() + wait_seconds
    told = False
    while not _scalar(connection, "select pg_try_advisory_lock(%s)"):
        if time.monotonic() >= deadline:
            raise MigrationError(
                f"Another migrate held the database for {wait_seconds:.0f} s ({_holder(connection)}).",
                "Let it finish and try again, or wait longer with --wait.",
            )
        if not told:
            say(f"Another migrate is at work on this database ({_holder(connection)}); waiting for it.")
            told = True
        time.sleep(_POLL_SECONDS)
    try:
        yield
    finally:
        if not connection.closed:
            connection.rollback()
            connection.execute("select pg_advisory_unlock(%s)", [_KEY])


def assert_held(connection: Connection) -> None:
    """Refuse to go on when the session that took the lock isn't the one that works: a pooler stands between."""
    held = _scalar(
        connection,
        "select exists (select from pg_locks where locktype = 'advisory' and granted and pid = pg_backend_pid()"
        " and ((classid::bigint << 32) | objid::bigint) = %s and objsubid = 1)",
    )
    if not held:
        raise MigrationError(
            "The lock got lost between two statements: the address leads through a transaction pooler.",
            "Use the session pooler or the direct connection in DATABASE_URL.",
        )


def _scalar(connection: Connection, query: str) -> object:
    row = connection.execute(query, [_KEY]).fetchone()
    return row[0] if row else None


def _holder(connection: Connection) -> str:
    row = connection.execute(
        "select pid, now() - coalesce(backend_start, now()) from pg_stat_activity where pid = (select pid from pg_locks"
        " where locktype = 'advisory' and granted and ((classid::bigint << 32) | objid::bigint) = %s limit 1)",
        [_KEY],
    ).fetchone()
    return f"server process {row[0]}, for {str(row[1]).partition('.')[0]}" if row else "it has just ended"
