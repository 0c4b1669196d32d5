"""What Stripe says about a subscription and its invoices now, in the words of apply_subscription_state."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from backend.clients.stripe import Stripe
from backend.core.payment_state import of_charge

Json = dict[str, Any]

STATUS = {"open": "open", "paid": "paid", "void": "failed", "uncollectible": "failed"}  # a draft is none of ours yet


def of_subscription(stripe: Stripe, subscription_id: str, *, since: str | None, also: str | None) -> Json:
    """Return the state of a subscription, with its invoices since then and one more that an event is about."""
    found = stripe.retrieve_subscription(subscription_id)
    item: Json = found["items"]["data"][0]
    metadata: Json = found.get("metadata") or {}
    return {
        "id": found["id"],
        "customer_id": found["customer"],
        "user_id": metadata.get("user_id"),
        "payment_id": metadata.get("payment_id"),
        "project": metadata.get("project"),
        "status": found["status"],
        "price_id": item["price"]["id"],
        "period_start": _time(item["current_period_start"]),
        "period_end": _time(item["current_period_end"]),
        "cancel_at_period_end": found["cancel_at_period_end"] or found["cancel_at"] is not None,
        "ended_at": _time(found["ended_at"]),
        "created_at": _time(found["created"]),
        "invoices": [
            _of_invoice(stripe, invoice) | {"user_id": metadata.get("user_id")}
            for invoice in _invoices(stripe, subscription_id, since, also)
        ],
    }


def subscription_of(invoice: Json) -> str | None:
    """Return the subscription that an invoice is for; None when it is for something else."""
    details: Json = (invoice.get("parent") or {}).get("subscription_details") or {}
    return details.get("subscription")


def _invoices(stripe: Stripe, subscription_id: str, since: str | None, also: str | None) -> list[Json]:
    """Return what is to be looked at, oldest first."""
    created = {"created": {"gte": int(datetime.fromisoformat(since).timestamp())}} if since else {}
    found = stripe.list_invoices({"subscription": subscription_id, **created, "expand": ["data.payments"]})
    if also and also not in [invoice["id"] for invoice in found]:
        found.append(stripe.retrieve_invoice(also, expand=["payments"]))
    return sorted((one for one in found if one["status"] in STATUS), key=lambda one: int(one["created"]))


def _of_invoice(stripe: Stripe, invoice: Json) -> Json:
    intent = _intent(stripe, invoice)
    status = STATUS[invoice["status"]]
    if status == "open" and intent.get("status") == "processing":
        status = "processing"
    charges = invoice["subtotal"] > 0  # below that it pays back, and Stripe keeps the rest for later invoices
    return {
        **of_charge(stripe, intent),
        "invoice_id": invoice["id"],
        "invoice_url": invoice["hosted_invoice_url"],
        "first": invoice["billing_reason"] == "subscription_create",
        "status": status,
        "currency": invoice["currency"],
        "amount_cents": invoice["subtotal"] if charges else 0,
        "discount_cents": _sum(invoice["total_discount_amounts"]) if charges else 0,
        "tax_cents": _sum(
            [one for one in invoice["total_taxes"] or [] if charges and one["tax_behavior"] == "exclusive"]
        ),
        "charged_cents": max(0, invoice["total"]),
        "lines": [_of_line(line) for line in _lines(stripe, invoice)],
    }


def _intent(stripe: Stripe, invoice: Json) -> Json:
    """Return the payment intent of an invoice: that which paid it, else the last."""
    payments = sorted(invoice["payments"]["data"], key=lambda one: one["status"] == "paid")
    intent_id = payments[-1]["payment"].get("payment_intent") if payments else None
    return stripe.retrieve_payment_intent(intent_id, expand=["latest_charge"]) if intent_id else {}


def _lines(stripe: Stripe, invoice: Json) -> list[Json]:
    """Return every line; an invoice itself shows the first ten."""
    listed: Json = invoice["lines"]
    lines: list[Json] = stripe.list_invoice_lines(invoice["id"]) if listed["has_more"] else listed["data"]
    return lines


def _of_line(line: Json) -> Json:
    parent: Json = line["parent"] or {}
    details: Json = parent.get("subscription_item_details") or parent.get("invoice_item_details") or {}
    return {
        "price_id": ((line["pricing"] or {}).get("price_details") or {}).get("price"),
        "amount_cents": line["amount"],
        "currency": line["currency"],
        "proration": bool(details.get("proration")),
        "period_start": _time(line["period"]["start"]),
        "period_end": _time(line["period"]["end"]),
    }


def _sum(amounts: list[Json] | None) -> int:
    return sum(one["amount"] for one in amounts or [])


def _time(seconds: int | None) -> str | None:
    return datetime.fromtimestamp(seconds, UTC).isoformat() if seconds is not None else None
