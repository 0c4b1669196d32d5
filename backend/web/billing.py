"""Billing: what is sold, buying it, what was bought; and the address that Stripe tells what happened."""

from __future__ import annotations

from typing import Any

from flask import request

from backend.core import billing as core
from backend.core.stripe_events import receive
from backend.errors import (
    FeatureDisabled,
    IdempotencyKeyReused,
    InvalidSignature,
    InvalidState,
    PackageNotFound,
    PaymentNotFound,
    PaymentsNotConfigured,
    PlanNotFound,
    PromoCodeNotFound,
    PromoCodeRedeemed,
    RateLimited,
    UserNotFound,
)
from backend.rpc import billing as rpc
from backend.web.auth import current_caller, current_user
from backend.web.billing_schemas import (
    Checkout,
    NewCheckout,
    PackageList,
    Payment,
    PaymentPage,
    PaymentPath,
    PaymentQuery,
    Portal,
    Received,
)
from backend.web.context import deps, request_id
from backend.web.flags import require_flag
from backend.web.limits import count
from backend.web.openapi import answers, blueprint, user_answers
from backend.web.schemas import SpendHeaders

packages = blueprint("packages", __name__, prefix="/api/v1/billing/packages", tag="billing")
bp = blueprint("billing", __name__, prefix="/api/v1/billing", tag="billing", signed_in=True)
webhook = blueprint("stripe_webhook", __name__, prefix="/api/v1/webhooks/stripe", tag="webhooks")


@packages.get("", responses=answers(PackageList, RateLimited))
def index() -> dict[str, Any]:
    """List the credit packages and their prices."""
    return {"data": rpc.list_packages(deps().rpc.as_anon())}


@bp.post(
    "/checkout",
    responses=user_answers(
        Checkout,
        PackageNotFound,
        PlanNotFound,
        PromoCodeNotFound,
        PromoCodeRedeemed,
        UserNotFound,
        FeatureDisabled,
        IdempotencyKeyReused,
        InvalidState,
        PaymentsNotConfigured,
        headers={"Idempotency-Key": "The key of this request."},
    ),
)
@require_flag("payments")
def checkout(header: SpendHeaders, body: NewCheckout) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Start to buy a package or to subscribe to a plan: send the person to `url`, then follow the payment."""
    me = current_user()
    payment = core.checkout(
        deps(), current_caller(), user_id=me.id, email=me.email, **body.model_dump(), key=header.key
    )
    return {"payment_id": payment["id"], "url": payment["url"]}, 200, {"Idempotency-Key": header.key}


@bp.get("/payments", responses=user_answers(PaymentPage, PaymentNotFound))
def payments(query: PaymentQuery) -> dict[str, Any]:
    """List payments, newest first."""
    return rpc.list_payments(current_caller(), before=query.before, limit=query.limit)


@bp.get("/payments/<payment_id>", responses=user_answers(Payment, PaymentNotFound))
def payment(path: PaymentPath) -> dict[str, Any]:
    """Show one payment, with receipt and invoice."""
    return rpc.get_payment(current_caller(), payment_id=path.payment_id)


@bp.post("/portal", responses=user_answers(Portal, UserNotFound, PaymentsNotConfigured))
def portal() -> dict[str, Any]:
    """Open the billing portal: cards, invoices, subscription."""
    me = current_user()
    return core.portal(deps(), user_id=me.id, email=me.email)


@webhook.post("", responses=answers(Received, InvalidSignature, RateLimited, PaymentsNotConfigured))
def stripe() -> dict[str, Any]:
    """Take an event from Stripe, signed in `Stripe-Signature`; it is applied a moment later."""
    try:
        receive(deps(), request.get_data(), request.headers.get("Stripe-Signature"), request_id=request_id())
    except InvalidSignature:
        count()  # by address, and only what is forged
        raise
    return {"received": True}
