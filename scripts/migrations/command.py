"""The command line of scripts/migrate.py."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import psycopg
from rich.console import Console
from rich.markup import escape

from scripts.migrations import up
from scripts.migrations.connection import is_local, parse, scrub
from scripts.migrations.errors import MigrationError
from scripts.migrations.files import SUPABASE_DIR
from scripts.migrations.help import parser
from scripts.migrations.report import status
from scripts.migrations.rollback import Undo, down
from scripts.migrations.rules import check
from scripts.migrations.ship import ship

_PRODUCTION = ("staging", "production")
_INTERRUPTED = 130

out = Console(highlight=False, soft_wrap=True)
err = Console(highlight=False, soft_wrap=True, stderr=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0 when all is well, 1 when it refused or failed, 2 for misuse, 3 without database."""
    options = parser(SUPABASE_DIR).parse_args(arguments)
    options.database_url = getattr(options, "database_url", None) or os.environ.get("DATABASE_URL", "")
    try:
        return int(_COMMANDS[options.command](options))
    except MigrationError as error:
        err.print(f"[bold red]{escape(error.message)}[/]")
        if error.mend:
            err.print(escape(error.mend))
        return error.exit_code
    except psycopg.Error as error:
        err.print(f"[bold red]{escape(scrub(str(error), options.database_url))}[/]")
        return 1
    except KeyboardInterrupt:
        err.print("Interrupted; what was under way has been rolled back.")
        return _INTERRUPTED


def _up(options: argparse.Namespace) -> int:
    chosen = up.Options(
        dev=options.dev or _develops_here(options.database_url),
        functions=not options.no_functions,
        accept_edited=options.accept_edited,
        dry_run=options.dry_run,
        wait_seconds=options.wait,
    )
    if options.dev and os.environ.get("APP_ENV") in _PRODUCTION:
        raise MigrationError(f"--dev is not for APP_ENV={os.environ['APP_ENV']}.", "Ship the functions instead.")
    up.run(options.database_url, _folder(options), chosen, _say)
    return 0


def _status(options: argparse.Namespace) -> int:
    found = status(options.database_url, _folder(options))
    if options.json:
        sys.stdout.write(json.dumps(found.as_json(), indent=2) + "\n")
    else:
        _table_console().print(found.as_table())
        if found.not_shipped:
            _say(f"Not shipped, so run `migrate.py ship <name>`: {', '.join(found.not_shipped)}")
    return 0 if found.current or not options.exit_code else 1


def _ship(options: argparse.Namespace) -> int:
    path, shipped = ship(options.name, _folder(options))
    if path is None:
        _say("Nothing to ship: every function file is in a migration as it is.")
        return 0
    for name in shipped:
        _say(f"shipped  {name}")
    _say(f"wrote    {os.path.relpath(path)}")
    return 0


def _check(options: argparse.Namespace) -> int:
    problems = check(_folder(options))
    for problem in problems:
        err.print(f"[red]{escape(problem)}[/]")
    if not problems:
        _say("Migrations and functions agree.")
    return 1 if problems else 0


def _down(options: argparse.Namespace) -> int:
    def confirm(undo: Undo) -> bool:
        return _agreed(undo, options.yes)

    if not down(options.database_url, confirm, _folder(options), wait_seconds=options.wait, say=_say):
        _say("Nothing was undone.")
        return 1
    _say("undone")
    return 0


_COMMANDS = {"up": _up, "status": _status, "ship": _ship, "check": _check, "down": _down}


def _agreed(undo: Undo, yes: bool) -> bool:
    _say(f"{undo.migration.path.name} on {undo.database} would be undone by:")
    for statement in undo.statements:
        out.print(f"  {escape(statement.code)};", style="red" if undo.loses_data else "")
    if undo.loses_data:
        _say("This loses data, for good.")
    if yes:
        return True
    if not sys.stdin.isatty():
        raise MigrationError("Nothing was undone: there is no terminal to ask at.", "Pass --yes if you mean it.")
    return out.input("Undo it? Type yes: ").strip().lower() == "yes"


def _develops_here(database_url: str) -> bool:
    """APP_ENV=local alone means development only for a database on this machine."""
    parse(database_url)
    return os.environ.get("APP_ENV") == "local" and is_local(database_url)


def _folder(options: argparse.Namespace) -> Path:
    return Path(options.supabase_dir)


def _say(line: str) -> None:
    out.print(escape(line))


def _table_console() -> Console:
    """Never cut a table off where there is no terminal to fit it in."""
    return out if out.is_terminal else Console(highlight=False, width=200)
