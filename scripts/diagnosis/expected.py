"""What the migrations, read in order, say about access: grants on tables, sequences and schemas, and policies."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from scripts.migrations.files import Migration
from scripts.migrations.function_rules import plain_name

CLIENTS = ("public", "anon", "authenticated", "service_role")
ALL = ("select", "insert", "update", "delete", "truncate", "references", "trigger", "maintain")
_GRANT = re.compile(
    r"(?P<verb>grant|revoke)\s+(?P<rights>.+?)\s+on\s+(?P<kind>(?:all\s+)?(?:table|sequence|schema|function)s?\s+"
    r"(?:in\s+schema\s+)?)?(?P<names>[\w$\".,\s]+?)\s+(?:to|from)\s+(?P<roles>[\w\s,\"]+)$",
    re.IGNORECASE | re.DOTALL,
)
_RIGHT = re.compile(r"(?P<name>[a-z]+)(?:\s+privileges)?(?:\s*\((?P<columns>[^)]*)\))?", re.IGNORECASE)
_POLICY = re.compile(
    r'(?P<verb>create|drop)\s+policy\s+(?:if\s+exists\s+)?(?P<name>"[^"]+"|\w+)\s+on\s+(?P<table>[\w$".]+)',
    re.IGNORECASE,
)

# (grantee, right, column or nothing)
Right = tuple[str, str, str]


@dataclass
class Access:
    """Who may do what, by object; `schema private` is an object too."""

    rights: dict[str, set[Right]] = field(default_factory=dict)
    policies: set[tuple[str, str]] = field(default_factory=set)


def expected_access(migrations: Iterable[Migration]) -> Access:
    """Play the migrations' grants, revokes and policies."""
    access = Access()
    for migration in migrations:
        if migration.generated:  # by `ship`: functions and nothing else
            continue
        for statement in migration.statements:
            _play(access, statement.code)
    return access


def _play(access: Access, code: str) -> None:
    if match := _GRANT.match(code):
        kind = " ".join((match["kind"] or "").lower().split())
        if "function" not in kind and not kind.startswith("all "):
            _grant(access, match, "schema " if kind == "schema" else "")
    elif match := _POLICY.match(code):
        entry = (plain_name(match["table"]), match["name"].strip('"'))
        access.policies = access.policies | {entry} if match["verb"].lower() == "create" else access.policies - {entry}


def _grant(access: Access, match: re.Match[str], prefix: str) -> None:
    roles = _names(match["roles"]) & set(CLIENTS)
    for name in _names(match["names"]):
        held = access.rights.setdefault(prefix + name, set())
        if match["verb"].lower() == "grant":
            held |= {(role, right, column) for role in roles for right, column in _rights(match["rights"])}
        else:
            taken = {right for right, _ in _rights(match["rights"])}
            held -= {one for one in held if one[0] in roles and one[1] in taken}


def _rights(text: str) -> Iterable[tuple[str, str]]:
    for match in _RIGHT.finditer(text):
        name = match["name"].lower()
        columns = [column.strip().strip('"') for column in (match["columns"] or "").split(",")]
        for right in (*ALL, "usage", "create") if name == "all" else (name,):
            yield from ((right, column) for column in columns)


def _names(text: str) -> set[str]:
    return {plain_name(name.strip()) for name in text.split(",")}
