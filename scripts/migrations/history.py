"""The history table of the Supabase CLI: what is applied, and whether it still is what the files say.

No table of our own: the CLI stores the text it ran in `statements`, so that any file, whoever applied it, can be
compared with what the database knows. A checksum table would not know the files that `supabase db push` applied.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scripts.migrations.connection import Connection
from scripts.migrations.errors import MigrationError
from scripts.migrations.files import Migration
from scripts.migrations.statements import same_text

# As the CLI creates it, one statement for each, so that either tool finds what it expects.
_CREATE = (
    "create schema if not exists supabase_migrations",
    "create table if not exists supabase_migrations.schema_migrations (version text not null primary key)",
    "alter table supabase_migrations.schema_migrations add column if not exists statements text[]",
    "alter table supabase_migrations.schema_migrations add column if not exists name text",
)


@dataclass(frozen=True)
class Applied:
    """A row of the history table."""

    version: str
    name: str
    statements: list[str] | None


@dataclass(frozen=True)
class Comparison:
    """The files of this checkout against the history of a database."""

    applied: list[Migration]
    pending: list[Migration]
    edited: list[Migration]
    unverified: list[Migration]
    unknown: list[Applied]
    late: list[Migration]

    @property
    def current(self) -> bool:
        """Tell whether the database has just what the checkout says."""
        return not (self.pending or self.edited or self.unknown)


def create(connection: Connection) -> None:
    """Create the history table where it is missing or incomplete."""
    if _columns(connection) >= {"version", "name", "statements"}:
        return
    with connection.transaction():
        connection.execute("set local lock_timeout = '4s'")
        for statement in _CREATE:
            connection.execute(statement)


def read(connection: Connection) -> list[Applied]:
    """Return the applied versions in order; none where the table does not exist yet."""
    columns = _columns(connection)
    if not columns:
        return []
    chosen = [one if one in columns else "null" for one in ("name", "statements")]
    rows = connection.execute(
        f"select version, {chosen[0]}, {chosen[1]} from supabase_migrations.schema_migrations order by version"  # noqa: S608
    ).fetchall()
    return [Applied(str(version), str(name or ""), statements) for version, name, statements in rows]  # type: ignore[arg-type]  # text[] is list[str]


def record(connection: Connection, migration: Migration) -> None:
    """Write the row of an applied file, with its text."""
    connection.execute(
        "insert into supabase_migrations.schema_migrations (version, name, statements) values (%s, %s, %s)",
        [migration.version, migration.name, [one.text for one in migration.statements]],
    )


def record_again(connection: Connection, migration: Migration) -> None:
    """Replace the recorded text of a file that was edited."""
    connection.execute(
        "update supabase_migrations.schema_migrations set name = %s, statements = %s where version = %s",
        [migration.name, [one.text for one in migration.statements], migration.version],
    )


def forget(connection: Connection, version: str) -> None:
    """Delete the row of a version that was undone."""
    connection.execute("delete from supabase_migrations.schema_migrations where version = %s", [version])


def compare(migrations: Sequence[Migration], rows: Sequence[Applied]) -> Comparison:
    """Sort files and rows into applied, pending, edited, unverified, unknown and late (pending, but older)."""
    known, recorded = {one.version for one in migrations}, {row.version: row for row in rows}
    newest = max(recorded, default="")
    applied = [one for one in migrations if one.version in recorded]
    pending = [one for one in migrations if one.version not in recorded]
    texts = {row.version: row.statements for row in rows}
    return Comparison(
        applied=applied,
        pending=pending,
        edited=[one for one in applied if (text := texts[one.version]) and not same_text(one.text, text)],
        unverified=[one for one in applied if not texts[one.version]],
        unknown=[row for row in rows if row.version not in known],
        late=[one for one in pending if one.version < newest],
    )


def refuse_unsound(comparison: Comparison, *, accept_edited: bool) -> None:
    """Refuse what must be mended before anything is applied, and say how."""
    if comparison.unknown:
        names = _list(f"{row.version}_{row.name}" for row in comparison.unknown)
        raise MigrationError(
            f"The database has migrations that this checkout does not know: {names}.",
            "Most likely a newer version was deployed: pull it and use that. If the files were removed on purpose, "
            "tell the history: `npx supabase migration repair --status reverted <version> --remote=$DATABASE_URL`.",
        )
    if comparison.late:
        moves = "\n".join(f"  git mv {one.path.name} <now>_{one.name}.sql" for one in comparison.late)
        raise MigrationError(
            f"These files are older than the newest applied one: {_list(one.path.name for one in comparison.late)}. "
            "Another database may have run them in another order.",
            f"Give them a later version (date -u +%Y%m%d%H%M%S), then run this again:\n{moves}",
        )
    if comparison.edited and not accept_edited:
        raise MigrationError(
            "These files are not what this database ran when it applied them: "
            f"{_list(one.path.name for one in comparison.edited)}.",
            "Bring the old text back (`git checkout <commit> -- <file>`) and put the change into a new migration. "
            "If it changes nothing (a comment, say), `up --accept-edited` records the text as it is now.",
        )


def _columns(connection: Connection) -> set[object]:
    rows = connection.execute(
        "select attname::text from pg_attribute where attrelid = to_regclass('supabase_migrations.schema_migrations')"
        " and attnum > 0 and not attisdropped"
    ).fetchall()
    return {row[0] for row in rows}


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)
