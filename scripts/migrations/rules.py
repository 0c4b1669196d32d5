"""What `check` holds without a database: the history is well formed, and it ships what functions_sql says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from scripts.migrations.files import (
    FunctionFile,
    Mention,
    Migration,
    load_functions,
    load_migrations,
    newest_mentions,
    unshipped,
    without_copies,
)
from scripts.migrations.function_rules import created_functions, function_problems, revoked_signatures
from scripts.migrations.statements import Statement, split
from scripts.migrations.table_rules import table_problems

_FILE_NAME = re.compile(r"\d{14}_[a-z0-9_]+\.sql")
_OWN_TRANSACTION = re.compile(r"(begin|start\s+transaction|commit|end|rollback(?!\s+to\b)|abort)\b", re.IGNORECASE)
_CONCURRENTLY = re.compile(
    r"(create\s+(unique\s+)?index|drop\s+index|reindex\b.*?|refresh\s+materialized\s+view)\s+concurrently\b"
    r"|alter\s+table\b.*\bdetach\s+partition\b.*\bconcurrently\b",
    re.IGNORECASE | re.DOTALL,
)
_SETTING = re.compile(r"(set|reset)\s|$", re.IGNORECASE)
_OLD_INIT_BEFORE = "20211209000000"


def check(supabase_dir: Path) -> list[str]:
    """Return every problem of migrations/ and functions_sql/, each as one sentence that says what to do."""
    migrations = load_migrations(supabase_dir)
    functions = load_functions(supabase_dir)
    problems = list(_name_problems(supabase_dir / "migrations", migrations))
    for migration in migrations:
        problems += [*migration_problems(migration), *table_problems(migration)]
    for function in functions:
        problems += function_problems(function, {one.path for one in functions})
    return [*problems, *shipping_problems(migrations, functions)]


def migration_problems(migration: Migration) -> list[str]:
    """Return what would make this file unsafe to run, here or by `supabase db push`."""
    name = migration.path.name
    if migration.text.startswith("\ufeff"):
        return [f"{name} starts with a byte order mark, which PostgreSQL refuses: save it as plain UTF-8."]
    problems = [problem for one in migration.statements for problem in _statement_problems(migration, one)]
    if not any(one.code for one in migration.statements):
        problems.append(f"{name} has no statement.")
    if not migration.transactional and len(_work(migration)) > 1:
        problems.append(
            f"{name} is marked `-- no transaction` and has {len(_work(migration))} statements: "
            "one each, so that a failure cannot stop half-way."
        )
    if migration.generated and any(not _SETTING.match(one.code) for one in split(without_copies(migration.text))):
        problems.append(
            f"{name} was generated and has something of its own: put that into a migration written by hand."
        )
    return problems


def shipping_problems(migrations: list[Migration], functions: list[FunctionFile]) -> list[str]:
    """Return the function files whose newest copy in the migrations is not what the file says."""
    newest = newest_mentions(migrations)
    files = {function.path: function for function in functions}
    problems = list(_unshipped(unshipped(migrations, functions), newest))
    for path, mention in newest.items():
        if path not in files and mention.text is not None:
            problems.append(_undropped(path, mention.text))
    return problems


def _unshipped(functions: list[FunctionFile], newest: dict[str, Mention]) -> Iterator[str]:
    states: dict[str, list[str]] = {}
    for function in functions:
        states.setdefault(_state(newest.get(function.path)), []).append(function.path)
    for state, paths in states.items():
        yield f"{state}, so run `python scripts/migrate.py ship <name>`:\n  " + "\n  ".join(paths)


def _state(mention: Mention | None) -> str:
    if mention is None:
        return "Not shipped: in no migration yet"
    if mention.text is None:
        return f"Not shipped: dropped by {mention.migration.path.name} and back"
    return f"Not shipped: edited since the newest copy, in {mention.migration.path.name}"


def _undropped(path: str, text: str) -> str:
    drops = " ".join(f"drop function if exists {one};" for one in revoked_signatures(text))
    return (
        f"{path} was deleted, but databases still have its functions: write a migration with the line "
        f"`-- dropped {path}` and `{drops or 'drop function if exists ...;'}`, or bring the file back."
    )


def _name_problems(folder: Path, migrations: list[Migration]) -> Iterator[str]:
    for path in sorted(folder.rglob("*.sql")):
        if path.parent != folder:
            yield f"{path.relative_to(folder)} lies in a sub-folder, which the Supabase CLI ignores: move it up."
        elif not _FILE_NAME.fullmatch(path.name):
            yield f"{path.name} is not named <14 digits>_<lower_case_name>.sql."
    by_version: dict[str, Migration] = {}
    for migration in migrations:
        if other := by_version.get(migration.version):
            yield f"{migration.path.name} and {other.path.name} have the same version: give one of them a later one."
        if migration.name == "init" and migration.version < _OLD_INIT_BEFORE:
            yield f"{migration.path.name} is a name that the Supabase CLI skips: rename it."
        by_version[migration.version] = migration


def _statement_problems(migration: Migration, statement: Statement) -> Iterator[str]:
    where = f"{migration.path.name}:{statement.line_at(None)}"
    if _OWN_TRANSACTION.match(statement.code):
        yield f"{where} begins or ends a transaction: each file is one already, with its row in the history."
    if statement.code.startswith("\\"):
        yield f"{where} is a psql command, not SQL."
    if migration.transactional and _CONCURRENTLY.match(statement.code):
        yield f"{where} works concurrently: put it alone in a file whose first line is `-- no transaction`."
    if not migration.generated and created_functions(statement):
        yield f"{where} creates a function: put it in functions_sql/ and ship it, so that it is read in one place."


def _work(migration: Migration) -> list[Statement]:
    return [one for one in migration.statements if not _SETTING.match(one.code)]
