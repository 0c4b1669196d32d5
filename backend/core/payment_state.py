"""What Stripe says about a payment now, in the words of apply_payment_state. Money stays money here: no credits."""

from __future__ import annotations

from typing import Any

from backend.clients.stripe import Stripe

Json = dict[str, Any]

# Of a dispute in these states the bank has the money; an inquiry (warning_...) moves none, a won one gave it back.
HELD_BACK = ("needs_response", "under_review", "lost")
CONFLICT = "conflict"  # two objects name two owners: equal to nobody


def look_at_session(stripe: Stripe, session_id: str) -> Json:
    """Return a Checkout Session with all that of_session reads."""
    return stripe.retrieve_checkout_session(session_id, expand=["payment_intent.latest_charge", "invoice"])


def of_session(stripe: Stripe, session: Json) -> Json:
    """Return the state of a payment that is paid through a Checkout Session."""
    intent: Json = session["payment_intent"] or {}
    invoice: Json = session["invoice"] or {}
    totals = session["total_details"] or {}
    status = _session_status(session, intent)
    return {
        **of_charge(stripe, intent),
        **_owner(session, intent),
        "status": status,
        "checkout_session_id": session["id"],
        "invoice_id": invoice.get("id"),
        "invoice_url": invoice.get("hosted_invoice_url"),
        "currency": session["currency"],
        "amount_cents": session["amount_subtotal"],
        "discount_cents": totals.get("amount_discount"),
        "tax_cents": totals.get("amount_tax"),
        "charged_cents": _charged(session, intent) if status == "paid" else None,
    }


def of_intent(stripe: Stripe, intent_id: str) -> Json:
    """Return the state of a payment that was made without a page, such as an automatic top-up."""
    intent = stripe.retrieve_payment_intent(intent_id, expand=["latest_charge"])
    status = _intent_status(intent)
    return {
        **of_charge(stripe, intent),
        **_owner(intent),
        "status": status,
        "currency": intent["currency"],
        "amount_cents": intent["amount"],
        "charged_cents": intent["amount_received"] if status == "paid" else None,
        "decline_reason": _decline_reason(intent.get("last_payment_error") or {}),
    }


def _decline_reason(error: Json) -> str | None:
    # Only the code tells for sure that the bank wants to see a person.
    said: str | None = error.get("code") if error.get("code") == "authentication_required" else None
    return said or error.get("decline_code") or error.get("code")


def _session_status(session: Json, intent: Json) -> str:
    if session["status"] != "complete":
        return "expired" if session["status"] == "expired" else "open"
    if not intent:
        return "paid" if session["payment_status"] != "unpaid" else "processing"
    # The intent is the nearer witness: a session stays `paid` when its payment fails later.
    return _intent_status(intent)


def _intent_status(intent: Json) -> str:
    if intent["status"] == "succeeded":
        return "failed" if (intent["latest_charge"] or {}).get("status") == "failed" else "paid"
    if intent["status"] in ("canceled", "requires_payment_method"):
        return "failed"
    return "processing"


def _charged(session: Json, intent: Json) -> int | None:
    received: int | None = intent["amount_received"] if intent else session["amount_total"]
    return received


def _owner(*objects: Json) -> Json:
    def agreed(name: str) -> str | None:
        said = {str(one["metadata"][name]) for one in objects if (one.get("metadata") or {}).get(name)}
        return CONFLICT if len(said) > 1 else next(iter(said), None)

    return {"payment_id": agreed("payment_id"), "user_id": agreed("user_id")}


def of_charge(stripe: Stripe, intent: Json) -> Json:
    """Return what a payment intent ({}: none) says about its charge and what was given back."""
    charge: Json = intent.get("latest_charge") or {}
    disputes = stripe.list_disputes(intent["id"]) if charge.get("disputed") else []
    return {
        "payment_intent_id": intent.get("id"),
        "charge_id": charge.get("id"),
        "receipt_url": charge.get("receipt_url"),
        "refunded_cents": charge.get("amount_refunded") or 0,
        "disputed_cents": sum(one["amount"] for one in disputes if one["status"] in HELD_BACK),
    }
