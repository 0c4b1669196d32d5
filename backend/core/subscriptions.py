"""Subscriptions: what checkout sells, and moving the books to what Stripe says about them.

A paid invoice is a payment like any other. Whatever happens to a subscription, the whole of it is looked at: its state,
its recent invoices and what became of their money. So it does not matter which events came, or in which order.
"""

from __future__ import annotations

from typing import Any

import structlog

from backend.core import payment_state, subscription_state
from backend.deps import Deps
from backend.errors import AppError, InvalidState
from backend.rpc import billing as rpc_billing
from backend.rpc import subscriptions as rpc

Json = dict[str, Any]
log = structlog.get_logger(__name__)

LOOKS = 100  # subscriptions per run of the healer


def prices(deps: Deps) -> dict[str, str]:
    """Return the Prices at Stripe of all plans that are sold: the portal can only offer to switch to what is there."""
    return {plan["id"]: price_of(deps, plan["id"]) for plan in rpc.list_plans(deps.rpc.as_anon())}


def price_of(deps: Deps, plan_id: str) -> str:
    """Return the Price at Stripe of what a plan sells now, made when there is none."""
    service = deps.rpc.as_service()
    price = rpc.get_plan_price(service, plan_id=plan_id)
    if price["stripe_price_id"]:
        return str(price["stripe_price_id"])
    params = {
        "currency": price["currency"],
        "unit_amount": price["amount_cents"],
        "recurring": {"interval": price["period"]},
        "tax_behavior": "exclusive",  # so that the subtotal that comes back is our price
        "product_data": {"name": price["title"]},
        "metadata": {"plan_id": plan_id},
    }
    made = deps.stripe.create_price(params, key=f"price-{price['id']}")
    return rpc.store_plan_price(service, price_id=price["id"], stripe_price_id=made["id"])


def sync(
    deps: Deps, subscription_id: str, *, event_id: str | None = None, invoice_id: str | None = None
) -> Json | None:
    """Ask Stripe about a subscription and its invoices, and move the books; None when Scrip did not make it."""
    service = deps.rpc.as_service()
    known = rpc.look_up_subscription(service, stripe_subscription_id=subscription_id)
    state = subscription_state.of_subscription(
        deps.stripe, subscription_id, since=known["invoices_since"], also=invoice_id
    )
    if not state["user_id"]:
        return None
    try:
        moved = rpc.apply_subscription_state(service, event_id=event_id, state=state, ticket=known["ticket"])
    except InvalidState:
        if state["project"] in (None, deps.settings.supabase_url):
            raise
        return None  # of another installation, which shares the account at Stripe
    for payment in moved["payments"]:
        if payment["flag_reason"]:
            log.error("payment_flagged", payment_id=payment["id"], reason=payment["flag_reason"], event_id=event_id)
    log.info("subscription_synced", subscription_id=moved["id"], status=moved["status"], event_id=event_id)
    return moved


def sync_invoice(deps: Deps, invoice_id: str, *, event_id: str | None = None) -> Json | None:
    """Do the same for the subscription of an invoice; None when it has none, or Scrip did not make it."""
    subscription_id = subscription_state.subscription_of(deps.stripe.retrieve_invoice(invoice_id))
    return sync(deps, subscription_id, event_id=event_id, invoice_id=invoice_id) if subscription_id else None


def sync_payment(deps: Deps, payment: Json, *, event_id: str | None, session_id: str | None) -> Json | None:
    """Do the same for a payment that look_up_payment answered, and return it; None when there is nothing to ask about.

    Until somebody has paid on the page there is no subscription, only a checkout session.
    """
    session_id = session_id or payment["checkout_session_id"]
    if payment["invoice_id"]:
        moved = sync_invoice(deps, payment["invoice_id"], event_id=event_id)
    elif session_id:
        # One look decides: between two, somebody may pay, and credits would be booked that know of no period.
        session = payment_state.look_at_session(deps.stripe, session_id)
        if not session["subscription"]:
            return rpc_billing.apply_payment_state(
                deps.rpc.as_service(),
                event_id=event_id,
                payment_id=payment["id"],
                state=payment_state.of_session(deps.stripe, session),
                ticket=payment["ticket"],
            )
        moved = sync(deps, session["subscription"], event_id=event_id, invoice_id=(session["invoice"] or {}).get("id"))
    else:
        return None
    return next((one for one in moved["payments"] if one["id"] == payment["id"]), None) if moved else None


def look_at_due(deps: Deps) -> int:
    """Ask Stripe about subscriptions whose period should have turned; returns about how many."""
    due = rpc.list_due_subscriptions(deps.rpc.as_service(), limit=LOOKS)
    for subscription_id in due:
        try:
            sync(deps, subscription_id)
        except AppError as error:
            log.warning("subscription_not_looked_at", stripe_subscription_id=subscription_id, code=error.code)
    return len(due)
