#!/usr/bin/env python3
"""Makes the first owner, with access to the database: scripts/admin.py promote EMAIL.

Owners then give roles to others: PUT /api/v1/admin/users/{id}/role. It is the way back in, too, when all owners are out
of reach. As every change of a role it is written into the audit log. DATABASE_URL is the one of migrate.py.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

try:
    import psycopg
    from psycopg.rows import scalar_row

    from scripts.migrations.connection import connect
    from scripts.migrations.errors import MigrationError
except ModuleNotFoundError:
    sys.exit("psycopg is not installed here: use .venv/bin/python scripts/admin.py (scripts/start makes .venv).")

REFUSED = 1


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code: 0 done, 1 refused, 2 misuse, 3 no connection."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    promote = commands.add_parser("promote", help="make somebody who has signed up an owner")
    promote.add_argument("email")
    parser.add_argument("--database-url", default=os.environ.get("DATABASE_URL"), help="instead of DATABASE_URL")
    given = parser.parse_args(arguments)
    if not given.database_url:
        parser.error("set DATABASE_URL to the direct connection of the project's database, as role postgres")
    return _promote(given.database_url, given.email)


def _promote(url: str, email: str) -> int:
    try:
        with connect(url) as connection, connection.cursor(row_factory=scalar_row) as cursor:
            done = cursor.execute("select private.promote_owner(%s)", [email]).fetchone()
    except MigrationError as error:  # which shows no password, as psycopg may
        print(error, file=sys.stderr)
        return error.exit_code
    except psycopg.Error as error:
        print(_why(error), file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        sys.exit("Stopped.")
    before = done["previous"]
    print(
        f"{email} is an owner already" if before == "owner" else f"{email} is an owner now (was: {before or 'no role'})"
    )
    return 0


def _why(error: psycopg.Error) -> str:
    if error.sqlstate in ("3F000", "42883"):
        return "this database lacks private.promote_owner: run scripts/migrate.py up"
    if error.sqlstate == "42501":
        return "this role may not do it: connect as the owner of the tables (postgres on Supabase)"
    return str(error.diag.message_hint or error)


if __name__ == "__main__":
    sys.exit(main())
