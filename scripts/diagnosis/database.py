"""The database: reachable, migrated, its functions equal to the files."""

from __future__ import annotations

import re
from collections.abc import Sequence

import psycopg

from scripts.diagnosis.findings import Check, Finding, fail, ok, skip, warn
from scripts.diagnosis.patient import Patient
from scripts.migrations import history
from scripts.migrations.connection import Connection, describe
from scripts.migrations.errors import MigrationError
from scripts.migrations.execute import run_statement
from scripts.migrations.files import (
    SUPABASE_DIR,
    FunctionFile,
    load_functions,
    load_migrations,
    shipped_functions,
    unshipped,
)
from scripts.migrations.functions import snapshot

UP = ".venv/bin/python scripts/migrate.py up"
OLDEST = 150000
_TRIGGER = re.compile(r"create\s+(?:or\s+replace\s+)?trigger\s+(\w+)", re.IGNORECASE)
_ENABLED = "select tgname::text from pg_trigger where not tgisinternal and tgenabled in ('O', 'A')"
_SERVER = """
select current_setting('server_version_num')::int, current_setting('server_version'), pg_has_role('postgres', 'usage')
"""
# Inside the transaction that has just loaded every file: what it did not touch is in no file.
_STRAY = """
select p.oid::regprocedure::text,
       has_function_privilege('anon', p.oid, 'execute') or has_function_privilege('authenticated', p.oid, 'execute')
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
 where n.nspname in ('public', 'private') and p.xmin <> pg_current_xact_id()::xid
   and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
 order by 1
"""


def reachable(patient: Patient) -> list[Finding]:
    """The database lets us in, as a role that may look at everything."""
    if not patient.database_url:
        mend = "Set DATABASE_URL (scripts only; the app never connects) to have the database itself looked at."
        return [skip("DATABASE_URL is not set", mend)]
    try:
        with patient.database() as connection:
            number, version, is_owner = connection.execute(_SERVER).fetchone() or (0, "", False)
    except MigrationError as error:
        return [fail(error.message, error.mend)]
    if int(str(number)) < OLDEST:
        return [fail(f"PostgreSQL {version} is too old", "Scrip needs PostgreSQL 15 or newer.")]
    where = f"PostgreSQL {str(version).split()[0]}, {describe(patient.database_url)}"
    if not is_owner:
        return [fail(f"{where}: this role does not own the tables", "Connect as postgres, as migrate.py does.")]
    return [ok(where)]


def migrations(patient: Patient) -> list[Finding]:
    """The database has run exactly the migrations of this checkout."""
    with patient.database() as connection:
        comparison = history.compare(load_migrations(SUPABASE_DIR), history.read(connection))
    found = []
    if comparison.pending:
        names = _some([one.path.name for one in comparison.pending])
        found.append(fail(f"{len(comparison.pending)} pending: {names}", UP))
    for one in comparison.edited:
        mend = f"git log -p {one.path.relative_to(SUPABASE_DIR.parent)}: bring the text back, ship a new migration."
        found.append(fail(f"{one.path.name} was edited after this database ran it", mend))
    if comparison.unknown:
        names = _some([f"{row.version}_{row.name}" for row in comparison.unknown])
        found.append(fail(f"the database ran migrations that are not in this checkout: {names}", "git pull"))
    return found or [ok(f"{len(comparison.applied)} applied, newest {_newest()}")]


def migrations_by_rest(patient: Patient) -> list[Finding]:
    """Without a connection, the newest applied version is all that can be asked for."""
    answer = patient.rpc("get_schema_version", patient.secret_key)
    if answer.status_code != 200:
        return [fail("the database does not tell its version: it was never migrated, or REST is down", UP)]
    applied, wanted = str(answer.json() or "none"), _newest()
    if applied < wanted or applied == "none":
        return [fail(f"{applied} is the newest applied, this checkout needs {wanted}", UP)]
    if applied > wanted:
        return [warn(f"the database is at {applied}, newer than this checkout ({wanted})", "git pull")]
    return [ok(f"newest applied is {applied} (no more can be seen without DATABASE_URL)")]


def functions(patient: Patient) -> list[Finding]:
    """Text, attributes and grants of every function are as shipped.

    PostgreSQL itself compares: the files are loaded once more and rolled back. Triggers are only looked up, because
    loading one would make writers wait.
    """
    all_migrations = load_migrations(SUPABASE_DIR)
    shipped = shipped_functions(all_migrations)
    with patient.database(read_only=False) as connection:
        enabled = {str(row[0]) for row in connection.execute(_ENABLED)}
        before = snapshot(connection)
        connection.execute("set local check_function_bodies = off")
        try:
            _load(connection, shipped)
        except (MigrationError, psycopg.Error) as error:
            cause = f"could not be compared: {' '.join(str(error).split())[:200]}"
            return [warn(cause, "Is a migration running? Then try again; otherwise see migrate.py up --dry-run.")]
        after = snapshot(connection)
        stray = connection.execute(_STRAY).fetchall()
    found = [_changed(name, before, after) for name in sorted(before.keys() | after.keys())]
    found = [one for one in found if one.state != "ok"]
    found += [fail(f"trigger {name} is missing or switched off", UP) for name in sorted(_triggers(shipped) - enabled)]
    found += [_stray(str(name), bool(exposed)) for name, exposed in stray]
    if waiting := unshipped(all_migrations, load_functions(SUPABASE_DIR)):
        names = _some([one.path.removeprefix("functions_sql/") for one in waiting])
        found.append(warn(f"edited in this checkout, in no migration: {names}", "scripts/migrate.py ship <name>"))
    return found or [ok(f"{len(shipped)} files as shipped, text and grants")]


def _changed(name: str, before: dict[str, str], after: dict[str, str]) -> Finding:
    old, new = before.get(name), after.get(name)
    if old == new:
        return ok(name)
    if new is None:
        return fail(f"{name} should have been dropped", UP)
    if old is None:
        return fail(f"{name} is missing", UP)
    what = "grants are" if old.rpartition("\n")[0] == new.rpartition("\n")[0] else "text is"
    return fail(f"{name}: its {what} not what was shipped", f"{UP} puts it back.")


def _stray(name: str, exposed: bool) -> Finding:
    mend = f"drop function {name}; or give it a file in supabase/functions_sql and ship it."
    if exposed:
        return fail(f"function {name} is in no file, and users may call it", mend)
    return warn(f"function {name} is in no file", mend)


def _triggers(files: Sequence[FunctionFile]) -> set[str]:
    matches = (_TRIGGER.match(statement.code) for file in files for statement in file.statements)
    return {match[1] for match in matches if match}


def _newest() -> str:
    return max((one.version for one in load_migrations(SUPABASE_DIR)), default="")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _load(connection: Connection, shipped: Sequence[FunctionFile]) -> None:
    for file in shipped:
        for statement in file.statements:
            if not _TRIGGER.match(statement.code):
                run_statement(connection, file.path, statement)


CHECKS = (
    Check("database", "Database", reachable),
    Check("migrations", "Database", migrations, needs=("database",)),
    Check("functions", "Database", functions, needs=("migrations",)),
)
# Without a connection only the version can be asked for, and the other two say why they were not done.
CHECKS_BY_REST = (
    CHECKS[0],
    Check("migrations", "Database", migrations_by_rest, needs=("rest",)),
    Check("functions", "Database", functions, needs=("database",)),
)
