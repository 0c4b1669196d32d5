"""Changing rows: insert, upsert, update and delete."""

# ruff: noqa: S608  names go through ident(), values are parameters
from __future__ import annotations

import json
from typing import Any

from scripts.local.supabase.rest.catalog import Column, Snapshot, Table
from scripts.local.supabase.rest.conditions import where
from scripts.local.supabase.rest.errors import RestError
from scripts.local.supabase.rest.fragments import Fragment, ident, literal_sql
from scripts.local.supabase.rest.read import NO_TOTAL, answer, select_list
from scripts.local.supabase.rest.request import Accept, Preferences, Query

TOTAL = Fragment("count(*)::int")
# An upsert counts the rows it merged in a setting: what remains of all rows was inserted.
COUNT_MERGED = (
    " where set_config('pgrst.merged',"
    " (coalesce(nullif(current_setting('pgrst.merged', true), ''), '0')::int + 1)::text, true) is not null"
)
INSERTED = "count(*)::int - coalesce(nullif(current_setting('pgrst.merged', true), ''), '0')::int"


def parse_rows(body: bytes) -> tuple[str, list[dict[str, Any]]]:
    """Return the body as JSON text of an array, and its objects."""
    try:
        text = body.decode() or "{}"
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise RestError(400, "PGRST102", "Empty or invalid json") from None
    rows = value if isinstance(value, list) else [value]
    if not all(isinstance(row, dict) for row in rows):
        raise RestError(400, "PGRST102", "All object keys must match")
    return (text if isinstance(value, list) else f"[{text}]"), rows


def insert(
    snapshot: Snapshot, table: Table, query: Query, body: bytes, accept: Accept, prefer: Preferences
) -> Fragment:
    """Return the statement that inserts the body's rows, or merges them with those that exist."""
    text, rows = parse_rows(body)
    columns = _columns(table, query, rows)
    target = f"insert into {ident(table.schema, table.name)}"
    if not rows:
        change = Fragment(
            f"{target} select {ident(table.schema, table.name)}.* from {ident(table.schema, table.name)} where false"
        )
    elif columns:
        names = ", ".join(ident(column.name) for column in columns)
        change = f"{target} ({names}) select {names} from " + _records(columns, text, prefer)
        change += _on_conflict(table, query, columns, prefer)
    else:
        change = Fragment(f"{target} default values")
    inserted = INSERTED if prefer.resolution == "merge-duplicates" else "count(*)::int"
    return _change(snapshot, table, query, change, accept, prefer, inserted)


def update(
    snapshot: Snapshot, table: Table, query: Query, body: bytes, accept: Accept, prefer: Preferences
) -> Fragment | None:
    """Return the statement that updates the rows matching the filters; None when there is nothing to set."""
    text, rows = parse_rows(body)
    columns = _columns(table, query, rows[:1])
    if not columns:
        return None
    _require_filter(query, "UPDATE")
    assignments = ", ".join(f"{ident(column.name)} = {ident('pgrst_body', column.name)}" for column in columns)
    source = "(select * from " + _records(columns, text, prefer) + " limit 1) pgrst_body"
    change = f"update {ident(table.schema, table.name)} set {assignments} from " + source
    return _change(snapshot, table, query, change + where(query.conditions, table.name), accept, prefer)


def delete(snapshot: Snapshot, table: Table, query: Query, accept: Accept, prefer: Preferences) -> Fragment:
    """Return the statement that deletes the rows matching the filters."""
    _require_filter(query, "DELETE")
    change = f"delete from {ident(table.schema, table.name)}" + where(query.conditions, table.name)
    return _change(snapshot, table, query, change, accept, prefer)


def _require_filter(query: Query, verb: str) -> None:
    """Refuse what the extension safeupdate refuses on the platform."""
    if not query.conditions:
        raise RestError(400, "21000", f"{verb} requires a WHERE clause")


def _change(
    snapshot: Snapshot,
    table: Table,
    query: Query,
    change: Fragment,
    accept: Accept,
    prefer: Preferences,
    inserted: str = "null::int",
) -> Fragment:
    full = prefer.returns == "representation"
    # Without a representation nothing is read, so that no SELECT privilege is needed.
    returning = select_list(snapshot, None, query.select, table.name) if full else Fragment("1")
    total = TOTAL if prefer.count else NO_TOTAL
    return "with pgrst_source as (" + change + " returning " + returning + ") " + answer(accept, total, inserted)


def _columns(table: Table, query: Query, rows: list[dict[str, Any]]) -> list[Column]:
    names = query.columns if query.columns is not None else tuple(rows[0] if rows else ())
    if query.columns is None and any(set(row) != set(names) for row in rows):
        raise RestError(400, "PGRST102", "All object keys must match")
    return [_column(table, name) for name in names]


def _column(table: Table, name: str) -> Column:
    if name not in table.columns:
        message = f"Could not find the '{name}' column of '{table.name}' in the schema cache"
        raise RestError(400, "PGRST204", message)
    return table.columns[name]


def _records(columns: list[Column], text: str, prefer: Preferences) -> Fragment:
    """Return the body as rows with the types of the columns."""
    types = ", ".join(f"{ident(column.name)} {literal_sql(column.type)}" for column in columns)
    with_defaults = [column for column in columns if column.default]
    if prefer.missing != "default" or not with_defaults:
        return Fragment(f"json_to_recordset(%s::json) as pgrst_row({types})", (text,))
    names = Fragment(", ".join(f"%s, {literal_sql(column.default or '')}" for column in with_defaults))
    names = Fragment(names.text, tuple(column.name for column in with_defaults))
    merged = "(select jsonb_build_object(" + names + ") || element as merged"
    merged += Fragment(" from jsonb_array_elements(%s::jsonb) element) pgrst_element", (text,))
    return merged + f", lateral jsonb_to_record(merged) as pgrst_row({types})"


def _on_conflict(table: Table, query: Query, columns: list[Column], prefer: Preferences) -> Fragment:
    target = query.on_conflict or table.primary_key
    if not prefer.resolution or not target:
        return Fragment()
    keys = ", ".join(ident(name) for name in target)
    if prefer.resolution == "ignore-duplicates":
        return Fragment(f" on conflict ({keys}) do nothing")
    updates = ", ".join(f"{ident(column.name)} = excluded.{ident(column.name)}" for column in columns)
    return Fragment(f" on conflict ({keys}) do update set {updates}{COUNT_MERGED}")
