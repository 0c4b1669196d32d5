"""The program behind scripts/chaos."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence

import httpx
import psycopg
import redis

from scripts.local import display, environment
from scripts.local.__main__ import interrupt
from scripts.local.binaries import PostgresMissing
from scripts.local.processes import ProcessFailed
from scripts.local.valkey import ValkeyMissing
from scripts.migrations.errors import MigrationError
from scripts.storms.report import Reporter
from scripts.storms.storm import Order, OutOfTime, Storm
from scripts.storms.users import GaveUp

EXPECTED = (
    *(PostgresMissing, ProcessFailed, ValkeyMissing, MigrationError, OutOfTime, GaveUp),
    *(httpx.HTTPError, psycopg.Error, redis.RedisError),
)

EXAMPLES = """examples:
  scripts/chaos                                       300 generations, two minutes or three
  scripts/chaos --generations 5000 --minutes 90       the long run
  scripts/chaos --seed 7 --json > receipt.json        the same wishes and the same order of blows as any run with seed 7
  scripts/chaos --calm --generations 200              no storm: how long generations wait, what Redis is asked
  scripts/chaos --spoil "update public.wallets set balance = balance + 1"     ends with 1: the checks can fail
"""


def main(arguments: Sequence[str]) -> int:
    """Run one storm; 0 when every figure is as it must be, 1 when one differs."""
    options = parse(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    environment.clean_own()
    order = Order(
        generations=options.generations,
        users=options.users,
        workers=options.workers,
        seed=options.seed,
        minutes=options.minutes,
        idle_seconds=options.idle_seconds,
        hurry=options.hurry,
        calm=options.calm,
        spoil=options.spoil,
        keep=options.keep,
    )
    try:
        with Reporter(order, as_json=options.json) as reporter:
            return 0 if Storm(order, reporter).run() else 1
    except KeyboardInterrupt:
        return 130
    except EXPECTED as failure:
        display.bad(str(failure))
        return 1


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/chaos",
        description="Runs a stack of its own, lets users generate while everything under them is killed, flushed and "
        "cut off, waits until it has settled by itself, and checks every credit. Ends with 0 when all figures are "
        "as they must be, with 1 when one differs.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--generations", type=_positive, default=300, metavar="N", help="how many (default: 300)")
    parser.add_argument("--users", type=_positive, default=20, metavar="N", help="who ask for them (default: 20)")
    parser.add_argument("--workers", type=_positive, default=4, metavar="N", help="who make them (default: 4)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="chooses wishes and blows (default: 1)")
    parser.add_argument("--minutes", type=float, default=15, metavar="N", help="fail if it takes longer (default: 15)")
    parser.add_argument(
        "--idle-seconds",
        type=float,
        default=60,
        metavar="N",
        help="how long to watch the idle system",
    )
    parser.add_argument(
        "--hurry", action="store_true", help="let the minute after which a lost hint is told again pass at once"
    )
    parser.add_argument(
        "--calm", action="store_true", help="no blows, and a provider that behaves: how fast this machine is"
    )
    parser.add_argument(
        "--spoil",
        default="",
        metavar="SQL",
        help="run this in the throw-away database before the books are checked, to see the checks fail",
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--keep", action="store_true", help="keep the folder with data and logs, and say where it is")
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text} is not a number above zero")
    return int(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
