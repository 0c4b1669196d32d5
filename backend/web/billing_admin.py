"""Billing for admins: refunds, and events that could not be applied."""

from __future__ import annotations

from typing import Any

from backend.core import billing as core
from backend.errors import (
    EventNotFound,
    Forbidden,
    IdempotencyKeyReused,
    InvalidAmount,
    InvalidState,
    PaymentNotFound,
    PaymentsNotConfigured,
)
from backend.rpc import admin as rpc
from backend.web.admin_schemas import Trial
from backend.web.auth import current_caller
from backend.web.billing_schemas import (
    EventPath,
    EventQuery,
    NewRefund,
    PaymentPath,
    Refunded,
    StripeEvent,
    StripeEventPage,
)
from backend.web.context import deps
from backend.web.openapi import blueprint, user_answers
from backend.web.schemas import SpendHeaders

events = blueprint(
    "payment_events", __name__, prefix="/api/v1/admin/payments/events", tag="admin: billing", signed_in=True
)
bp = blueprint("payment_admin", __name__, prefix="/api/v1/admin/payments", tag="admin: billing", signed_in=True)


@events.get("", responses=user_answers(StripeEventPage, Forbidden))
def index(query: EventQuery) -> dict[str, Any]:
    """List events of Stripe that are parked, or wait; oldest first."""
    return rpc.admin_list_stripe_events(current_caller(), state=query.state, limit=query.limit)


@bp.post("/events/<event_id>/retry", responses=user_answers(StripeEvent, Forbidden, EventNotFound, InvalidState))
def retry(path: EventPath, body: Trial) -> dict[str, Any]:
    """Have an event applied again, within seconds."""
    return rpc.admin_retry_stripe_event(current_caller(), event_id=path.event_id, dry_run=body.dry_run)


@bp.post(
    "/<payment_id>/refund",
    responses=user_answers(
        Refunded,
        Forbidden,
        PaymentNotFound,
        InvalidAmount,
        InvalidState,
        IdempotencyKeyReused,
        PaymentsNotConfigured,
        headers={"Idempotency-Key": "The key of this request."},
    ),
)
def refund(header: SpendHeaders, path: PaymentPath, body: NewRefund) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Give money back, and take back the credits that were bought with it."""
    done = core.refund(
        deps(),
        current_caller(),
        payment_id=str(path.payment_id),
        amount_cents=body.amount_cents,
        credits=body.credits,
        reason=body.reason,
        key=header.key,
        dry_run=body.dry_run,
    )
    return done, 200, {"Idempotency-Key": header.key}
