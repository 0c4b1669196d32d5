"""Reading rows: select, filters, order, pages and counts."""

# ruff: noqa: S608  names go through ident(), values are parameters
from __future__ import annotations

import difflib

from scripts.local.supabase.rest import embeds
from scripts.local.supabase.rest.catalog import Snapshot, Table
from scripts.local.supabase.rest.conditions import field_sql, order_by, where
from scripts.local.supabase.rest.errors import RestError
from scripts.local.supabase.rest.fragments import Fragment, ident, join, literal_sql
from scripts.local.supabase.rest.grammar import SelectColumn, SelectEmbed, SelectItem
from scripts.local.supabase.rest.request import Accept, Query

NO_TOTAL = Fragment("null::int")


def find_table(snapshot: Snapshot, schema: str, name: str) -> Table:
    """Return a table or view of an exposed schema."""
    table = snapshot.tables.get((schema, name))
    if table is None:
        names = [known for (in_schema, known) in snapshot.tables if in_schema == schema]
        close = difflib.get_close_matches(name, names, n=1)
        hint = f"Perhaps you meant the table '{schema}.{close[0]}'" if close else None
        message = f"Could not find the table '{schema}.{name}' in the schema cache"
        raise RestError(404, "PGRST205", message, hint=hint)
    return table


def select_table(snapshot: Snapshot, table: Table, query: Query, accept: Accept, *, count: bool) -> Fragment:
    """Return the statement that reads a table."""
    columns = select_list(snapshot, table, query.select, table.name)
    source = f" from {ident(table.schema, table.name)}"
    total = "(select count(*)::int" + (source + where(query.conditions, table.name)) + ")" if count else NO_TOTAL
    page = "select " + columns + source + page_of(query, table.name, snapshot.max_rows)
    return "with pgrst_source as (" + page + ") " + answer(accept, total)


def page_of(query: Query, source: str, max_rows: int) -> Fragment:
    """Return WHERE, ORDER BY, LIMIT and OFFSET for rows of a source."""
    limit = min(query.limit if query.limit is not None else max_rows, max_rows)
    page = Fragment(" limit %s offset %s", (limit, query.offset))
    return Fragment() + where(query.conditions, source) + order_by(query.order, source) + page


def answer(accept: Accept, total: Fragment, inserted: str = "null::int") -> Fragment:
    """Return the outermost SELECT: how many rows there are, and all of them as one JSON text."""
    return "select count(*)::int, " + total + f", {inserted}, {rows_as_json(accept)} from pgrst_source"


def rows_as_json(accept: Accept) -> str:
    """Return the rows of `pgrst_source` in the form asked for."""
    rows = "json_agg(pgrst_source)"
    if accept.strip_nulls:
        rows = f"json_strip_nulls({rows})"
    return f"coalesce({rows}->0, 'null')::text" if accept.single else f"coalesce({rows}, '[]')::text"


def select_list(snapshot: Snapshot, table: Table | None, items: tuple[SelectItem, ...], source: str) -> Fragment:
    """Return the columns to read of a source; only a known table has embeds."""
    return join(", ", (_select_item(snapshot, table, item, source) for item in items))


def _select_item(snapshot: Snapshot, table: Table | None, item: SelectItem, source: str) -> Fragment:
    if isinstance(item, SelectEmbed):
        return _embed(snapshot, table, item, source)
    return column_sql(item, source)


def column_sql(item: SelectColumn, source: str) -> Fragment:
    """Return one selected column under the name that the answer gives it."""
    field = item.field
    if field.name == "*":
        return Fragment(f"{ident(source)}.*")
    value = field_sql(field, source)
    if item.cast:
        value = "(" + value + f")::{literal_sql(item.cast)}"
    keys = [key for _, key in field.path if not key.lstrip("-").isdigit()]
    label = item.alias or (keys[-1] if keys else field.name)
    return value + f" as {ident(label)}"


def _embed(snapshot: Snapshot, table: Table | None, item: SelectEmbed, source: str) -> Fragment:
    found = embeds.find_relationship(snapshot, table, item)
    inner = f"{item.relation}_{source}"
    columns = select_list(snapshot, found.table, item.items, inner)
    rows = "select " + columns + f" from {ident(found.table.schema, found.table.name)} as {ident(inner)} where "
    rows += " and ".join(f"{ident(inner, theirs)} = {ident(source, ours)}" for ours, theirs in found.columns)
    aggregate = "row_to_json(pgrst_embed)" if found.to_one else "coalesce(json_agg(pgrst_embed), '[]')"
    label = ident(item.alias or item.relation)
    return f"(select {aggregate} from (" + rows + f") pgrst_embed) as {label}"
