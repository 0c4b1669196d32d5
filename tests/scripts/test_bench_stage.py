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


@pytest.fixture
def own(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A PostgREST that somebody brings: here the stand-in's own address, as a user of it."""
    monkeypatch.setenv("POSTGREST_URL", f"{stage.supabase_url}/rest/v1/")
    monkeypatch.setenv("POSTGREST_TOKEN", stage.tokens[0])
    monkeypatch.setenv("POSTGREST_APIKEY", stage.keys.publishable_key)
    return monkeypatch


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("POSTGREST_URL", "http://127.0.0.1:1", "does not answer: .*refused"),
        ("POSTGREST_URL", "http://[::1", "must be like"),
        ("POSTGREST_URL", "https://scrip.supabase.co/rest/v1", "must be like http://host:port"),
        ("POSTGREST_URL", "http://127.0.0.1:{port}/elsewhere", "404"),
        ("POSTGREST_TOKEN", "", "needs POSTGREST_TOKEN"),
        ("POSTGREST_TOKEN", "no.such.token", "rejects POSTGREST_TOKEN or POSTGREST_APIKEY: 401"),
        ("POSTGREST_APIKEY", "sb_publishable_of_another", "rejects POSTGREST_TOKEN or POSTGREST_APIKEY: 401"),
    ],
)
def test_a_postgrest_that_cannot_be_used_is_told_apart(
    stage: Stage, own: pytest.MonkeyPatch, name: str, value: str, why: str
) -> None:
    """Before anything is measured, by the variable that has to be mended."""
    own.setenv(name, value.format(port=stage.supabase_url.rpartition(":")[2]))
    with pytest.raises(CannotMeasure, match=why):
        http.measure(stage, http.SMOKE)


@linux
def test_routes_are_measured_beside_the_rpc_alone(stage: Stage, own: pytest.MonkeyPatch) -> None:
    """Reads beside that of POSTGREST_URL where there is one. And what our layer computes beside an empty Flask."""
    figures = http.measure(stage, http.SMOKE)
    beside = {figure.name: figure.floor_name for figure in figures if figure.floor_name}
    assert beside == {
        "POST /generations, 2 connections": "the RPC alone",
        "GET /credits/balance, 2 connections": "the RPC at POSTGREST_URL",
        "GET /generations, 2 connections": "the RPC at POSTGREST_URL",
    }
    found = measured(figures)
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
    assert 200 < per_row < per_generation < 10_000
    postgres.drop("bench_weight")
