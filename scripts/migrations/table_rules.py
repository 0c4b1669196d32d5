"""The rules for a table in a migration: closed before it is opened, RLS on, all in the file that creates it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from scripts.migrations.files import Migration
from scripts.migrations.function_rules import plain_name

_CREATE = re.compile(
    r"create\s+(?P<unlogged>unlogged\s+)?(?:or\s+replace\s+)?(?P<kind>table|view|materialized\s+view|sequence)\s+"
    r"(?:if\s+not\s+exists\s+)?(?P<name>[\w$\".]+)",
    re.IGNORECASE,
)
_REVOKE = re.compile(
    r"revoke\s+all(?:\s+privileges)?\s+on\s+(?:table\s+|sequence\s+)?(?P<names>[\w$\".,\s]+?)\s+from\s+(?P<roles>[\w\s,\"]+)$",
    re.IGNORECASE,
)
_REVOKE_SCHEMA = re.compile(
    r"revoke\s+all(?:\s+privileges)?\s+on\s+all\s+(?:tables|sequences)\s+in\s+schema\s+(?P<schemas>[\w\",\s]+?)\s+from\s+"
    r"(?P<roles>[\w\s,\"]+)$",
    re.IGNORECASE,
)
_GRANT = re.compile(
    r"grant\s+[\w\s,()]+?\s+on\s+(?:table\s+|sequence\s+)?(?P<names>[\w$\".,\s]+?)\s+to\s", re.IGNORECASE
)
_RLS = re.compile(r"alter\s+table\s+(?P<name>[\w$\".]+)\s+enable\s+row\s+level\s+security", re.IGNORECASE)
_CLIENTS = {"anon", "authenticated", "service_role"}


def table_problems(migration: Migration) -> Iterator[str]:
    """Yield what leaves a new table, view or sequence open on projects that grant everything by default."""
    name = migration.path.name
    created: dict[str, str] = {}
    closed: set[str] = set()
    protected: set[str] = set()
    for statement in migration.statements:
        code = statement.code
        if match := _CREATE.match(code):
            created[plain_name(match["name"])] = " ".join(match["kind"].lower().split())
        if match := _RLS.match(code):
            protected.add(plain_name(match["name"]))
        closed |= _closed(code, created)
        if match := _GRANT.match(code):
            for one in (_names(match["names"]) & set(created)) - closed:
                yield f"{name}:{statement.line_at(None)} grants on {one} before it revokes."
    for one, kind in created.items():
        if "." not in one:
            yield f"{name} creates {one} without its schema."
        elif one not in closed:
            yield (
                f"{name} creates {kind} {one} without `revoke all on {one} from anon, authenticated, service_role;`: "
                "old projects grant everything on it by default."
            )
        if kind == "table" and one not in protected:
            yield f"{name} creates table {one} without `alter table {one} enable row level security;`."


def _closed(code: str, created: dict[str, str]) -> set[str]:
    match = _REVOKE_SCHEMA.match(code)
    if match and _names(match["roles"]) >= _CLIENTS:
        return {one for one in created if one.partition(".")[0] in _names(match["schemas"])}
    match = _REVOKE.match(code)
    return _names(match["names"]) if match and _names(match["roles"]) >= _CLIENTS else set()


def _names(text: str) -> set[str]:
    return {plain_name(name.strip()) for name in text.split(",")}
