"""Gifts of the signed-in user to others."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from backend.errors import (
    FeatureDisabled,
    Forbidden,
    IdempotencyKeyReused,
    InsufficientCredits,
    InvalidAmount,
    UserNotFound,
)
from backend.rpc.gifts import gift_credits
from backend.web.auth import current_caller
from backend.web.openapi import Answer, blueprint, user_answers
from backend.web.schemas import Body, Integer, SpendHeaders

bp = blueprint("gifts", __name__, prefix="/api/v1/credits/gifts", tag="credits", signed_in=True)


class NewGift(Body):
    """What to give, and to whom."""

    email: str = Field(max_length=254, pattern=r"^[!-?A-~]+@[!-?A-~]+$", examples=["bob@example.com"])
    credits: Integer = Field(ge=1, le=1_000_000_000, description="Of those that you bought; others can't be given.")
    message: str | None = Field(None, max_length=500)


class Gift(Answer):
    """What was given. It says nothing about whether the address has an account."""

    id: UUID
    email: str
    credits: int
    message: str | None
    transaction_id: int = Field(description="The row of your ledger.")
    created_at: datetime


@bp.post(
    "",
    responses=user_answers(
        Gift,
        InvalidAmount,
        InsufficientCredits,
        FeatureDisabled,
        Forbidden,
        UserNotFound,
        IdempotencyKeyReused,
        headers={"Idempotency-Key": "The key of this request."},
    ),
)
def create(header: SpendHeaders, body: NewGift) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Give bought credits to somebody by e-mail address; they wait there until the address has an account."""
    gift = gift_credits(
        current_caller(), email=body.email, credits=body.credits, message=body.message, idempotency_key=header.key
    )
    return gift, 200, {"Idempotency-Key": header.key}
