"""Presets that a user may choose for a generation."""

from __future__ import annotations

from typing import Any

from backend.rpc.prompts import list_presets
from backend.web.auth import current_caller
from backend.web.openapi import blueprint, user_answers
from backend.web.prompt_schemas import PresetList

bp = blueprint("prompts", __name__, prefix="/api/v1/prompts", tag="generations", signed_in=True)


@bp.get("/presets", responses=user_answers(PresetList))
def presets() -> dict[str, Any]:
    """List the presets that a generation can be made with."""
    return list_presets(current_caller())
