"""Undo the last migration from its `-- rollback:` section, after asking."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scripts.migrations import history
from scripts.migrations.connection import Connection, connect, describe
from scripts.migrations.errors import MigrationError
from scripts.migrations.execute import fresh_session, run_in_transaction, run_statement
from scripts.migrations.files import SUPABASE_DIR, Migration, load_migrations
from scripts.migrations.lock import exclusive
from scripts.migrations.statements import Statement, split

_SECTION = re.compile(r"^--[ \t]*rollback:[ \t]*$\n(?P<lines>(?:^--.*(?:\n|\Z))+)", re.IGNORECASE | re.MULTILINE)
_LOSES_DATA = re.compile(
    r"\b(drop\s+(table|schema|column|type|materialized\s+view|sequence)|truncate|delete\s+from|update\s"
    r"|alter\s+table\b.*\b(drop|type)\b)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True)
class Undo:
    """What `down` is about to do: shown to people before they say yes."""

    migration: Migration
    statements: list[Statement]
    database: str

    @property
    def loses_data(self) -> bool:
        """Tell whether a statement drops or changes rows, as far as its words tell."""
        return any(_LOSES_DATA.search(one.code) for one in self.statements)


def down(
    database_url: str,
    confirm: Callable[[Undo], bool],
    supabase_dir: Path = SUPABASE_DIR,
    *,
    wait_seconds: float = 300,
    say: Callable[[str], None] = print,
) -> bool:
    """Undo the last applied migration if it says how and `confirm` agrees; return whether it was done."""
    migrations = load_migrations(supabase_dir)
    with connect(database_url) as connection, exclusive(connection, wait_seconds, say):
        migration = _last(connection, migrations)
        undo = Undo(migration, rollback_statements(migration), describe(database_url))
        if not confirm(undo):
            return False
        _run(connection, undo)
        return True


def rollback_statements(migration: Migration) -> list[Statement]:
    """Return the statements of the `-- rollback:` section: comment lines to the next line that is none."""
    match = _SECTION.search(migration.text)
    if not match:
        raise MigrationError(
            f"{migration.path.name} has no `-- rollback:` section, so nothing was undone.",
            "In production the way back is a new migration. In development, start again from an empty database.",
        )
    above = migration.text[: match.start("lines")]
    body = re.sub(r"^-- ?", "", match["lines"], flags=re.MULTILINE)
    return split("\n" * above.count("\n") + body)  # so that line numbers are those of the file


def _last(connection: Connection, migrations: list[Migration]) -> Migration:
    comparison = history.compare(migrations, history.read(connection))
    history.refuse_unsound(comparison, accept_edited=False)
    if not comparison.applied:
        raise MigrationError("No migration is applied, so there is nothing to undo.")
    return comparison.applied[-1]


def _run(connection: Connection, undo: Undo) -> None:
    migration = undo.migration
    if migration.transactional:
        run_in_transaction(
            connection,
            migration.path.name,
            undo.statements,
            lambda: history.forget(connection, migration.version),
        )
        return
    fresh_session(connection)
    for statement in undo.statements:
        run_statement(connection, migration.path.name, statement)
    history.forget(connection, migration.version)
