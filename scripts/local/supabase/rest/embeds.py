"""Which related table an embed means: `orgs(name)` in a select follows a foreign key."""

from __future__ import annotations

from dataclasses import dataclass

from scripts.local.supabase.rest.catalog import ForeignKey, Snapshot, Table
from scripts.local.supabase.rest.errors import RestError, not_local
from scripts.local.supabase.rest.grammar import SelectEmbed


@dataclass(frozen=True)
class Relationship:
    """A related table, and which of our columns equal which of theirs."""

    table: Table
    columns: tuple[tuple[str, str], ...]
    to_one: bool
    key: ForeignKey


def find_relationship(snapshot: Snapshot, table: Table | None, embed: SelectEmbed) -> Relationship:
    """Return the one relationship that an embed can mean."""
    if table is None:
        raise not_local("Embeds in the result of a function or a change are")
    related = snapshot.tables.get((table.schema, embed.relation))
    found = _relationships(snapshot, table, related) if related else []
    if embed.hint:
        found = [item for item in found if embed.hint in (item.key.name, *item.key.source_columns)]
    if not found:
        raise _none_found(snapshot, table, related, embed)
    if len(found) > 1:
        raise _several_found(table, embed, found)
    return found[0]


def _relationships(snapshot: Snapshot, table: Table, related: Table) -> list[Relationship]:
    found = []
    for key in snapshot.foreign_keys:
        pairs = tuple(zip(key.source_columns, key.target_columns, strict=True))
        if (key.source, key.target) == (table.oid, related.oid):
            found.append(Relationship(related, pairs, True, key))
        elif (key.source, key.target) == (related.oid, table.oid):
            found.append(Relationship(related, tuple((t, s) for s, t in pairs), key.is_unique, key))
    return found


def _none_found(snapshot: Snapshot, table: Table, related: Table | None, embed: SelectEmbed) -> RestError:
    if related and _have_junction(snapshot, table, related):
        return not_local("Many-to-many embeds are")
    hint = f"' using the hint '{embed.hint}" if embed.hint else ""
    return RestError(
        400,
        "PGRST200",
        f"Could not find a relationship between '{table.name}' and '{embed.relation}' in the schema cache",
        f"Searched for a foreign key relationship between '{table.name}' and '{embed.relation}{hint}'"
        f" in the schema '{table.schema}', but no matches were found.",
    )


def _have_junction(snapshot: Snapshot, one: Table, other: Table) -> bool:
    sources = {oid: {key.source for key in snapshot.foreign_keys if key.target == oid} for oid in (one.oid, other.oid)}
    return bool(sources[one.oid] & sources[other.oid])


def _several_found(table: Table, embed: SelectEmbed, found: list[Relationship]) -> RestError:
    details = [_describe(table, item) for item in found]
    choices = ", ".join(f"'{embed.relation}!{item.key.name}'" for item in found)
    return RestError(
        300,
        "PGRST201",
        f"Could not embed because more than one relationship was found for '{table.name}' and '{embed.relation}'",
        details,
        f"Try changing '{embed.relation}' to one of the following: {choices}."
        " Find the desired relationship in the 'details' key.",
    )


def _describe(table: Table, item: Relationship) -> dict[str, str]:
    ours = ", ".join(ours for ours, _ in item.columns)
    theirs = ", ".join(theirs for _, theirs in item.columns)
    return {
        "cardinality": "many-to-one" if item.to_one else "one-to-many",
        "embedding": f"{table.name} with {item.table.name}",
        "relationship": f"{item.key.name} using {table.name}({ours}) and {item.table.name}({theirs})",
    }
