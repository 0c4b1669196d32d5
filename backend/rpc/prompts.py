"""System prompts, and what admins do with them; each change is audited, and a dry run tells what would be."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from backend.rpc.client import Caller

Json = dict[str, Any]


def admin_list_prompts(caller: Caller, *, category: str | None = None, active: bool | None = None) -> Json:
    """Return all prompts with their text, in the shape that admin_write_prompts takes."""
    listed: Json = caller.call("admin_list_prompts", p_category=category, p_active=active)
    return listed


def admin_write_prompts(
    caller: Caller, *, prompts: list[Json], source: str, reason: str, idempotency_key: str, dry_run: bool = False
) -> Json:
    """Create or change prompts, all or none, once per key; return the change."""
    change: Json = caller.call(
        "admin_write_prompts",
        p_prompts=prompts,
        p_source=source,
        p_reason=reason,
        p_idempotency_key=idempotency_key,
        p_dry_run=dry_run,
    )
    return change


def admin_undo_prompts(caller: Caller, *, change_id: UUID | str, reason: str, dry_run: bool = False) -> Json:
    """Put prompts back to what they were before a change, once; return the change that this is."""
    change: Json = caller.call("admin_undo_prompts", p_change_id=change_id, p_reason=reason, p_dry_run=dry_run)
    return change
