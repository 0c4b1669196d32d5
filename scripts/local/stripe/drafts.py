"""What an invoice and its lines look like before anybody has paid."""

from __future__ import annotations

from scripts.local.stripe.answers import listing
from scripts.local.stripe.state import Object, State


def new_invoice(
    state: State,
    *,
    customer: str | None,
    currency: str,
    lines: list[Object],
    reason: str,
    metadata: Object | None = None,
    discount: int = 0,
    tax: int = 0,
    subscription: Object | None = None,
    period: tuple[int, int] | None = None,
) -> Object:
    """A draft."""
    known = state.objects[customer] if customer else {}
    now = state.now_of(customer)
    subtotal = sum(line["amount"] for line in lines)
    total = subtotal - discount + tax
    invoice_id = state.new_id("invoice")
    for line in lines:
        line["invoice"] = invoice_id
    made = state.add(
        "invoice",
        id=invoice_id,
        created=now,
        account_country="US",
        account_name="Scrip (local)",
        account_tax_ids=None,
        amount_due=max(total, 0),
        amount_overpaid=0,
        amount_paid=0,
        amount_remaining=max(total, 0),
        amount_shipping=0,
        application=None,
        attempt_count=0,
        attempted=False,
        auto_advance=True,
        automatic_tax={
            "disabled_reason": None,
            "enabled": bool(tax),
            "liability": {"type": "self"} if tax else None,
            "provider": "stripe" if tax else None,
            "status": "complete" if tax else None,
        },
        automatically_finalizes_at=None,
        billing_reason=reason,
        collection_method="charge_automatically",
        currency=currency,
        custom_fields=None,
        customer=customer,
        customer_address=None,
        customer_email=known.get("email"),
        customer_name=known.get("name"),
        customer_phone=None,
        customer_shipping=None,
        customer_tax_exempt="none",
        customer_tax_ids=[],
        default_payment_method=None,
        default_source=None,
        default_tax_rates=[],
        description=None,
        discounts=[],
        due_date=None,
        effective_at=None,
        ending_balance=None,
        footer=None,
        from_invoice=None,
        hosted_invoice_url=None,
        invoice_pdf=None,
        issuer={"type": "self"},
        last_finalization_error=None,
        latest_revision=None,
        lines=listing(f"/v1/invoices/{invoice_id}/lines", lines) | {"total_count": len(lines)},
        livemode=False,
        metadata=metadata or {},
        next_payment_attempt=None,
        number=None,
        on_behalf_of=None,
        parent=_parent(subscription),
        payment_settings={"default_mandate": None, "payment_method_options": None, "payment_method_types": None},
        period_end=period[1] if period else now,
        period_start=period[0] if period else now,
        post_payment_credit_notes_amount=0,
        pre_payment_credit_notes_amount=0,
        receipt_number=None,
        rendering=None,
        shipping_cost=None,
        shipping_details=None,
        starting_balance=0,
        statement_descriptor=None,
        status="draft",
        status_transitions=dict.fromkeys(("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")),
        subtotal=subtotal,
        subtotal_excluding_tax=subtotal,
        test_clock=known.get("test_clock"),
        total=total,
        total_discount_amounts=[],
        total_excluding_tax=total - tax,
        total_pretax_credit_amounts=[],
        total_taxes=[],
        webhooks_delivered_at=now,
    )
    state.event("invoice.created", made)
    return made


def line_of(state: State, line: Object, *, item: Object | None = None, **more: object) -> Object:
    """A line for a price, as a checkout session or a subscription item holds it."""
    price, now = line["price"], state.now()
    amount = more.get("amount", price["unit_amount"] * line["quantity"])
    details = {"proration": bool(more.get("proration")), "proration_details": {"credited_items": None}}
    if item:
        parent = {
            "invoice_item_details": None,
            "subscription_item_details": details
            | {"invoice_item": None, "subscription": item["subscription"], "subscription_item": item["id"]},
            "type": "subscription_item_details",
        }
    else:
        parent = {
            "invoice_item_details": details | {"invoice_item": state.new_id("ii"), "subscription": None},
            "subscription_item_details": None,
            "type": "invoice_item_details",
        }
    return {
        "id": state.new_id("il"),
        "object": "line_item",
        "amount": amount,
        "currency": price["currency"],
        "description": more.get("description") or state.objects[price["product"]]["name"],
        "discount_amounts": [],
        "discountable": not more.get("proration"),
        "discounts": [],
        "invoice": None,
        "livemode": False,
        "metadata": {},
        "parent": parent,
        "period": more.get("period") or {"end": now, "start": now},
        "pretax_credit_amounts": [],
        "pricing": {
            "price_details": {"price": price["id"], "product": price["product"]},
            "type": "price_details",
            "unit_amount_decimal": str(price["unit_amount"]),
        },
        "quantity": line["quantity"],
        "subtotal": amount,
        "taxes": [],
    }


def _parent(subscription: Object | None) -> Object | None:
    if subscription is None:
        return None
    details = {"metadata": dict(subscription["metadata"]), "subscription": subscription["id"]}
    return {"quote_details": None, "subscription_details": details, "type": "subscription_details"}
