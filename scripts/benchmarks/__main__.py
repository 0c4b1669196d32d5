"""The program behind scripts/bench."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psycopg
import redis

from scripts.benchmarks import books, report
from scripts.benchmarks.figures import Figure, missing
from scripts.benchmarks.ground import CannotMeasure, Tell
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
"""

Measure = Callable[[bool, Tell], list[Figure]]
GROUPS: dict[str, Measure] = {
    "books": lambda full, tell: books.measure(books.FULL if full else books.QUICK, tell),
}


def main(arguments: Sequence[str]) -> int:
    """Measure and report; 0 unless something could not be measured."""
    options = parse(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    environment.clean_own()
    began = time.monotonic()
    try:
        figures = [figure for name in options.only for figure in _group(name, options.full)]
    except KeyboardInterrupt:
        return 130
    run = report.Run(datetime.now(UTC), time.monotonic() - began, "scripts/bench " + " ".join(arguments))
    report.show(run, figures, as_json=options.json)
    if options.write:
        options.write.write_text(report.page(run, figures))
    return 1 if any(figure.value is None for figure in figures) else 0


def _group(name: str, full: bool) -> list[Figure]:
    try:
        return GROUPS[name](full, lambda line: print(f"  {name}: {line}", file=sys.stderr, flush=True))
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
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write them as a page of the documentation too")
    return parser.parse_args(arguments)


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
