"""The words of `--help`."""

from __future__ import annotations

import argparse
from pathlib import Path

_EPILOG = """
DATABASE_URL must be the direct connection or the session pooler (port 5432), and the role that owns the tables
(`postgres` on Supabase). Exit codes: 0 done, 1 refused or failed, 2 misuse, 3 no connection.

  export DATABASE_URL='postgresql://postgres:...@db.example:5432/postgres'
  python scripts/migrate.py status
"""
_UP = """
Apply the pending files in order, each in one transaction with its row in supabase_migrations.schema_migrations (so that
`supabase db push` can be used on the same database), then put the functions back to what the migrations shipped.

Functions: in one transaction every shipped function file is applied again; if that changed nothing it is rolled back,
otherwise what was mended is named. An edit in functions_sql that no migration carries is left out and named, except in
development: with --dev, or with APP_ENV=local and a database on this machine, the files themselves are loaded.

Refused before anything is done: an applied file that was edited, a version in the database that this checkout does not
have, a pending file older than the newest applied one. Two runs at once: one waits.

  python scripts/migrate.py up                  a deploy
  python scripts/migrate.py up --dry-run        what a deploy would do
  python scripts/migrate.py up --dev            edit a function, load it, test it
"""
_STATUS = """
Show every migration as applied, pending, edited, unverified, late or unknown. Writes nothing.

  python scripts/migrate.py status
  python scripts/migrate.py status --json | jq .pending
  python scripts/migrate.py status --exit-code && echo up to date
"""
_SHIP = """
Write supabase/migrations/<now>_<name>_functions.sql with every function file whose text differs from its newest copy in
the migrations. Files go by path; one that must come later says `-- needs functions_sql/<subject>/<file>.sql`.

  python scripts/migrate.py ship cap_spending
"""
_CHECK = """
Prove, without a database, that the newest copy of every function file is the file, that deleted files were dropped, and
that every file keeps the rules: names, no transactions of its own, revoke before grant, search_path.

  python scripts/migrate.py check
"""
_DOWN = """
Undo the last applied migration with the statements of its `-- rollback:` section, comment lines such as

  -- rollback:
  -- alter table public.wallets drop column colour;

It shows them and asks first. Without such a section it refuses. In production, prefer a new migration.

  python scripts/migrate.py down
  python scripts/migrate.py down --yes          in a script
"""


def parser(supabase_dir: Path) -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(
        prog="migrate.py",
        description="The migrations of Scrip's database.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="up | status | ship | check | down")
    up = _add(commands, "up", "apply what is pending", _UP, supabase_dir)
    _database(up)
    _waits(up)
    up.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    up.add_argument("--dev", action="store_true", help="load functions_sql as it is, shipped or not")
    up.add_argument("--no-functions", action="store_true", help="leave the functions as they are")
    up.add_argument("--accept-edited", action="store_true", help="record applied files as they read now")
    status = _add(commands, "status", "show what is applied, pending, edited", _STATUS, supabase_dir)
    _database(status)
    status.add_argument("--json", action="store_true", help="for machines")
    status.add_argument("--exit-code", action="store_true", help="exit with 1 unless the database is up to date")
    ship = _add(commands, "ship", "write the migration for edited functions", _SHIP, supabase_dir)
    ship.add_argument("name", help="what it is about: lower-case letters, digits and _")
    _add(commands, "check", "prove that migrations ship what functions_sql says", _CHECK, supabase_dir)
    down = _add(commands, "down", "undo the last migration", _DOWN, supabase_dir)
    _database(down)
    _waits(down)
    down.add_argument("--yes", action="store_true", help="do not ask")
    return top


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, line: str, text: str, supabase_dir: Path
) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name, help=line, description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    command.add_argument(
        "--supabase-dir", default=supabase_dir, metavar="DIR", help="folder with migrations/ and functions_sql/"
    )
    return command


def _waits(command: argparse.ArgumentParser) -> None:
    command.add_argument("--wait", type=float, default=300, metavar="S", help="seconds to wait for another run (300)")


def _database(command: argparse.ArgumentParser) -> None:
    command.add_argument("--database-url", metavar="URL", help="instead of DATABASE_URL (others see it in `ps`)")
