"""A small pool of connections under one role, that comes back by itself when the database does.

psycopg_pool reconnects in the background with growing pauses, so requests would still fail for a while after the
database is back. Here a request that finds no idle connection opens one itself, and fails at once when it cannot.
"""

from __future__ import annotations

import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.pq import TransactionStatus


class PoolTimeoutError(Exception):
    """Every connection of the pool was in use for too long."""


class Pool:
    """Connections in autocommit mode with client-side binding, so that many statements travel in one message."""

    def __init__(self, url: str, role: str, *, size: int, timeout: float, connect_timeout: int) -> None:
        self._conninfo = make_conninfo(
            url,
            user=role,
            connect_timeout=connect_timeout,
            client_encoding="utf8",
            application_name=f"local-supabase {role}",
        )
        self._timeout = timeout
        self._slots = threading.BoundedSemaphore(size)
        self._idle: list[psycopg.Connection] = []

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        """Lend a connection; what its user leaves open is rolled back, a broken one is thrown away."""
        if not self._slots.acquire(timeout=self._timeout):
            raise PoolTimeoutError
        try:
            conn = self._take()
            try:
                yield conn
            finally:
                self._put_back(conn)
        finally:
            self._slots.release()

    def connect(self) -> psycopg.Connection:
        """Open a connection outside the pool."""
        return psycopg.connect(self._conninfo, autocommit=True, cursor_factory=psycopg.ClientCursor)

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().close()

    def _take(self) -> psycopg.Connection:
        while self._idle:
            try:
                conn = self._idle.pop()
            except IndexError:  # another thread was faster
                break
            if _is_alive(conn):
                return conn
            conn.close()
        return self.connect()

    def _put_back(self, conn: psycopg.Connection) -> None:
        try:
            if not conn.closed and conn.info.transaction_status != TransactionStatus.IDLE:
                conn.rollback()
        except psycopg.Error:
            conn.close()
        if not conn.closed:
            self._idle.append(conn)


def _is_alive(conn: psycopg.Connection) -> bool:
    """Notice, without asking the server, that it has closed an idle connection: it has nothing else to say to one."""
    try:
        readable, _, _ = select.select([conn.fileno()], [], [], 0)
        return not conn.closed and not readable
    except (psycopg.Error, OSError, ValueError):
        return False
