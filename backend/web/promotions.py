"""Promo codes of the signed-in user."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from backend.errors import IdempotencyKeyReused, InvalidState, PromoCodeNotFound, PromoCodeRedeemed, UserNotFound
from backend.rpc.promotions import redeem_promo_code
from backend.web.auth import current_caller
from backend.web.openapi import Answer, blueprint, user_answers
from backend.web.schemas import Body, SpendHeaders

bp = blueprint("promotions", __name__, prefix="/api/v1/billing/promo-codes", tag="billing", signed_in=True)


class PromoCode(Body):
    """A code, in capitals or not."""

    code: str = Field(min_length=1, max_length=100, pattern=r"\S", examples=["WELCOME-10"])


class Redemption(Answer):
    """What a code gave."""

    code: str
    credits: int
    expires_at: datetime | None
    transaction_id: int
    redeemed_at: datetime


@bp.post(
    "/redeem",
    responses=user_answers(
        Redemption,
        PromoCodeNotFound,
        UserNotFound,
        PromoCodeRedeemed,
        IdempotencyKeyReused,
        InvalidState,
        headers={"Idempotency-Key": "The key of this request."},
    ),
)
def redeem(header: SpendHeaders, body: PromoCode) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Redeem a code; every code that can't be redeemed now answers the same."""
    redemption = redeem_promo_code(current_caller(), code=body.code, idempotency_key=header.key)
    return redemption, 200, {"Idempotency-Key": header.key}
