"""Benchmarks run; what they find is for people, because a clock is no judge in a test."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import psycopg
import pytest

from scripts.benchmarks import batches, books, fairness, growth, history, load, report
from scripts.benchmarks.figures import Figure, Target, missing, paired
from scripts.benchmarks.ground import CannotMeasure, empty, lay
from scripts.local.postgres import Postgres
from tests.factories import Sql

RUN = report.Run(datetime(2026, 11, 21, tzinfo=UTC), 12.0, "scripts/bench --quick")


def test_a_batch_is_measured_against_singles(database: str) -> None:
    """Both do their work, as a user may, and PostgreSQL tells what it took."""
    found = batches.compare(database, singles=2, items=5, rounds=1)
    assert found.singles_ms > 0 and found.batch_ms > 0
    assert found.ratio == found.batch_ms / found.singles_ms


def test_the_floor_books_what_it_is_told(postgres: Postgres) -> None:
    """A floor that did less than its work would make us look slow, or its errors make us look fast."""
    ground = lay(postgres, "bench_floor", users=5, tell=lambda line: None)
    pair = books.compare(ground, books.SMOKE, lambda line: None, "pairs", ("pair", "pair_floor"), 2, 5, "floor")
    life = books.compare(ground, books.SMOKE, lambda line: None, "lives", ("life", "life_floor"), 2, 5, "floor")
    assert pair.ratio and life.ratio, (pair.why_not, life.why_not)
    assert books.check_floor(ground) == []
    ground.execute(
        "update floor.wallets set balance = balance + 1 where id = (select min(id::text)::uuid from floor.wallets)"
    )
    assert len(books.check_floor(ground)) == 1
    with pytest.raises(CannotMeasure, match="no_such"):
        ground.rate_of("select no_such();", clients=1, seconds=1, variables={})
    postgres.drop("bench_floor")


def test_a_loaded_history_is_sound(postgres: Postgres) -> None:
    """Chain, sums and lots are those that operations would have left; else its figures would be of another system."""
    ground = empty(postgres, "bench_history")
    history.load(ground, 300, lambda line: None)
    with psycopg.connect(ground.url()) as connection:
        sql = Sql(connection)
        assert sql.one("select count(*) from credit_transactions") == 300
        assert sql.one("select count(*) from pg_index where not (indisready and indisvalid)") == 0
        connection.execute("set enable_seqscan = off")  # so that the checks below go by the indexes
        assert connection.execute("select * from public.verify_ledger(null)").fetchall() == []
        assert sql.one("select count(*) from wallets where balance <> 1000000 - 99 * 4") == 0
        assert sql.as_service("reconcile_books") == {"difference": 0, "found": 0}
    postgres.drop("bench_history")


def test_growth_is_measured_in_two_sizes() -> None:
    """Each operation in both, and a size for which there is no disk is said to be left out."""
    figures = growth.measure(replace(growth.SMOKE, sizes=(200, 400, 10**12)), lambda line: None)
    assert next(figure.why_not for figure in figures if figure.value is None).endswith("GB free")
    assert {figure.name for figure in figures if figure.ratio} == {f"{name}, 400 rows" for name in growth.OPERATIONS}
    assert figures[-1].name == "statistics of a year by day, 400 rows" and figures[-1].value


def test_the_median_of_the_ratios_counts() -> None:
    """A round in which the machine was busy hits both of its halves."""
    figure = paired("books", "pairs", "per s", [(50, 100), (5, 10), (90, 100)], "floor", Target(0.5, at_least=True))
    assert (figure.value, figure.floor, figure.ratio, figure.verdict) == (50, 100, 0.5, "PASS")


@pytest.mark.parametrize(
    ("figure", "verdict"),
    [
        (Figure("g", "n", 1.0, "ms", target=Target(1.0)), "PASS"),
        (Figure("g", "n", 1.1, "ms", target=Target(1.0)), "FALLS SHORT"),
        (Figure("g", "n", 5.0, "ms", 10.0, "floor", target=Target(1.0)), "PASS"),
        (Figure("g", "n", 5.0, "ms", 10.0, "floor", target=Target(0.6, at_least=True)), "FALLS SHORT"),
        (Figure("g", "n", 5.0, "ms"), ""),
        (missing("g", "n", "no network"), "NOT MEASURED"),
    ],
)
def test_a_figure_is_judged_by_its_ratio_and_else_by_its_value(figure: Figure, verdict: str) -> None:
    """And what could not be measured is no success."""
    assert figure.verdict == verdict


def test_a_report_shows_short_falls(capsys: pytest.CaptureFixture[str]) -> None:
    """On the terminal, for machines, and on the page that is published."""
    figures = [
        Figure("books", "pairs", 40.0, "per s", 100.0, "least SQL", target=Target(0.75, at_least=True)),
        missing("books", "another", "no network"),
    ]
    report.show(RUN, figures, as_json=False)
    report.show(RUN, figures, as_json=True)
    shown, _, machine = capsys.readouterr().out.partition("{")
    for text in (shown, report.page(RUN, figures)):
        assert "FALLS SHORT" in text and "≥ 0.75" in text and "NOT MEASURED: no network" in text
        assert "0 of 1 targets reached, 1 not measured" in text
    told = json.loads("{" + machine)
    assert told["figures"][0]["ratio"] == 0.4 and told["machine"]["PostgreSQL"]


def test_who_orders_one_does_not_wait_for_who_orders_many(postgres: Postgres) -> None:
    """The simulation asks the real SQL; three with twenty each were first, and nobody else notices."""
    crowd = fairness.Crowd(users=23, heavy=3, items=20, workers=5)
    waits = fairness.simulate(postgres, crowd, lambda line: None)
    postgres.drop("fairness")
    assert len(waits.light) == 20 and len(waits.heavy_first) == 3
    assert max(waits.light) == fairness.alone(crowd) < waits.heavy_last
    assert waits.most_at_once <= 4


def test_a_kept_connection_that_ends_between_two_answers_is_opened_anew() -> None:
    """As gunicorn's processes end theirs after 20,000 requests; in the middle of an answer it is a fault."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    def serve(server: socket.socket, told: bytes) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.recv(1000)
                connection.sendall(told)

    for told, trouble in ((answer, None), (answer[:-1], "in the middle")):
        with socket.create_server(("127.0.0.1", 0)) as server:
            threading.Thread(target=serve, args=(server, told), daemon=True).start()
            url = f"http://127.0.0.1:{server.getsockname()[1]}/"
            asked = load.request("GET", url, {})
            with pytest.raises(CannotMeasure, match=trouble) if trouble else nullcontext():
                found = load.drive(url, partial(bytes, asked), connections=2, seconds=0.2)
                assert len(found.latencies) > 2
