"""Benchmarks run; what they find is for people, because a clock is no judge in a test."""

from __future__ import annotations

from scripts.bench import batches


def test_a_batch_is_measured_against_singles(database: str) -> None:
    """Both do their work, as a user may, and PostgreSQL tells what it took."""
    found = batches.compare(database, singles=2, items=5, rounds=1)
    assert found.singles_ms > 0 and found.batch_ms > 0
    assert found.ratio == found.batch_ms / found.singles_ms
