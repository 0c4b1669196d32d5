"""Fixtures of the SQL tests: one connection that rolls back, or a database that several connections share."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest

from tests.factories import Sql


@pytest.fixture
def sql(db: psycopg.Connection[Any]) -> Sql:
    """Operations on a connection whose work is rolled back."""
    db.execute("select 1")  # opens the transaction in which every call is a savepoint
    return Sql(db)


@pytest.fixture
def connect(database: str) -> Iterator[Callable[[], Sql]]:
    """Opens connections to one database of the test's own; what they do is committed."""
    with ExitStack() as connections:
        yield lambda: Sql(connections.enter_context(psycopg.connect(database, autocommit=True)))


@contextmanager
def refused(status: int, code: str) -> Iterator[dict[str, Any]]:
    """The block must be refused with this status and code; yields the refusal's data, filled in at the end."""
    data: dict[str, Any] = {}
    with pytest.raises(psycopg.Error) as caught:
        yield data
    diagnostic = caught.value.diag
    assert (caught.value.sqlstate, diagnostic.message_primary) == (f"PT{status}", code)
    assert diagnostic.message_hint, "a refusal tells people what to do"
    data.update(json.loads(diagnostic.message_detail or "{}"))
