"""The command line of scripts/doctor.py compare."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scripts.comparison.differences import Comparison, compare
from scripts.comparison.environments import Environment, apart, named
from scripts.diagnosis.report import console_for_people
from scripts.diagnosis.surroundings import NotThere

EPILOG = """
A and B are each a file of variables that sets DATABASE_URL, or such an address itself (which other users of the
machine can see in the process list). As for migrate.py: role postgres, port 5432.

  python scripts/doctor.py compare .env.staging .env.production
  python scripts/doctor.py compare postgresql://postgres:secret@127.0.0.1:54322/postgres .env.production --json

Compared are migrations, functions, which variables are set (never their values), models and prices, packages, plans,
flags, prompts, limits of roles, and the scheduler's jobs. Nothing is changed.

Exit codes: 0 they are the same, 1 something differs, 2 one of them can't be reached, or misuse. More: docs/doctor.md
"""


def main(arguments: Sequence[str]) -> int:
    """Compare two environments, and say what differs."""
    options = _parser().parse_args(arguments)
    try:
        a, b = apart(named(options.a), named(options.b))
        found = compare(a, b)
    except NotThere as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if options.json:
        sys.stdout.write(json.dumps(as_json(a, b, found), indent=2, ensure_ascii=False) + "\n")
    else:
        show(a, b, found, console_for_people())
    return 1 if found.differences else 0


def as_json(a: Environment, b: Environment, found: Comparison) -> dict[str, Any]:
    """Return what --json prints."""
    return {
        "same": not found.differences,
        "a": a.label,
        "b": b.label,
        "differences": [
            {name: _scrubbed(a, b, value) for name, value in vars(one).items()} for one in found.differences
        ],
        "not_compared": [{"section": section, "cause": cause} for section, cause in found.unknown],
    }


def show(a: Environment, b: Environment, found: Comparison, console: Console) -> None:
    """Print a table of what differs, and the verdict below it."""
    console.print(Text(f"A  {a.label}\nB  {b.label}\n"))
    if found.differences:
        console.print(_table(a, b, found))
    for section, cause in found.unknown:
        console.print(Text(f"{section} not compared: {cause}", "dim"))
    count = len(found.differences)
    verdict = f"{count} difference{'s' if count > 1 else ''}" if count else "no difference"
    console.print(Text(verdict, "bold red" if count else "bold green"))


def _table(a: Environment, b: Environment, found: Comparison) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for name, ratio in (("", None), ("what", 4), ("A", 3), ("B", 3)):
        table.add_column(name, overflow="fold", ratio=ratio)
    section = ""
    for number, one in enumerate(found.differences):
        if section and one.section != section:
            table.add_section()
        what = Text(one.name).append(f"\n{one.cause}", "dim")
        last = number + 1 == len(found.differences) or found.differences[number + 1].section != one.section
        if last:  # what helps is the same for the whole section
            what.append("\n→ ", "cyan").append(one.mend, "cyan")
        sides = [Text(_scrubbed(a, b, text)) for text in (one.a, one.b)]
        table.add_row(Text("" if one.section == section else one.section), what, *sides)
        section = one.section
    return table


def _scrubbed(a: Environment, b: Environment, text: str) -> str:
    return b.patient.scrub(a.patient.scrub(text))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="doctor.py compare",
        description="Says what differs between two environments.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("a", metavar="A", help="a file like .env, or a DATABASE_URL")
    parser.add_argument("b", metavar="B", help="the other one")
    parser.add_argument("--json", action="store_true", help="for machines")
    return parser
