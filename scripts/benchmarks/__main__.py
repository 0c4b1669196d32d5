"""The program behind scripts/bench."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Self

import httpx
import psycopg
import redis

from scripts.benchmarks import books, growth, history, http, queue, report, weight
from scripts.benchmarks.figures import Figure, missing
from scripts.benchmarks.ground import CannotMeasure
from scripts.benchmarks.stage import Stage, staged
from scripts.local import display, environment
from scripts.local.__main__ import interrupt
from scripts.local.binaries import PostgresMissing
from scripts.local.processes import ProcessFailed
from scripts.local.valkey import ValkeyMissing

EXPECTED = (
    CannotMeasure,
    PostgresMissing,
    ProcessFailed,
    ValkeyMissing,
    httpx.HTTPError,
    psycopg.Error,
    redis.RedisError,
)

EXAMPLES = """examples:
  scripts/bench --quick                                every figure in less than four minutes
  scripts/bench --only books                           one group
  scripts/bench --full --write docs/benchmarks.md      what is published
  scripts/bench --full --only growth --rows 10000000   growth up to ten million rows: 10 to 20 minutes, 40 GB

POSTGREST_URL=http://host:port POSTGREST_TOKEN=... holds reads over HTTP against a PostgREST of your own instead of the
local stand-in; the token is one of a user who has an account there, POSTGREST_APIKEY a key if there is a gateway.
"""


class Bench:
    """One run: how thorough it is, and the stack that several groups share."""

    def __init__(self, full: bool, rows: int) -> None:
        self.full = full
        self.rows = rows
        self.group = ""
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def tell(self, line: str) -> None:
        """Say what is being done."""
        print(f"  {self.group}: {line}", file=sys.stderr, flush=True)

    @cached_property
    def stage(self) -> Stage:
        """A whole Scrip, started when somebody needs it."""
        return self._open.enter_context(staged(self.tell))


def _books(bench: Bench) -> list[Figure]:
    return books.measure(books.FULL if bench.full else books.QUICK, bench.tell)


def _growth(bench: Bench) -> list[Figure]:
    effort = growth.FULL if bench.full else growth.QUICK
    return growth.measure(replace(effort, sizes=effort.sizes + (bench.rows,) * bool(bench.rows)), bench.tell)


def _weight(bench: Bench) -> list[Figure]:
    return list(weight.measure(bench.stage, bench.tell, full=bench.full))


def _queue(bench: Bench) -> list[Figure]:
    return queue.measure(bench.stage, queue.FULL if bench.full else queue.QUICK)


def _http(bench: Bench) -> list[Figure]:
    return http.measure(bench.stage, http.FULL if bench.full else http.QUICK)


# In this order: those that share the stack end programs that they are done with.
GROUPS: dict[str, Callable[[Bench], list[Figure]]] = {
    "books": _books,
    "growth": _growth,
    "weight": _weight,
    "queue": _queue,
    "http": _http,
}


def main(arguments: Sequence[str]) -> int:
    """Measure and report; 0 unless something could not be measured."""
    options = parse(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    environment.clean_own()
    began = time.monotonic()
    try:
        with Bench(options.full, options.rows) as bench:
            figures = [figure for name in GROUPS if name in options.only for figure in _group(name, bench)]
    except KeyboardInterrupt:
        return 130
    run = report.Run(datetime.now(UTC), time.monotonic() - began, "scripts/bench " + " ".join(arguments))
    report.show(run, figures, as_json=options.json)
    if options.write:
        options.write.write_text(report.page(run, figures))
    return 1 if any(figure.value is None for figure in figures) else 0


def _group(name: str, bench: Bench) -> list[Figure]:
    bench.group = name
    try:
        return GROUPS[name](bench)
    except EXPECTED as failure:
        display.bad(f"{name}: {failure}")
        return [missing(name, "all of it", str(failure))]


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measures Scrip on a stack of its own: each figure beside a floor measured in the same minutes, "
        "since machines differ and wander. Ends with 0, fast or slow; with 1 when something could not be measured.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    effort = parser.add_mutually_exclusive_group()
    effort.add_argument("--quick", action="store_true", help="less than four minutes (the default)")
    effort.add_argument("--full", action="store_true", help="longer rounds and more rows: about a quarter of an hour")
    parser.add_argument("--only", type=_groups, default=list(GROUPS), metavar="GROUPS", help=", ".join(GROUPS))
    parser.add_argument("--rows", type=_rows, default=0, metavar="N", help="growth: also with so many ledger rows")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write them as a page of the documentation too")
    return parser.parse_args(arguments)


def _rows(text: str) -> int:
    if not text.isdigit() or int(text) < history.ROWS_PER_WALLET:
        raise argparse.ArgumentTypeError(f"{text} is not a number from {history.ROWS_PER_WALLET}")
    return int(text)


def _groups(text: str) -> list[str]:
    wanted = [part.strip() for part in text.split(",") if part.strip()]
    unknown = [name for name in wanted if name not in GROUPS]
    if unknown or not wanted:
        raise argparse.ArgumentTypeError(
            f"{', '.join(unknown) or 'nothing'} is no group; there are {', '.join(GROUPS)}"
        )
    return wanted


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
