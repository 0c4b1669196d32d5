"""Whatever happens, and whenever it is rolled up: statistics say what a recount of the raw rows says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.factories import Sql
from tests.sql.statistics_histories import history


@pytest.mark.parametrize("seed", range(4))
def test_statistics_equal_a_recount_of_a_random_history(connect: Callable[[], Sql], seed: int) -> None:
    """Rolled up at random moments and in portions of any size; rows are late, imported, taken back, changed."""
    with history(connect, seed) as told:
        for _ in range(6):
            told.run(25)
            told.compare()
        told.catch_up()
        told.compare()
        before = told.rolled_up()
        assert told.sql.one("select generations_until = settled_until from private.statistics_cursor")
        assert all(before.values())
        told.sql.as_service("rebuild_statistics")
        told.compare()
        told.catch_up()
        assert told.rolled_up() == before, "built anew is what grew by and by"
        told.compare()
