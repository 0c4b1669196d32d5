"""System prompts for admins: listed, written and put back."""

from __future__ import annotations

from typing import Any

from backend.errors import IdempotencyKeyReused, InvalidState, PromptNotFound
from backend.rpc.prompts import admin_list_prompts, admin_undo_prompts, admin_write_prompts
from backend.web.auth import current_caller
from backend.web.openapi import admin_answers, blueprint
from backend.web.prompt_schemas import (
    ChangePath,
    NewPrompt,
    PromptChange,
    PromptEdit,
    PromptList,
    PromptPath,
    PromptQuery,
)
from backend.web.schemas import SpendHeaders
from backend.web.user_schemas import Because

bp = blueprint("prompts_admin", __name__, prefix="/api/v1/admin/prompts", tag="admin: prompts", signed_in=True)

KEYED = {"Idempotency-Key": "The key of this request."}
ACT = {"reason", "dry_run"}


@bp.get("", responses=admin_answers(PromptList))
def index(query: PromptQuery) -> dict[str, Any]:
    """List prompts, with their text."""
    return admin_list_prompts(current_caller(), **query.model_dump())


@bp.post("", responses=admin_answers(PromptChange, IdempotencyKeyReused, InvalidState, headers=KEYED))
def create(header: SpendHeaders, body: NewPrompt) -> tuple[dict[str, Any], dict[str, str]]:
    """Make a prompt; with a key that there is already, 409."""
    return _write(header, body, {"expected_version": 0})


@bp.patch(
    "/<key>", responses=admin_answers(PromptChange, PromptNotFound, IdempotencyKeyReused, InvalidState, headers=KEYED)
)
def edit(path: PromptPath, header: SpendHeaders, body: PromptEdit) -> tuple[dict[str, Any], dict[str, str]]:
    """Change a prompt, or switch it off and on; 409 when somebody else changed its text since you saw it."""
    return _write(header, body, {"key": path.key})


@bp.post("/changes/<change_id>/undo", responses=admin_answers(PromptChange, PromptNotFound, InvalidState))
def undo(path: ChangePath, body: Because) -> dict[str, Any]:
    """Put prompts back to what they were before a change; 409 when one of them has changed since."""
    return admin_undo_prompts(current_caller(), change_id=str(path.change_id), reason=body.reason, dry_run=body.dry_run)


def _write(
    header: SpendHeaders, body: NewPrompt | PromptEdit, more: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    change = admin_write_prompts(
        current_caller(),
        prompts=[{**body.model_dump(exclude_unset=True, exclude=ACT), **more}],
        source="edit",
        reason=body.reason,
        idempotency_key=header.key,
        dry_run=body.dry_run,
    )
    return change, {"Idempotency-Key": header.key}
