"""Credits that admins add or take away: within their limits at once, above them with a second admin."""

from __future__ import annotations

from typing import Any

from backend.errors import (
    AdjustmentNotFound,
    IdempotencyKeyReused,
    InsufficientCredits,
    InvalidAmount,
    InvalidState,
    LimitExceeded,
    SelfApproval,
    UserNotFound,
)
from backend.rpc.acts import admin_adjust_credits, admin_decide_adjustment, admin_list_adjustments
from backend.web.admin_schemas import (
    Adjustment,
    AdjustmentPage,
    AdjustmentPath,
    AdjustmentQuery,
    Decision,
    NewAdjustment,
    UserPath,
)
from backend.web.auth import current_caller
from backend.web.openapi import admin_answers, blueprint
from backend.web.schemas import SpendHeaders

bp = blueprint("adjustments", __name__, prefix="/api/v1/admin", tag="admin", signed_in=True)

DECIDED = admin_answers(
    Adjustment, AdjustmentNotFound, InvalidState, SelfApproval, LimitExceeded, InsufficientCredits, InvalidAmount
)


@bp.post(
    "/users/<user_id>/credits",
    responses=admin_answers(
        Adjustment,
        UserNotFound,
        IdempotencyKeyReused,
        InvalidAmount,
        InsufficientCredits,
        LimitExceeded,
        headers={"Idempotency-Key": "The key of this request."},
    ),
)
def adjust(path: UserPath, header: SpendHeaders, body: NewAdjustment) -> tuple[dict[str, Any], dict[str, str]]:
    """Add credits to what a user has, or take away what is available; above your limit it waits for another admin."""
    made = admin_adjust_credits(
        current_caller(),
        user_id=str(path.user_id),
        amount=body.amount,
        reason=body.reason,
        idempotency_key=header.key,
        expires_at=body.expires_at.isoformat() if body.expires_at else None,
        dry_run=body.dry_run,
    )
    return made, {"Idempotency-Key": header.key}


@bp.get("/adjustments", responses=admin_answers(AdjustmentPage))
def index(query: AdjustmentQuery) -> dict[str, Any]:
    """List adjustments, newest first; those that wait with `status=pending`."""
    return admin_list_adjustments(current_caller(), **query.model_dump(mode="json"))


@bp.post("/adjustments/<adjustment_id>/approve", responses=DECIDED)
def approve(path: AdjustmentPath, body: Decision) -> dict[str, Any]:
    """Let an adjustment of another admin happen."""
    return _decide(path, body, approve=True)


@bp.post("/adjustments/<adjustment_id>/reject", responses=DECIDED)
def reject(path: AdjustmentPath, body: Decision) -> dict[str, Any]:
    """End an adjustment that waits; one's own too."""
    return _decide(path, body, approve=False)


def _decide(path: AdjustmentPath, body: Decision, *, approve: bool) -> dict[str, Any]:
    return admin_decide_adjustment(
        current_caller(),
        adjustment_id=str(path.adjustment_id),
        approve=approve,
        reason=body.reason,
        dry_run=body.dry_run,
    )
