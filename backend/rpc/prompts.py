"""System prompts, and what admins do with them; each change is audited, and a dry run tells what would be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from backend.rpc.client import Caller

Json = dict[str, Any]


def admin_list_prompts(caller: Caller, *, category: str | None = None, active: bool | None = None) -> Json:
    """Return all prompts with their text, in the shape that admin_write_prompts takes."""
    listed: Json = caller.call("admin_list_prompts", p_category=category, p_active=active)
    return listed


def list_presets(caller: Caller) -> Json:
    """Return the presets that the user may choose; not what they say."""
    listed: Json = caller.call("list_presets")
    return listed


def admin_get_prompt(caller: Caller, *, key: str) -> Json:
    """Return one prompt with its versions, newest first."""
    found: Json = caller.call("admin_get_prompt", p_key=key)
    return found


def admin_preview_prompt(
    caller: Caller,
    *,
    model_id: str,
    prompt: str,
    params: Mapping[str, Any] | None = None,
    presets: Sequence[str] | None = None,
) -> Json:
    """Return what the provider would be sent now."""
    sent: Json = caller.call(
        "admin_preview_prompt", p_model_id=model_id, p_prompt=prompt, p_params=params, p_presets=presets
    )
    return sent


def admin_write_prompts(
    caller: Caller,
    *,
    prompts: list[Json],
    source: str,
    reason: str,
    idempotency_key: str,
    asked: Json | None = None,
    dry_run: bool = False,
) -> Json:
    """Create or change prompts, all or none, once per key; return the change.

    `asked` is what the prompts were found by, where the same request may find others when it is repeated.
    """
    change: Json = caller.call(
        "admin_write_prompts",
        p_prompts=prompts,
        p_source=source,
        p_reason=reason,
        p_idempotency_key=idempotency_key,
        p_asked=asked,
        p_dry_run=dry_run,
    )
    return change


def admin_activate_prompt(
    caller: Caller, *, key: str, version: int, reason: str, expected_version: int | None = None, dry_run: bool = False
) -> Json:
    """Make a version of a prompt the one that is used; return the change that this is."""
    change: Json = caller.call(
        "admin_activate_prompt",
        p_key=key,
        p_version=version,
        p_reason=reason,
        p_expected_version=expected_version,
        p_dry_run=dry_run,
    )
    return change


def admin_undo_prompts(caller: Caller, *, change_id: UUID | str, reason: str, dry_run: bool = False) -> Json:
    """Put prompts back to what they were before a change, once; return the change that this is."""
    change: Json = caller.call("admin_undo_prompts", p_change_id=change_id, p_reason=reason, p_dry_run=dry_run)
    return change
