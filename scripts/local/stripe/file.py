"""The objects of a local Stripe in a file: SQLite, so that a killed process loses nothing that it had answered."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any


class File:
    """One row per object, in the order in which they were made."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("pragma journal_mode = wal")
        self._connection.execute("pragma synchronous = normal")
        self._connection.execute(
            "create table if not exists objects (position integer primary key, id text unique not null, body text)"
        )

    def load(self) -> Iterator[dict[str, Any]]:
        """Everything that was saved, oldest first."""
        for (body,) in self._connection.execute("select body from objects order by position"):
            yield json.loads(body)

    def save(self, objects: Iterable[dict[str, Any]]) -> None:
        """Save objects in one transaction; one that is known keeps its place."""
        self._connection.execute("begin")
        self._connection.executemany(
            "insert into objects (id, body) values (?, ?) on conflict (id) do update set body = excluded.body",
            [(each["id"], json.dumps(each)) for each in objects],
        )
        self._connection.execute("commit")

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()
