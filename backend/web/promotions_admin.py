"""Promo codes for admins: what there is, making one, switching one off."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field, model_validator

from backend.errors import Forbidden, InvalidAmount, LimitExceeded, PromoCodeNotFound
from backend.rpc import admin as rpc
from backend.web.admin_schemas import DryRun, Trial
from backend.web.auth import current_caller
from backend.web.credit_schemas import Time
from backend.web.openapi import Answer, blueprint, user_answers
from backend.web.schemas import Body, Query, Whole

bp = blueprint("promotions_admin", __name__, prefix="/api/v1/admin/promo-codes", tag="admin: billing", signed_in=True)

# A body is strict, and JSON has no times: this one is read from its text.
When = Annotated[Time, Field(strict=False)]
CODE = r"^[A-Za-z0-9][A-Za-z0-9_-]{2,39}$"


class PromoCodeQuery(Query):
    """Which page of codes."""

    after: str | None = Field(None, max_length=40, description="The last code of the page before.")
    limit: Whole = Field(50, ge=1, le=200)


class PromoCodePath(BaseModel):
    """Which code."""

    code: str = Field(max_length=40)


class NewPromoCode(Body):
    """A code, or the next version of one: `credits`, or `bonus_percent` of what is bought with it."""

    code: str = Field(pattern=CODE, examples=["WELCOME-10"])
    credits: int | None = Field(None, ge=1, le=1_000_000_000)
    bonus_percent: int | None = Field(None, ge=1, le=500)
    credits_last_days: int | None = Field(None, ge=1, le=3650, description="Null: they do not expire.")
    valid_from: When | None = None
    valid_until: When | None = None
    max_uses: int | None = Field(None, ge=1, le=2**53, description="Over all users and versions; null: no cap.")
    max_uses_per_user: int = Field(1, ge=1, le=2**31 - 1)
    active: bool = True
    dry_run: bool = DryRun

    @model_validator(mode="after")
    def _gives_one_thing(self) -> NewPromoCode:
        if (self.credits is None) == (self.bonus_percent is None):
            raise ValueError("send credits or bonus_percent")
        return self


class PromoCodeVersion(BaseModel):
    """What a code gives now."""

    code: str
    version: int
    credits: int | None
    bonus_percent: int | None
    credits_last_days: int | None
    valid_from: datetime | None
    valid_until: datetime | None
    max_uses: int | None
    max_uses_per_user: int
    active: bool
    uses: int = Field(description="Of all versions; a purchase that can still be paid counts.")
    created_at: datetime


class PromoCodeDetail(PromoCodeVersion, Answer):
    """The version of a code that counts now."""

    dry_run: bool


class PromoCodePage(Answer):
    """One page of codes, by name."""

    data: list[PromoCodeVersion]
    has_more: bool


@bp.get("", responses=user_answers(PromoCodePage, Forbidden))
def index(query: PromoCodeQuery) -> dict[str, Any]:
    """List promo codes."""
    return rpc.admin_list_promo_codes(current_caller(), after=query.after, limit=query.limit)


@bp.post("", responses=user_answers(PromoCodeDetail, Forbidden, InvalidAmount, LimitExceeded))
def create(body: NewPromoCode) -> dict[str, Any]:
    """Make a code, or its next version; the same again makes none."""
    asked: dict[str, Any] = body.model_dump(mode="json")
    return rpc.admin_create_promo_code(current_caller(), **asked)


@bp.post("/<code>/deactivate", responses=user_answers(PromoCodeDetail, Forbidden, PromoCodeNotFound))
def deactivate(path: PromoCodePath, body: Trial) -> dict[str, Any]:
    """Switch a code off; purchases under way keep its bonus."""
    return rpc.admin_deactivate_promo_code(current_caller(), code=path.code, dry_run=body.dry_run)
