"""Prompts written as admins write them."""

from __future__ import annotations

import uuid

from tests.factories import Json, Sql


def prompt(key: str, content: str = "soft edges", category: str = "style_preset", **other: Json) -> Json:
    """A prompt to be written."""
    return {"key": key, "category": category, "content": content, **other}


def write(sql: Sql, admin: uuid.UUID, *prompts: Json, key: str | None = None, **other: Json) -> Json:
    """Create or change prompts."""
    asked = {"p_prompts": list(prompts), "p_source": "edit", "p_reason": "test"}
    return sql.as_user(admin, "admin_write_prompts", **{**asked, **other}, p_idempotency_key=key or uuid.uuid4().hex)


def undo(sql: Sql, admin: uuid.UUID, change: Json, **other: Json) -> Json:
    """Put back what a change did."""
    return sql.as_user(admin, "admin_undo_prompts", p_change_id=change["change_id"], p_reason="oops", **other)


def listed(sql: Sql, admin: uuid.UUID, **narrow: Json) -> dict[str, Json]:
    """The prompts there are, by key."""
    return {row["key"]: row for row in sql.as_user(admin, "admin_list_prompts", **narrow)["prompts"]}


def changes(change: Json) -> list[tuple[str, str, int | None]]:
    """What became of each prompt."""
    return [(row["key"], row["change"], row["version"]) for row in change["prompts"]]
