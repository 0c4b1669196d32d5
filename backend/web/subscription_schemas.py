"""The shapes of what repeats: plans, subscriptions, automatic top-up."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from backend.web.openapi import Answer
from backend.web.schemas import Body


class Plan(BaseModel):
    """Credits for each period that is paid. The price is in the currency's smallest unit, before tax and discounts."""

    id: str
    title: str
    credits: int
    period: Literal["month", "year"]
    amount_cents: int
    currency: str
    rollover: Literal["none", "capped", "months"] = Field(description="What becomes of unused credits at a renewal.")
    rollover_cap: int | None
    rollover_months: int | None
    grace_days: int = Field(description="Credits outlive their period by so many days.")


class PlanList(Answer):
    """Every plan that is sold now."""

    data: list[Plan]


class Subscription(BaseModel):
    """A subscription as Stripe has it."""

    id: UUID
    status: str = Field(description="In Stripe's words: active, past_due, unpaid, canceled and so on.")
    plan_id: str | None = Field(description="What is paid for now.")
    next_plan_id: str | None = Field(description="What the next period will be; null when there will be none.")
    current_period_start: datetime | None
    current_period_end: datetime | None
    cancel_at_period_end: bool
    ended_at: datetime | None
    created_at: datetime


class CurrentSubscription(Answer):
    """The live subscription, else the last one; null when there never was one."""

    subscription: Subscription | None


class AutoTopupSettings(Body):
    """Whether, when and what is bought by itself."""

    enabled: bool
    threshold: int = Field(ge=1, le=1_000_000_000, description="Buy when fewer credits than this can be spent.")
    package_id: str = Field(min_length=1, max_length=64, examples=["credits-100"])
    monthly_cap_cents: int = Field(
        ge=1, le=99_999_999, description="Spend at most this in a calendar month (UTC), before tax."
    )


class AutoTopup(BaseModel):
    """The settings as they are."""

    enabled: bool
    threshold: int
    package_id: str
    monthly_cap_cents: int
    stopped_reason: str | None = Field(
        description="Why it was switched off: a decline's code, authentication_required, no_payment_method, "
        "payment_reversed; null when it was not."
    )
    updated_at: datetime


class CurrentAutoTopup(Answer):
    """The settings; null when they were never made."""

    auto_topup: AutoTopup | None
