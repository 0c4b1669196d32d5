"""Events of Stripe: kept first, answered at once, applied by a worker.

An event only says where to look. Applying it asks Stripe for the present state and moves the books to that, so that
events may come twice, late, in any order, or not at all: the healer (core/healing.py) finds what no webhook brought.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog

from backend.core import billing, subscriptions
from backend.core.subscription_state import subscription_of
from backend.deps import Deps
from backend.errors import AppError, InvalidParams, PaymentNotFound
from backend.queue import RedisError
from backend.rpc import billing as rpc_billing
from backend.rpc import stripe_events as rpc

Json = dict[str, Any]
log = structlog.get_logger(__name__)

BATCH = 500
NOTHING = "a payment that there is nothing to ask about yet"  # has no effect on an event that was applied


def receive(deps: Deps, payload: bytes, signature: str | None, *, request_id: str | None) -> Json:
    """Keep an event that a webhook brought and tell the workers; raises when it is not Stripe's, or can't be kept."""
    event = deps.stripe.verify_webhook(payload, signature)
    if bool(event.get("livemode")) != deps.stripe.live:
        raise InvalidParams("This event is of the other mode (test or live) than STRIPE_SECRET_KEY.", field="livemode")
    kept = rpc.record_stripe_event(deps.rpc.as_service(), payload=event, source="webhook")
    log.info("stripe_event_received", event_id=kept["id"], type=event.get("type"), recorded=kept["recorded"])
    if kept["state"] == "received":
        try:
            deps.queue.enqueue_stripe_event(kept["id"], request_id)
        except RedisError as error:  # only a hint: the scheduler finds it
            log.warning("enqueue_failed", event_id=kept["id"], error=str(error))
    return kept


def apply(deps: Deps, event_id: str, *, request_id: str | None = None) -> None:
    """Move the books to what an event is about; what fails is tried again later, and parked in the end."""
    with structlog.contextvars.bound_contextvars(event_id=event_id, request_id=request_id):
        service = deps.rpc.as_service()
        event = rpc.claim_stripe_event(service, event_id=event_id)
        if event is None:
            return
        handler = HANDLERS.get(event["object_type"] or "", _ignore)
        try:
            handler(deps, event)
        except AppError as error:
            log.warning("stripe_event_failed", type=event["type"], code=error.code, reason=error.message)
            final = isinstance(error, PaymentNotFound)  # of another installation, or of a database that was lost
            rpc.fail_stripe_event(service, event_id=event_id, error=f"{error.code}: {error.message}", final=final)
        except Exception as error:
            log.exception("stripe_event_broke", type=event["type"])
            rpc.fail_stripe_event(service, event_id=event_id, error=f"a bug: {type(error).__name__}: {error}")


def dispatch(deps: Deps) -> int:
    """Tell the workers of events that wait; returns how many. Those that could not be told come again in a minute."""
    if not deps.stripe.configured:
        return 0
    due = rpc.list_due_stripe_events(deps.rpc.as_service(), limit=BATCH)
    for event_id in due:
        deps.queue.enqueue_stripe_event(event_id, None)
    return len(due)


def _ignore(deps: Deps, event: Json, reason: str = "nothing that Scrip keeps") -> None:
    rpc.ignore_stripe_event(deps.rpc.as_service(), event_id=event["id"], reason=reason)


def _named(deps: Deps, about: Json) -> str | None:
    """Return which payment of this installation an object names; another one may share the account at Stripe."""
    names = about.get("metadata") or {}
    ours = names.get("project") in (None, deps.settings.supabase_url)
    return names.get("payment_id") if ours else None


def _session(deps: Deps, event: Json) -> None:
    session = event["payload"]["data"]["object"]
    payment_id = _named(deps, session)
    if not payment_id:
        _ignore(deps, event, "a session that Scrip did not make")
    elif not billing.sync(deps, payment_id, event_id=event["id"], session_id=session["id"]):
        _ignore(deps, event, NOTHING)


def _money(deps: Deps, event: Json) -> None:
    """Handle what is about a payment intent: itself, its charge, a refund, a dispute."""
    about = event["payload"]["data"]["object"]
    intent_id = about["id"] if event["object_type"] == "payment_intent" else about.get("payment_intent")
    payment_id = rpc_billing.find_payment(deps.rpc.as_service(), payment_intent_id=intent_id) if intent_id else None
    if intent_id and not payment_id:
        payment_id = _named(deps, deps.stripe.retrieve_payment_intent(intent_id))
    if payment_id:
        if not billing.sync(deps, payment_id, event_id=event["id"], intent_id=intent_id):
            _ignore(deps, event, NOTHING)
    elif not (intent_id and _paid_invoice(deps, event, intent_id)):
        _ignore(deps, event, "money that Scrip did not ask for")


def _paid_invoice(deps: Deps, event: Json, intent_id: str) -> bool:
    """Handle money for a subscription's invoice that is not in the books yet."""
    invoices = [each["invoice"] for each in deps.stripe.list_invoice_payments(intent_id)]
    return any(subscriptions.sync_invoice(deps, invoice_id, event_id=event["id"]) for invoice_id in invoices[:1])


def _subscription(deps: Deps, event: Json) -> None:
    """Handle what is about a subscription or one of its invoices."""
    about = event["payload"]["data"]["object"]
    is_invoice = event["object_type"] == "invoice"
    subscription_id = subscription_of(about) if is_invoice else about["id"]
    invoice_id = about["id"] if is_invoice else None
    if not subscription_id:
        _ignore(deps, event, "an invoice of no subscription")
    elif not subscriptions.sync(deps, subscription_id, event_id=event["id"], invoice_id=invoice_id):
        _ignore(deps, event, "a subscription that Scrip did not make")


Handler = Callable[[Deps, Json], None]

# By the kind of object that an event is about; all events about one kind lead to the same look at it.
HANDLERS: dict[str, Handler] = {
    "checkout.session": _session,
    "payment_intent": _money,
    "charge": _money,
    "refund": _money,
    "dispute": _money,
    "subscription": _subscription,
    "invoice": _subscription,
}
