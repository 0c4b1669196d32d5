"""Run the statements of one file, in one transaction with its row in the history."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import psycopg
from psycopg.pq import TransactionStatus

from scripts.migrations import history
from scripts.migrations.connection import Connection
from scripts.migrations.errors import MigrationError
from scripts.migrations.files import Migration
from scripts.migrations.lock import assert_held
from scripts.migrations.rules import migration_problems
from scripts.migrations.statements import Statement

LOCK_TIMEOUT = "4s"

_HINTS = {
    "55P03": f"Another session held a lock on it for {LOCK_TIMEOUT}; nothing was done. Try again in a calm moment.",
    "57014": "It ran into statement_timeout; nothing was done. The file may begin with `set statement_timeout = ...;`.",
    "25001": "It cannot run in a transaction: put it alone in a file whose first line is `-- no transaction`.",
    "57P01": "The server ended the connection; nothing was done. Run this again.",
    "42501": "The role of DATABASE_URL may not do this. On Supabase that is `postgres`, which is no superuser.",
}


def run_migration(connection: Connection, migration: Migration) -> None:
    """Apply one file and record it; a failure leaves no trace of a file that runs in a transaction."""
    if problems := migration_problems(migration):
        raise MigrationError("\n".join(problems), "Nothing of it was applied.")
    if migration.transactional:
        run_in_transaction(
            connection, migration.path.name, migration.statements, lambda: history.record(connection, migration)
        )
    else:
        _run_outside_transaction(connection, migration)


def run_in_transaction(
    connection: Connection, name: str, statements: Sequence[Statement], finish: Callable[[], None]
) -> None:
    """Run statements from a file and what finishes them, all or nothing."""
    fresh_session(connection)
    try:
        with connection.transaction():
            assert_held(connection)
            for statement in statements:
                run_statement(connection, name, statement)
                if connection.info.transaction_status != TransactionStatus.INTRANS:
                    raise MigrationError(f"{name}:{statement.line_at(None)} ended the transaction.", "Take it out.")
            connection.execute("reset role")  # a role that the file took on may not write history
            finish()
    except psycopg.errors.UniqueViolation as error:
        raise MigrationError(
            f"{name}: somebody else applied it at the same moment ({error.diag.message_primary}).",
            "Nothing was done twice. See `migrate.py status`, then run this again.",
        ) from None


def fresh_session(connection: Connection) -> None:
    """Undo what an earlier file may have set, and never wait long for a table that is in use."""
    connection.execute("reset role")
    connection.execute("reset all")
    connection.execute(f"set lock_timeout = '{LOCK_TIMEOUT}'")


def run_statement(connection: Connection, name: str, statement: Statement) -> None:
    """Run one statement; an error names file, line, SQLSTATE, message, detail and hint."""
    if not statement.code:
        return
    try:
        connection.execute(statement.text.encode())
    except psycopg.Error as error:
        raise _explain(name, statement, error) from None


def _run_outside_transaction(connection: Connection, migration: Migration) -> None:
    fresh_session(connection)
    assert_held(connection)
    connection.execute("set lock_timeout = 0")  # it waits for others by design, and blocks nobody while it waits
    for statement in migration.statements:
        run_statement(connection, migration.path.name, statement)
    connection.execute("reset role")
    _refuse_invalid_index(connection, migration)
    history.record(connection, migration)


def _refuse_invalid_index(connection: Connection, migration: Migration) -> None:
    """An index that failed half-way stays behind, invalid, and `if not exists` would take it for done."""
    rows = connection.execute(
        "select i.indexrelid::regclass::text, c.relname from pg_index i join pg_class c on c.oid = i.indexrelid"
        " where not i.indisvalid"
    ).fetchall()
    for index, plain_name in rows:
        if str(plain_name) in migration.text:
            raise MigrationError(
                f"{migration.path.name}: index {index} is invalid, left behind by an attempt that failed.",
                f"Run `drop index concurrently {index};`, mend the cause, and run this again.",
            )


def _explain(name: str, statement: Statement, error: psycopg.Error) -> MigrationError:
    diagnosis = error.diag
    position = int(diagnosis.statement_position) if diagnosis.statement_position else None
    lines = [
        f"{name}:{statement.line_at(position)}: {diagnosis.message_primary or error} (SQLSTATE {error.sqlstate or '-'})"
    ]
    lines += [f"  {text}" for text in (diagnosis.message_detail, diagnosis.context) if text]
    mend = diagnosis.message_hint or _HINTS.get(error.sqlstate or "", "")
    return MigrationError("\n".join([*lines, f"  statement: {_shortened(statement.code)}"]), mend)


def _shortened(code: str) -> str:
    line = " ".join(code.split())
    return line if len(line) <= 160 else f"{line[:157]}..."
