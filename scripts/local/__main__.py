"""The program behind scripts/start."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import httpx
import psycopg

from scripts.local import display, environment, once, ports
from scripts.local.binaries import PostgresMissing
from scripts.local.client import CallFailed
from scripts.local.demo import SeedFailed, seed_users
from scripts.local.payments import LiveKey
from scripts.local.places import DEFAULT_HOME, AlreadyRunning, only_stack, places_in
from scripts.local.processes import ProcessFailed
from scripts.local.stack import Stack
from scripts.local.valkey import ValkeyMissing
from scripts.local.welcome import show_welcome
from scripts.migrations.errors import MigrationError

EXPECTED = (
    *(AlreadyRunning, CallFailed, MigrationError, PostgresMissing, ProcessFailed, SeedFailed, ValkeyMissing),
    *(LiveKey, once.Differs, ports.PortTaken, httpx.HTTPError, psycopg.Error, OSError),
)

EXAMPLES = """examples:
  scripts/start                       everything, until Ctrl-C
  scripts/start --once                the main job end to end on a stack of its own, then exit
  scripts/start --web-port 8080       the API somewhere else (or SCRIP_WEB_PORT=8080)
  scripts/start --data-dir /tmp/two   a second stack beside the first
"""


def main(arguments: Sequence[str]) -> int:
    """Run a stack, or the main job once; returns the exit code."""
    options = parse(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    ignored = environment.ignored()
    if ignored:
        display.step(f"not using {', '.join(ignored)} of your shell: this stack brings its own")
    environment.clean_own()
    try:
        once.run() if options.once else run(options)
    except KeyboardInterrupt:
        return 130 if options.once else 0
    except EXPECTED as failure:
        display.bad(str(failure))
        return 1
    return 0


def run(options: argparse.Namespace) -> None:
    """Start everything, say where it is, and look after it until somebody ends it."""
    places = places_in(options.data_dir)
    with only_stack(places, display.step) as note_address:
        asked = ports.from_environment() | asked_ports(options)
        with Stack(places, ports.choose(asked, display.step), display.step) as stack:
            logins = seed_users(stack.supabase_url, stack.keys, stack.database_url, places)
            note_address(stack.web_url)
            show_welcome(stack, logins)
            with environment.noted(places.environment, stack.operator_environment()):
                while True:
                    time.sleep(0.5)
                    stack.supervisor.check()


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/start",
        description="Runs all of Scrip on this machine: PostgreSQL, Valkey, a local Supabase, API, worker, scheduler.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--once", action="store_true", help="do the main job end to end, check it, and exit")
    parser.add_argument("--data-dir", type=Path, default=DEFAULT_HOME, help="where data is kept (default: .local)")
    for name, usual in ports.DEFAULTS.items():
        text = f"port of {ports.WHAT[name]} (default: {usual}, or the next free one)"
        parser.add_argument(f"--{name}-port", type=port_number, metavar="PORT", help=text)
    return parser.parse_args(arguments)


def asked_ports(options: argparse.Namespace) -> dict[str, int]:
    """The ports that the command line sets."""
    given = {name: getattr(options, f"{name}_port") for name in ports.DEFAULTS}
    return {name: port for name, port in given.items() if port}


def port_number(text: str) -> int:
    """A port from the command line."""
    if not (text.isdigit() and 0 < int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text} is no port number (1 to 65535)")
    return int(text)


def interrupt(number: int, frame: FrameType | None) -> None:
    """Being asked to end is the same as Ctrl-C, which a shell hides from what it runs in the background."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
