"""What scripts/bench measures on a whole stack: every figure comes about, in small."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scripts.benchmarks import http, load, queue, weight
from scripts.benchmarks.figures import Figure
from scripts.benchmarks.ground import CannotMeasure, lay
from scripts.benchmarks.stage import Stage, can_look_at_processes, staged
from scripts.local.postgres import Postgres

linux = pytest.mark.skipif(not can_look_at_processes(), reason="only Linux tells what a process uses")


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A stack with two users; tests use up its programs in the order below."""
    with staged(lambda line: None, users=2) as made:
        yield made


def measured(figures: list[Figure]) -> dict[str, float]:
    """The values by name; all were measured."""
    assert [figure.why_not for figure in figures if figure.value is None] == []
    return {figure.name: figure.value for figure in figures if figure.value is not None}


@linux
def test_memory_is_looked_up(stage: Stage) -> None:
    """Of all three kinds of processes, each larger than an empty Python."""
    assert all(found > 20 for found in measured(list(weight.memory(stage))).values())


def test_jobs_are_timed_and_commands_counted(stage: Stage) -> None:
    """By our worker and by RQ's own, which does the same job."""
    figures = queue.measure(stage, queue.SMOKE)
    found = measured(figures)
    assert found["Redis commands per job, enqueue included"] > 10
    assert 0 < found["from enqueue to start, p50"] <= found["from enqueue to start, p99"]
    assert all(figure.floor is not None for figure in figures if "stack" not in figure.name)


@linux
def test_routes_are_measured_beside_the_rpc_alone(stage: Stage) -> None:
    """And what our layer computes beside an empty Flask."""
    found = measured(http.measure(stage, http.SMOKE))
    assert found["GET /credits/balance, 2 connections"] > 0
    assert found["CPU of our layer per POST /generations"] > 0
    with pytest.raises(CannotMeasure, match="401"):
        load.drive(
            stage.web_url, lambda: load.request("GET", f"{stage.web_url}/api/v1/me", {}), connections=1, seconds=1
        )


def test_rows_are_weighed(postgres: Postgres) -> None:
    """What a generation adds to the tables, and no more."""
    ground = lay(postgres, "bench_weight", users=5, tell=lambda line: None)
    per_generation, per_row = measured(list(weight.rows(ground, 200))).values()
    assert 500 < per_row < per_generation < 10_000
    postgres.drop("bench_weight")
