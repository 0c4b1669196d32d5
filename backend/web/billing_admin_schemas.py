"""The shapes of billing as admins see it: payments, refunds, and events of Stripe."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field, model_validator

from backend.web.billing_schemas import Payment
from backend.web.files import Format
from backend.web.openapi import Answer
from backend.web.schemas import Body, Query, Whole


class PaymentFilter(Query):
    """Which payments."""

    status: Literal["pending", "open", "processing", "paid", "failed", "expired", "flagged"] | None = None
    user_id: UUID | None = None


class PaymentListQuery(PaymentFilter):
    """Which page of payments."""

    before: UUID | None = Field(None, description="The last id of the page before.")
    limit: Whole = Field(50, ge=1, le=200)


class PaymentExportQuery(PaymentFilter):
    """Which payments, in which kind of file."""

    format: Format = "csv"


class ListedPayment(Payment):
    """A payment as admins see it."""

    user_id: UUID | None = Field(description="Null once the account was deleted.")
    flag_reason: str | None = Field(description="Why it is flagged: docs/billing.md.")
    checkout_session_id: str | None
    payment_intent_id: str | None


class ListedPaymentPage(Answer):
    """One page of payments, newest first."""

    data: list[ListedPayment]
    has_more: bool


class NewRefund(Body):
    """What to give back: an amount, the price of so many of its credits, or all that is left."""

    amount_cents: int | None = Field(None, ge=1, le=2**53)
    credits: int | None = Field(None, ge=1, le=1_000_000_000)
    full: bool = False
    reason: str = Field(min_length=1, max_length=500)
    dry_run: bool = Field(False, description="Only tell what would be; Stripe is not asked.")

    @model_validator(mode="after")
    def _one_of_three(self) -> NewRefund:
        if sum([self.amount_cents is not None, self.credits is not None, self.full]) != 1:
            raise ValueError("send one of amount_cents, credits and full")
        return self


class TakenLot(BaseModel):
    """Credits of one lot; those that a debt takes have no lot."""

    grant_id: UUID | None
    amount: int
    expires_at: datetime | None


class Taken(BaseModel):
    """What goes once Stripe has given the money back."""

    credits: int
    lots: list[TakenLot]
    balance: int = Field(description="What remains; below zero when more was spent than is left.")
    available: int


class Refund(Answer):
    """A refund that was asked for; the credits go when Stripe has given the money back. A dry run has no id."""

    id: UUID | None
    payment_id: UUID
    amount_cents: int
    currency: str
    reason: str
    status: Literal["requested", "sent", "refused"]
    refund_id: str | None
    error: str | None
    payment_intent_id: str
    created_at: datetime
    dry_run: bool = False
    takes: Taken | None = Field(None, description="Told by a dry run.")


class Refunded(Answer):
    """A refund, and the payment after it (null when it could not be looked up yet, and in a dry run)."""

    refund: Refund
    payment: Payment | None
    dry_run: bool


class EventQuery(Query):
    """Which events."""

    state: Literal["received", "parked"] = "parked"
    limit: Whole = Field(50, ge=1, le=100)


class EventPath(BaseModel):
    """Which event."""

    event_id: str = Field(min_length=1, max_length=255)


class StripeEvent(Answer):
    """An event of Stripe, without what it says."""

    id: str
    type: str
    object_type: str | None
    object_id: str | None
    source: Literal["webhook", "poller"]
    livemode: bool
    state: Literal["received", "handled", "parked", "ignored"]
    attempts: int
    last_error: str | None
    received_at: datetime
    next_attempt_at: datetime | None
    handled_at: datetime | None
    dry_run: bool = False


class StripeEventPage(Answer):
    """Events, oldest first."""

    data: list[StripeEvent]
    has_more: bool
