"""Bring a database to what the checkout says: pending migrations, then the functions as shipped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from psycopg.errors import Diagnostic

from scripts.migrations import history
from scripts.migrations.connection import Connection, connect
from scripts.migrations.errors import MigrationError
from scripts.migrations.execute import run_migration
from scripts.migrations.files import (
    SUPABASE_DIR,
    FunctionFile,
    Migration,
    load_functions,
    load_migrations,
    shipped_functions,
    unshipped,
)
from scripts.migrations.functions import Healing, reapply
from scripts.migrations.lock import exclusive

Say = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """How `up` goes about it."""

    dev: bool = False
    functions: bool = True
    accept_edited: bool = False
    dry_run: bool = False
    wait_seconds: float = 300


@dataclass(frozen=True)
class Result:
    """What `up` did."""

    applied: list[str] = field(default_factory=list)
    functions_changed: list[str] = field(default_factory=list)
    not_shipped: list[str] = field(default_factory=list)


def run(
    database_url: str, supabase_dir: Path = SUPABASE_DIR, options: Options | None = None, say: Say = print
) -> Result:
    """Apply what is pending and heal the functions; refuse, before anything is done, what is not sound."""
    options = options or Options()
    migrations, functions = load_migrations(supabase_dir), load_functions(supabase_dir)
    with connect(database_url) as connection:
        connection.add_notice_handler(lambda notice: _warn(notice, say))
        with exclusive(connection, options.wait_seconds, say):
            comparison = history.compare(migrations, history.read(connection))
            history.refuse_unsound(comparison, accept_edited=options.accept_edited)
            if options.dry_run:
                return _dry_run(connection, comparison, migrations, say)
            history.create(connection)
            _accept(connection, comparison.edited, say)
            applied = [_apply(connection, migration, say) for migration in comparison.pending]
            healing = _heal(connection, migrations, functions, options)
    not_shipped = [one.path for one in unshipped(migrations, functions)]
    _tell(applied, healing, not_shipped, options, say)
    return Result(applied, healing.changed, not_shipped)


def _dry_run(connection: Connection, comparison: history.Comparison, migrations: list[Migration], say: Say) -> Result:
    for migration in comparison.pending:
        say(f"would apply  {migration.path.name}")
    if comparison.pending:
        return Result([one.path.name for one in comparison.pending])
    healing = reapply(connection, shipped_functions(migrations), keep=False)
    for name in healing.changed:
        say(f"would mend   {name}")
    if not healing.changed:
        say("Nothing to do.")
    return Result([], healing.changed)


def _apply(connection: Connection, migration: Migration, say: Say) -> str:
    started = time.monotonic()
    run_migration(connection, migration)
    say(f"applied      {migration.path.name}  ({time.monotonic() - started:.2f} s)")
    return migration.path.name


def _accept(connection: Connection, edited: Iterable[Migration], say: Say) -> None:
    for migration in edited:
        history.record_again(connection, migration)
        say(f"recorded     {migration.path.name} as it is now")


def _heal(connection: Connection, migrations: list[Migration], files: list[FunctionFile], options: Options) -> Healing:
    """Outside development, only what was shipped is applied: an edit in no migration must not reach a database."""
    if not options.functions:
        return Healing(0, [])
    try:
        return reapply(connection, files if options.dev else shipped_functions(migrations), strict=options.dev)
    except MigrationError as error:
        raise MigrationError(
            f"The migrations are applied; putting the functions back as shipped failed and changed nothing:\n{error}",
            "Mend the file, or leave this step out with --no-functions.",
        ) from None


def _tell(applied: list[str], healing: Healing, not_shipped: list[str], options: Options, say: Say) -> None:
    for name in healing.changed:
        say(f"mended       {name}" if not options.dev else f"loaded       {name}")
    if not_shipped:
        what = "loaded, but in no migration" if options.dev and options.functions else "left out"
        say(f"not shipped  {', '.join(not_shipped)} ({what}): run `migrate.py ship <name>`")
    if not applied and not healing.changed:
        say("The database is up to date.")


def _warn(notice: Diagnostic, say: Say) -> None:
    if notice.severity_nonlocalized == "WARNING":
        say(f"warning      {notice.message_primary}")
