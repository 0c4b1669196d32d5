"""What `status` tells: a table for people, JSON for machines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from scripts.migrations import history
from scripts.migrations.connection import connect, describe
from scripts.migrations.files import load_functions, load_migrations, unshipped

_COLOURS = {"applied": "green", "pending": "yellow", "edited": "red", "unknown": "red", "late": "red"}
_MEANING = {
    "applied": "",
    "pending": "`up` applies it",
    "edited": "the file is not what the database ran",
    "unverified": "applied, but its text was not recorded",
    "unknown": "in the database, not in this checkout",
    "late": "pending, but older than the newest applied one",
}


@dataclass(frozen=True)
class Status:
    """The state of a database against this checkout."""

    database: str
    migrations: list[dict[str, str]]
    not_shipped: list[str]
    current: bool

    def as_json(self) -> dict[str, Any]:
        """Return the status as `--json` prints it."""
        groups = {state: [one["version"] for one in self.migrations if one["state"] == state] for state in _MEANING}
        return {
            "database": self.database,
            "current": self.current,
            **groups,
            "migrations": self.migrations,
            "functions_not_shipped": self.not_shipped,
        }

    def as_table(self) -> Table:
        """Return the status as a table."""
        table = Table(title=self.database, title_justify="left", box=None, pad_edge=False)
        for heading in ("version", "name", "state", ""):
            table.add_column(heading, no_wrap=True)
        for one in self.migrations:
            state = f"[{_COLOURS.get(one['state'], 'cyan')}]{one['state']}[/]"
            table.add_row(one["version"], one["name"], state, _MEANING[one["state"]])
        return table


def status(database_url: str, supabase_dir: Path) -> Status:
    """Compare database and checkout; writes nothing."""
    migrations, functions = load_migrations(supabase_dir), load_functions(supabase_dir)
    with connect(database_url) as connection:
        connection.read_only = True
        comparison = history.compare(migrations, history.read(connection))
    rows = [{"version": one.version, "name": one.name, "state": _state(one, comparison)} for one in migrations]
    rows += [{"version": one.version, "name": one.name, "state": "unknown"} for one in comparison.unknown]
    rows.sort(key=lambda row: row["version"])
    not_shipped = [one.path for one in unshipped(migrations, functions)]
    return Status(describe(database_url), rows, not_shipped, comparison.current)


def _state(migration: object, comparison: history.Comparison) -> str:
    for state in ("late", "pending", "edited", "unverified"):
        if migration in getattr(comparison, state):
            return state
    return "applied"
