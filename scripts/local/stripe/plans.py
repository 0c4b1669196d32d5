"""What a subscription and its items look like at the beginning."""

from __future__ import annotations

from scripts.local.stripe.answers import listing
from scripts.local.stripe.periods import next_end
from scripts.local.stripe.state import Object, State


def period_of(item: Object) -> Object:
    """The period that an item is in."""
    return {"end": item["current_period_end"], "start": item["current_period_start"]}


def plan_of(price: Object) -> Object:
    """The legacy twin of a price, which an item still shows."""
    return {
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": "per_unit",
        "created": price["created"],
        "currency": price["currency"],
        "interval": price["recurring"]["interval"],
        "interval_count": price["recurring"]["interval_count"],
        "livemode": False,
        "metadata": {},
        "meter": None,
        "nickname": price["nickname"],
        "product": price["product"],
        "tiers_mode": None,
        "transform_usage": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }


def new_item(state: State, subscription_id: str, line: Object, now: int) -> Object:
    """An item whose first period begins now."""
    return {
        "id": state.new_id("si", 14),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": now,
        "current_period_end": next_end(now, now, line["price"]["recurring"]),
        "current_period_start": now,
        "discounts": [],
        "metadata": {},
        "plan": plan_of(line["price"]),
        "price": dict(line["price"]),
        "quantity": line["quantity"],
        "subscription": subscription_id,
        "tax_rates": [],
    }


def new_subscription(
    state: State, subscription_id: str, customer: str, items: list[Object], card: Object, metadata: Object, now: int
) -> Object:
    """A subscription whose first invoice is not paid yet."""
    return {
        "id": subscription_id,
        "created": now,
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": now,
        "billing_cycle_anchor_config": None,
        "billing_mode": {"flexible": {"proration_discounts": "included"}, "type": "flexible"},
        "billing_schedules": [],
        "billing_thresholds": None,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": "charge_automatically",
        "currency": items[0]["price"]["currency"],
        "customer": customer,
        "days_until_due": None,
        "default_payment_method": card["id"],
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "ended_at": None,
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "items": listing(f"/v1/subscription_items?subscription={subscription_id}", items) | {"total_count": len(items)},
        "latest_invoice": None,
        "livemode": False,
        "metadata": metadata,
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": None,
        "pause_collection": None,
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": now,
        "status": "incomplete",
        "test_clock": state.objects[customer]["test_clock"],
        "transfer_data": None,
        "trial_end": None,
        "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
        "trial_start": None,
    }
