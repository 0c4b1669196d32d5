"""Billing: packages, payments, and what moves the books to the state of a payment at Stripe."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from backend.rpc.client import Caller

Json = dict[str, Any]


def list_packages(caller: Caller) -> list[Json]:
    """Return the credit packages that are sold now."""
    packages: list[Json] = caller.call("list_packages")
    return packages


def start_checkout(caller: Caller, *, package_id: str, idempotency_key: str, promo_code: str | None = None) -> Json:
    """Make a payment for a package at its present price, once per key; a promo code adds credits."""
    payment: Json = caller.call(
        "start_checkout", p_package_id=package_id, p_idempotency_key=idempotency_key, p_promo_code=promo_code
    )
    return payment


def attach_checkout_session(caller: Caller, *, payment_id: UUID | str, session_id: str, url: str | None) -> Json:
    """Remember through which Checkout Session a payment is paid."""
    payment: Json = caller.call("attach_checkout_session", p_payment_id=payment_id, p_session_id=session_id, p_url=url)
    return payment


def list_payments(caller: Caller, *, before: UUID | str | None = None, limit: int = 20) -> Json:
    """Return one page of the user's payments, newest first."""
    page: Json = caller.call("list_payments", p_before=before, p_limit=limit)
    return page


def get_payment(caller: Caller, *, payment_id: UUID | str) -> Json:
    """Return one of the user's payments."""
    payment: Json = caller.call("get_payment", p_payment_id=payment_id)
    return payment


def get_stripe_customer(caller: Caller, *, user_id: UUID | str) -> str | None:
    """Return the user's customer id at Stripe."""
    customer_id: str | None = caller.call("get_stripe_customer", p_user_id=user_id)
    return customer_id


def store_stripe_customer(caller: Caller, *, user_id: UUID | str, customer_id: str) -> str:
    """Remember the user's customer at Stripe; return the one that counts."""
    kept: str = caller.call("store_stripe_customer", p_user_id=user_id, p_customer_id=customer_id)
    return kept


def replace_stripe_customer(caller: Caller, *, user_id: UUID | str, deleted_id: str, customer_id: str) -> str:
    """Put a new customer in the place of one that was deleted at Stripe; return the one that counts."""
    kept: str = caller.call(
        "replace_stripe_customer", p_user_id=user_id, p_deleted_id=deleted_id, p_customer_id=customer_id
    )
    return kept


def look_up_payment(caller: Caller, *, payment_id: UUID | str) -> Json | None:
    """Return what is needed to ask Stripe about a payment, with a ticket for the answer."""
    payment: Json | None = caller.call("look_up_payment", p_payment_id=payment_id)
    return payment


def find_payment(
    caller: Caller,
    *,
    payment_intent_id: str | None = None,
    charge_id: str | None = None,
    invoice_id: str | None = None,
) -> str | None:
    """Return the id of the payment that was paid through one of these objects of Stripe."""
    payment_id: str | None = caller.call(
        "find_payment", p_payment_intent_id=payment_intent_id, p_charge_id=charge_id, p_invoice_id=invoice_id
    )
    return payment_id


def apply_payment_state(
    caller: Caller, *, event_id: str | None, payment_id: UUID | str, state: Json, ticket: int
) -> Json:
    """Move the books to what Stripe says about a payment, and end the event, in one transaction."""
    payment: Json = caller.call(
        "apply_payment_state", p_event_id=event_id, p_payment_id=payment_id, p_state=state, p_ticket=ticket
    )
    return payment


def list_due_payments(caller: Caller, *, limit: int = 100) -> list[str]:
    """Return ids of payments that Stripe is to be asked about."""
    due: list[str] = caller.call("list_due_payments", p_limit=limit)
    return due


def finish_refund(
    caller: Caller, *, refund_id: UUID | str, stripe_refund_id: str | None = None, error: str | None = None
) -> Json:
    """Note what became of a refund at Stripe."""
    refund: Json = caller.call(
        "finish_refund", p_refund_id=refund_id, p_stripe_refund_id=stripe_refund_id, p_error=error
    )
    return refund


def list_due_refunds(caller: Caller, *, limit: int = 100) -> list[Json]:
    """Return refunds whose sending was interrupted."""
    due: list[Json] = caller.call("list_due_refunds", p_limit=limit)
    return due
