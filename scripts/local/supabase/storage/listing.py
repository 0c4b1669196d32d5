"""Listing a bucket: the files and folders right under a prefix."""

from __future__ import annotations

from typing import Any

from scripts.local.supabase.storage.caller import Cursor
from scripts.local.supabase.storage.errors import invalid

SORTABLE = {"name", "updated_at", "created_at", "last_accessed_at"}
# Folders exist only as parts of names; they come first, without an id.
QUERY = """
with visible as (
  select *, substr(name, length(%(prefix)s) + 1) as rest from storage.objects
  where bucket_id = %(bucket)s and starts_with(name, %(prefix)s)
), found as (
  select distinct 0 as place, split_part(rest, '/', 1) as name, null::uuid as id, null::timestamptz as updated_at,
    null::timestamptz as created_at, null::timestamptz as last_accessed_at, null::jsonb as metadata
  from visible where strpos(rest, '/') > 0
  union all
  select 1, rest, id, updated_at, created_at, last_accessed_at, metadata from visible where strpos(rest, '/') = 0
)
select name, id, updated_at, created_at, last_accessed_at, metadata from found
where starts_with(lower(name), lower(%(search)s))
"""


def list_objects(cursor: Cursor, bucket: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the transaction's role may see under a prefix."""
    prefix = str(body.get("prefix") or "").lstrip("/")
    sort = body.get("sortBy") or {}
    column, order = sort.get("column") or "name", str(sort.get("order") or "asc").lower()
    if column not in SORTABLE or order not in ("asc", "desc"):
        raise invalid(f"body/sortBy must name one of {', '.join(sorted(SORTABLE))} and asc or desc")
    values = {
        "bucket": bucket,
        "prefix": prefix if not prefix or prefix.endswith("/") else f"{prefix}/",
        "search": str(body.get("search") or ""),
        "limit": _number(body.get("limit"), 100),
        "offset": _number(body.get("offset"), 0),
    }
    # Column and order come from the fixed lists above.
    query = f"{QUERY} order by place, {column} {order}, name limit %(limit)s offset %(offset)s"
    return cursor.execute(query, values).fetchall()


def _number(value: Any, default: int) -> int:
    try:
        return max(int(default if value is None else value), 0)
    except (TypeError, ValueError):
        raise invalid("body/limit and body/offset must be integer") from None
