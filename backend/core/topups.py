"""Automatic top-up: buying a package for somebody who is not there, when the credits fall below a threshold.

The row is made first and names the idempotency key, and the card is fixed in it before Stripe is asked. Whoever comes
after a crash asks the same again, and Stripe answers with the payment that it made.
"""

from __future__ import annotations

from typing import Any

import structlog

from backend.clients.stripe import StripeRefusal
from backend.core import billing
from backend.deps import Deps
from backend.errors import AppError, PaymentDeclined
from backend.rpc import topups as rpc
from backend.rpc.billing import get_stripe_customer

Json = dict[str, Any]
log = structlog.get_logger(__name__)

BATCH = 100


def dispatch(deps: Deps) -> int:
    """Tell the workers for whom something is to be bought; returns how many."""
    if not deps.stripe.configured or deps.settings.flag_overrides.get("payments") is False:
        return 0
    due = rpc.list_due_auto_topups(deps.rpc.as_service(), limit=BATCH)
    return sum(deps.queue.enqueue_topup(user_id) for user_id in due)


def run(deps: Deps, user_id: str) -> None:
    """Buy for one user, if that is (still) to be done; what fails for the moment is done again some minutes later."""
    payment = rpc.start_auto_topup(deps.rpc.as_service(), user_id=user_id)
    if payment is None:
        return
    with structlog.contextvars.bound_contextvars(payment_id=payment["id"]):
        try:
            _pay(deps, payment)
        except AppError as error:
            log.warning("auto_topup_interrupted", code=error.code, reason=error.message)


def _pay(deps: Deps, payment: Json) -> None:
    if payment["stale"]:
        return _fail(deps, payment, "interrupted")  # if it was paid after all, its event brings the credits
    customer_id = get_stripe_customer(deps.rpc.as_service(), user_id=payment["user_id"])
    card = customer_id and _card(deps, payment, customer_id)
    if not card:
        return _fail(deps, payment, "no_payment_method")
    names = {"payment_id": payment["id"], "user_id": payment["user_id"], "project": deps.settings.supabase_url}
    params = {
        "amount": payment["amount_cents"],
        "currency": payment["currency"],
        "customer": customer_id,
        "payment_method": card,
        "confirm": True,
        "off_session": True,
        "description": "Automatic top-up",
        "metadata": names,
    }
    try:
        intent_id: str | None = deps.stripe.create_payment_intent(params, key=f"topup-{payment['id']}")["id"]
    except PaymentDeclined as declined:
        intent_id = declined.details.get("payment_intent")
        if not intent_id:
            return _fail(deps, payment, declined.details.get("reason") or "declined")
    except StripeRefusal as refused:
        return _fail(deps, payment, refused.stripe_code or "refused")
    billing.sync(deps, payment["id"], intent_id=intent_id)
    return None


def _card(deps: Deps, payment: Json, customer_id: str) -> str | None:
    """Return what the payment is charged to, fixed at its first try: the customer's default, else the newest card."""
    if payment["payment_method_id"]:
        return str(payment["payment_method_id"])
    customer = deps.stripe.retrieve_customer(customer_id)
    if customer.get("deleted"):
        return None
    chosen = customer["invoice_settings"]["default_payment_method"]
    if not chosen:
        cards = deps.stripe.list_payment_methods(customer_id)
        chosen = cards[0]["id"] if cards else None
    service = deps.rpc.as_service()
    return rpc.choose_payment_method(service, payment_id=payment["id"], payment_method_id=chosen) if chosen else None


def _fail(deps: Deps, payment: Json, reason: str) -> None:
    log.warning("auto_topup_failed", reason=reason)
    rpc.fail_auto_topup(deps.rpc.as_service(), payment_id=payment["id"], reason=reason)
