"""Plans and subscriptions."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from backend.rpc.client import Caller

Json = dict[str, Any]


def list_plans(caller: Caller) -> list[Json]:
    """Return the plans that are sold now."""
    plans: list[Json] = caller.call("list_plans")
    return plans


def start_subscription(caller: Caller, *, plan_id: str, idempotency_key: str) -> Json:
    """Make the first payment of a subscription at its plan's present price, once per key."""
    payment: Json = caller.call("start_subscription", p_plan_id=plan_id, p_idempotency_key=idempotency_key)
    return payment


def get_subscription(caller: Caller) -> Json | None:
    """Return the user's subscription, the last one when none is live."""
    subscription: Json | None = caller.call("get_subscription")
    return subscription


def get_plan_price(caller: Caller, *, plan_id: str) -> Json:
    """Return what a plan sells now, and its Price at Stripe when there is one."""
    price: Json = caller.call("get_plan_price", p_plan_id=plan_id)
    return price


def store_plan_price(caller: Caller, *, price_id: UUID | str, stripe_price_id: str) -> str:
    """Remember the Price at Stripe of a version of a plan; return the one that counts."""
    stored: str = caller.call("store_plan_price", p_price_id=price_id, p_stripe_price_id=stripe_price_id)
    return stored


def look_up_subscription(caller: Caller, *, stripe_subscription_id: str) -> Json:
    """Return a ticket, and from when on invoices are to be looked at."""
    known: Json = caller.call("look_up_subscription", p_stripe_subscription_id=stripe_subscription_id)
    return known


def apply_subscription_state(caller: Caller, *, event_id: str | None, state: Json, ticket: int) -> Json:
    """Move a subscription and its invoices to what Stripe says, and mark the event as handled."""
    subscription: Json = caller.call("apply_subscription_state", p_event_id=event_id, p_state=state, p_ticket=ticket)
    return subscription


def list_due_subscriptions(caller: Caller, *, limit: int = 100) -> list[str]:
    """Return Stripe's ids of subscriptions that are to be looked at."""
    due: list[str] = caller.call("list_due_subscriptions", p_limit=limit)
    return due
