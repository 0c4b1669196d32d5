"""Billing for admins: payments of everybody, refunds, and events that could not be applied."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Response

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
from backend.web.billing_admin_schemas import (
    EventPath,
    EventQuery,
    ListedPayment,
    ListedPaymentPage,
    NewRefund,
    PaymentExportQuery,
    PaymentListQuery,
    Refunded,
    StripeEvent,
    StripeEventPage,
)
from backend.web.billing_schemas import PaymentPath
from backend.web.context import deps
from backend.web.files import download, listed, pages
from backend.web.openapi import admin_answers, blueprint, user_answers
from backend.web.schemas import SpendHeaders
from backend.web.user_schemas import Because

events = blueprint(
    "payment_events", __name__, prefix="/api/v1/admin/payments/events", tag="admin: billing", signed_in=True
)
payments = blueprint("payment_list", __name__, prefix="/api/v1/admin/payments", tag="admin: billing", signed_in=True)
bp = blueprint("payment_admin", __name__, prefix="/api/v1/admin/payments", tag="admin: billing", signed_in=True)


@events.get("", responses=user_answers(StripeEventPage, Forbidden))
def index(query: EventQuery) -> dict[str, Any]:
    """List events of Stripe that are parked, or wait; oldest first."""
    return rpc.admin_list_stripe_events(current_caller(), state=query.state, limit=query.limit)


@payments.get("", responses=admin_answers(ListedPaymentPage))
def list_payments(query: PaymentListQuery) -> dict[str, Any]:
    """List everybody's payments, newest first; those that somebody must look at with `status=flagged`."""
    return rpc.admin_list_payments(current_caller(), **query.model_dump(mode="json"))


@payments.get("/export", responses=listed("The payments, newest first."))
def export_payments(query: PaymentExportQuery) -> Response:
    """Download the payments that the list finds."""
    asked = query.model_dump(mode="json", exclude={"format"})
    found = pages(partial(rpc.admin_list_payments, current_caller(), **asked))
    return download("payments", query.format, tuple(ListedPayment.model_fields), found)


@bp.post("/events/<event_id>/dismiss", responses=admin_answers(StripeEvent, EventNotFound, InvalidState))
def dismiss(path: EventPath, body: Because) -> dict[str, Any]:
    """Lay an event to rest that was dealt with by hand; it is kept, and never applied."""
    given = body.model_dump()
    return rpc.admin_dismiss_stripe_event(current_caller(), event_id=path.event_id, **given)


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
