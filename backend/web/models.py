"""What can be generated; for everyone."""

from __future__ import annotations

from typing import Any

from backend.core.catalog import unavailable_reason
from backend.errors import RateLimited
from backend.rpc.models import list_models
from backend.web.context import deps
from backend.web.openapi import answers, blueprint
from backend.web.schemas import ModelList

bp = blueprint("models", __name__, prefix="/api/v1/generations/models", tag="generations")


@bp.get("/supported", responses=answers(ModelList, RateLimited))
def supported() -> dict[str, Any]:
    """List the models with their prices and the schema of their params, and whether they can run here."""
    return {"data": [_with_availability(model) for model in list_models(deps().rpc.as_anon())]}


def _with_availability(model: dict[str, Any]) -> dict[str, Any]:
    reason = unavailable_reason(deps(), model["provider"], model["id"])
    return {**model, "available": reason is None, "unavailable_reason": reason}
