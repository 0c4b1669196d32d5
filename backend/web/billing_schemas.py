"""The shapes of billing: what is sold, what was bought, and what became of it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field, model_validator

from backend.web.openapi import Answer
from backend.web.schemas import Body, Query, Whole

PaymentStatus = Literal[
    "pending",
    "open",
    "processing",
    "paid",
    "partially_refunded",
    "refunded",
    "disputed",
    "failed",
    "expired",
    "flagged",
]


class Package(BaseModel):
    """Credits for a price, in the smallest unit of its currency, before tax and discounts."""

    id: str
    title: str
    credits: int
    bonus_credits: int
    amount_cents: int
    currency: str


class PackageList(Answer):
    """Every package that is sold now."""

    data: list[Package]


class PaymentPath(BaseModel):
    """Which payment."""

    payment_id: UUID


class PaymentQuery(Query):
    """Which page of payments."""

    before: UUID | None = Field(None, description="The last id of the page before.")
    limit: Whole = Field(20, ge=1, le=100)


class Payment(Answer):
    """One attempt to buy credits. Amounts are in the smallest unit of the currency."""

    id: UUID
    kind: Literal["checkout", "auto_topup", "subscription"]
    package_id: str | None
    plan_id: str | None
    title: str | None
    status: PaymentStatus
    credits: int = Field(description="What was sold, bonus included.")
    promo_credits: int = Field(description="How many of these a promo code adds.")
    granted_credits: int
    clawed_credits: int = Field(description="Taken back because money was.")
    amount_cents: int
    charged_cents: int | None = Field(description="What was paid, with tax, less discounts.")
    refunded_cents: int
    disputed_cents: int
    currency: str
    url: str | None = Field(description="Where an open checkout is paid.")
    receipt_url: str | None
    invoice_url: str | None
    created_at: datetime
    paid_at: datetime | None


class PaymentPage(Answer):
    """One page of payments, newest first."""

    data: list[Payment]
    has_more: bool


class NewCheckout(Body):
    """What to buy: a package, or a plan to subscribe to."""

    package_id: str | None = Field(None, min_length=1, max_length=64, examples=["credits-100"])
    plan_id: str | None = Field(None, min_length=1, max_length=64)
    promo_code: str | None = Field(
        None,
        min_length=1,
        max_length=100,
        pattern=r"\S",
        description="One that adds percent to the purchase of a package.",
    )

    @model_validator(mode="after")
    def _one_of_two(self) -> NewCheckout:
        if (self.package_id is None) == (self.plan_id is None):
            raise ValueError("send package_id or plan_id")
        if self.plan_id and self.promo_code:
            raise ValueError("send promo_code with a package")
        return self


class Checkout(Answer):
    """A payment that was started, and the address of the page where it is paid: null when it has ended meanwhile."""

    payment_id: UUID
    url: str | None


class Portal(Answer):
    """The billing portal, for a few minutes."""

    url: str


class Received(Answer):
    """The event is kept."""

    received: bool
