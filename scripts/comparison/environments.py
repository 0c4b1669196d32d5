"""The two environments that are compared: a file of variables, or a database's address."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg

from scripts.diagnosis.patient import Patient
from scripts.diagnosis.surroundings import NotThere, from_file
from scripts.migrations.connection import Connection, describe
from scripts.migrations.errors import MigrationError

Row = dict[str, object]
Rows = dict[str, Row]

STATEMENT_TIMEOUT = "20s"  # functions are loaded once more to see which are not as shipped


@dataclass(frozen=True)
class Environment:
    """One of the two."""

    label: str
    patient: Patient
    settings: frozenset[str] | None
    """Names of the variables that are set; None: only the database is known."""

    @contextmanager
    def database(self, *, read_only: bool = True) -> Iterator[Connection]:
        """Connect; what can't be reached, or takes too long, is NotThere."""
        try:
            with self.patient.database(read_only=read_only) as connection:
                connection.execute(f"set local statement_timeout = '{STATEMENT_TIMEOUT}'")
                yield connection
        except MigrationError as error:
            raise NotThere(f"{self.label} can't be reached: {error.message} {error.mend}") from None
        except (psycopg.OperationalError, psycopg.errors.InsufficientPrivilege) as error:
            raise NotThere(f"{self.label} can't be read: {self.patient.scrub(str(error).strip())}") from None


def named(word: str) -> Environment:
    """Return the environment that a word of the command line means."""
    if (
        "://" in word or "dbname=" in word or ("@" in word and not Path(word).exists())
    ):  # mistyped, it holds a password too
        try:
            label = describe(word)
        except MigrationError as error:
            raise NotThere(f"{error.message} {error.mend}") from None
        return Environment(label, Patient({"DATABASE_URL": word}), None)
    environ = from_file(Path(word), {})
    if not environ.get("DATABASE_URL", "").strip():
        raise NotThere(f"{word} sets no DATABASE_URL, by which the two are compared.")
    return Environment(word, Patient(environ), frozenset(name for name, value in environ.items() if value.strip()))


def apart(first: Environment, second: Environment) -> tuple[Environment, Environment]:
    """Return both, with labels that tell them apart."""
    if first.label != second.label:
        return first, second
    return replace(first, label=f"{first.label} (A)"), replace(second, label=f"{second.label} (B)")
