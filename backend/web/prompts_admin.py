"""System prompts for admins: listed, written, compared, tried and put back."""

from __future__ import annotations

from typing import Any

from backend.core.word_diff import word_diff
from backend.errors import IdempotencyKeyReused, InvalidState, ModelNotFound, PromptNotFound
from backend.rpc.prompts import (
    admin_activate_prompt,
    admin_get_prompt,
    admin_list_prompts,
    admin_preview_prompt,
    admin_undo_prompts,
    admin_write_prompts,
)
from backend.web.auth import current_caller
from backend.web.openapi import admin_answers, blueprint
from backend.web.prompt_schemas import (
    Activation,
    ChangePath,
    Comparison,
    ComparisonQuery,
    NewPrompt,
    Preview,
    PromptChange,
    PromptDetail,
    PromptEdit,
    PromptList,
    PromptPath,
    PromptQuery,
)
from backend.web.schemas import NewGeneration, SpendHeaders
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


@bp.get("/<key>", responses=admin_answers(PromptDetail, PromptNotFound))
def show(path: PromptPath) -> dict[str, Any]:
    """Show a prompt with all its versions."""
    return admin_get_prompt(current_caller(), key=path.key)


@bp.get("/<key>/compare", responses=admin_answers(Comparison, PromptNotFound))
def compare(path: PromptPath, query: ComparisonQuery) -> dict[str, Any]:
    """Show what differs between two versions, word by word."""
    versions = {row["version"]: row for row in admin_get_prompt(current_caller(), key=path.key)["history"]}
    for version in (query.before, query.after):
        if version not in versions:
            raise PromptNotFound("There is no such version of this prompt.", key=path.key, version=version)
    before, after = versions[query.before], versions[query.after]
    differences = word_diff(before["content"], after["content"])
    return {"key": path.key, "from": before, "to": after, "differences": differences}


@bp.post("/<key>/activate", responses=admin_answers(PromptChange, PromptNotFound, InvalidState))
def activate(path: PromptPath, body: Activation) -> dict[str, Any]:
    """Use another version, an older one too; a prompt that was off is on again."""
    return admin_activate_prompt(current_caller(), key=path.key, **body.model_dump())


@bp.post("/preview", responses=admin_answers(Preview, ModelNotFound))
def preview(body: NewGeneration) -> dict[str, Any]:
    """Show what the provider would be sent for this; nothing is made."""
    asked: dict[str, Any] = {"prompt": body.prompt, "params": body.params, "presets": body.presets}
    return admin_preview_prompt(current_caller(), model_id=body.model, **asked)


@bp.post("/changes/<change_id>/undo", responses=admin_answers(PromptChange, PromptNotFound, InvalidState))
def undo(path: ChangePath, body: Because) -> dict[str, Any]:
    """Put prompts back to what they were before a change; 409 when one of them has changed since."""
    return admin_undo_prompts(current_caller(), change_id=str(path.change_id), **body.model_dump())


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
