"""The schema cache: which tables, functions and role settings there are."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row

from scripts.local.supabase.database import Pool
from scripts.local.supabase.rest import catalog_sql
from scripts.local.supabase.settings import Settings


@dataclass(frozen=True)
class Column:
    """A column, its qualified type, and what an insert that leaves it out puts there."""

    name: str
    type: str
    default: str | None
    identity: bool


@dataclass(frozen=True)
class Table:
    """A table or view."""

    oid: int
    schema: str
    name: str
    kind: str
    columns: dict[str, Column]
    primary_key: tuple[str, ...]


@dataclass(frozen=True)
class ForeignKey:
    """A reference from one table's columns to another's."""

    name: str
    source: int
    target: int
    source_columns: tuple[str, ...]
    target_columns: tuple[str, ...]
    is_unique: bool


@dataclass(frozen=True)
class Argument:
    """An input parameter of a function."""

    name: str
    type: str
    optional: bool


@dataclass(frozen=True)
class Function:
    """A function that can be called through /rpc."""

    schema: str
    name: str
    arguments: tuple[Argument, ...]
    returns_set: bool
    returns_void: bool
    returns_composite: bool
    is_variadic: bool
    volatility: str
    settings: dict[str, str]


@dataclass(frozen=True)
class Snapshot:
    """What was in the database at one moment."""

    schemas: tuple[str, ...]
    extra_search_path: tuple[str, ...]
    max_rows: int
    pre_request: str | None
    tables: dict[tuple[str, str], Table]
    functions: dict[tuple[str, str], list[Function]]
    foreign_keys: tuple[ForeignKey, ...]
    role_settings: dict[str, dict[str, str]]


class Catalog:
    """Keeps a snapshot until the database says, as `notify pgrst`, that something changed."""

    def __init__(self, pool: Pool, settings: Settings) -> None:
        self._pool = pool
        self._settings = settings
        self._lock = threading.Lock()
        self._listener: psycopg.Connection | None = None
        self._snapshot: Snapshot | None = None

    def current(self) -> Snapshot:
        """Return what is known, asking the database only after a change or a lost connection."""
        with self._lock:
            if self._snapshot is None or self._has_news():
                self._snapshot = self._load()
            return self._snapshot

    def reload(self) -> Snapshot:
        """Return a fresh snapshot; for a name that was not found in the last one."""
        with self._lock:
            self._snapshot = self._load()
            return self._snapshot

    def close(self) -> None:
        """Stop listening."""
        if self._listener is not None:
            self._listener.close()

    def _has_news(self) -> bool:
        if self._listener is None or self._listener.closed:
            return True
        try:
            self._listener.pgconn.consume_input()
        except psycopg.Error:
            self._listener.close()
            return True
        notifications = list(iter(self._listener.pgconn.notifies, None))
        return bool(notifications)

    def _load(self) -> Snapshot:
        if self._listener is None or self._listener.closed:
            self._listener = self._pool.connect()
            self._listener.execute("listen pgrst")
        return load_snapshot(self._listener, self._settings)


def load_snapshot(conn: psycopg.Connection, settings: Settings) -> Snapshot:
    """Read the catalogs; `pgrst.*` settings of the authenticator win over those of the stack."""
    with conn.transaction(), conn.cursor(row_factory=dict_row) as cursor:
        cursor.execute(catalog_sql.EMPTY_SEARCH_PATH)
        role_settings = _role_settings(cursor)
        own = {name: value for name, value in role_settings.get("authenticator", {}).items() if name[:6] == "pgrst."}
        schemas = _names(own.get("pgrst.db_schemas")) or settings.schemas
        where = {"schemas": list(schemas)}
        settable = {row["name"] for row in cursor.execute(catalog_sql.SETTABLE)}
        return Snapshot(
            schemas=schemas,
            extra_search_path=_names(own.get("pgrst.db_extra_search_path")) or settings.extra_search_path,
            max_rows=int(own.get("pgrst.db_max_rows") or settings.max_rows),
            pre_request=own.get("pgrst.db_pre_request") or None,
            tables={(t.schema, t.name): t for t in map(_table, cursor.execute(catalog_sql.TABLES, where))},
            functions=_functions(cursor.execute(catalog_sql.FUNCTIONS, where)),
            foreign_keys=tuple(_foreign_key(row) for row in cursor.execute(catalog_sql.FOREIGN_KEYS)),
            role_settings={role: _only(found, settable) for role, found in role_settings.items()},
        )


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip().strip('"') for name in (text or "").split(",") if name.strip())


def _only(found: dict[str, str], names: set[str]) -> dict[str, str]:
    return {name: value for name, value in found.items() if name in names}


def _role_settings(cursor: psycopg.Cursor[dict[str, Any]]) -> dict[str, dict[str, str]]:
    settings: dict[str, dict[str, str]] = defaultdict(dict)
    for row in cursor.execute(catalog_sql.ROLE_SETTINGS):
        settings[row["role"]][row["name"]] = row["value"]
    return dict(settings)


def _table(row: dict[str, Any]) -> Table:
    columns = {column["name"]: Column(**column) for column in row["columns"]}
    return Table(row["oid"], row["schema"], row["name"], row["kind"], columns, tuple(row["primary_key"]))


def _foreign_key(row: dict[str, Any]) -> ForeignKey:
    columns = {name: tuple(row[name]) for name in ("source_columns", "target_columns")}
    return ForeignKey(**{**row, **columns})


def _functions(rows: Any) -> dict[tuple[str, str], list[Function]]:
    functions: dict[tuple[str, str], list[Function]] = defaultdict(list)
    for row in rows:
        arguments = tuple(Argument(**argument) for argument in row.pop("arguments"))
        settings = dict(setting.split("=", 1) for setting in row.pop("config") or [])
        functions[row["schema"], row["name"]].append(Function(arguments=arguments, settings=settings, **row))
    return dict(functions)
