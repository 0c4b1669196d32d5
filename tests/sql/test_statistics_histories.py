"""Whatever happens, and whenever it is rolled up: statistics say what a recount of the raw rows says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conftest import ROOT
from tests.factories import Sql
from tests.sql.statistics_histories import history


@pytest.mark.parametrize("seed", range(3))
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


BROKEN = {
    "a watermark that passes what is still to come": (
        "roll_up_credits",
        "uncounted := p_uncounted - coalesce(v_ids, '{}')",
        "uncounted := int8multirange(int8range((select max(t.id) + 1 from public.credit_transactions t), null))",
    ),
    "generations counted by the clock alone": (
        "roll_up_statistics",
        "v_over := coalesce(",
        "v_over := true or coalesce(",
    ),
    "costs that are learned late forgotten": (
        "add_late_cost",
        "where g.finished_at <",
        "where false and g.finished_at <",
    ),
    "refunds counted again with each step": ("payment_facts", "(-1, b.status", "(0, b.status"),
    "users counted with each portion": ("roll_up_credits", "from kept k intersect", "from kept k union"),
    "rows not yet rolled up left out": (
        "ledger_facts",
        "order by y.id limit p_limit",
        "order by y.id limit p_limit % 100000",
    ),
    "the last portion counted twice": (
        "roll_up_payments",
        "uncounted := p_uncounted - coalesce(v_ids, '{}')",
        "uncounted := p_uncounted",
    ),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_copy_does_not_survive_the_histories(connect: Callable[[], Sql], broken: str) -> None:
    """The recount sees each mistake that these guards are against."""
    operation, right, wrong = BROKEN[broken]
    (file,) = (ROOT / "supabase" / "functions_sql" / "statistics").glob(f"{operation}.sql")
    text = file.read_text()
    assert right in text
    with history(connect, 1) as told:
        told.sql.connection.execute(text.replace(right, wrong).encode())
        with pytest.raises((AssertionError, TypeError)):
            for _ in range(20):
                told.run(25)
                told.compare()
