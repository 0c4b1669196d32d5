"""What a checkout session sells."""

from __future__ import annotations

from scripts.local.stripe import catalog
from scripts.local.stripe.errors import invalid
from scripts.local.stripe.forms import Form
from scripts.local.stripe.state import Object, State


def sold(state: State, form: Form, mode: str) -> list[Object]:
    """The lines of a session, as far as its mode allows them."""
    given = form.groups("line_items")
    if not given:
        raise invalid(f"You must provide line_items in `{mode}` mode.", code="parameter_missing", param="line_items")
    lines = [_line(state, each) for each in given]
    if len({line["currency"] for line in lines}) > 1:
        raise invalid("All line items must have the same currency.", param="line_items")
    recurring = [line["price"]["recurring"] is not None for line in lines]
    if mode == "payment" and any(recurring):
        raise invalid(
            "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use "
            "only one-time prices.",
            param="line_items",
        )
    if mode == "subscription" and not any(recurring):
        raise invalid("You must provide at least one recurring price in `subscription` mode.", param="line_items")
    return lines


def _line(state: State, form: Form) -> Object:
    price = catalog.price_of(state, form)
    quantity = form.number("quantity") or 1
    amount = price["unit_amount"] * quantity
    return {
        "id": state.new_id("li"),
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": state.objects[price["product"]]["name"],
        "metadata": {},
        "price": dict(price),
        "quantity": quantity,
    }
