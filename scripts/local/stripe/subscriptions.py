"""Subscriptions: made by checkout or by the API, changed with proration, cancelled now or with the period."""

from __future__ import annotations

import copy

from scripts.local.stripe import catalog, customers, drafts, invoices, plans, proration
from scripts.local.stripe.answers import PAGING, created_within, page
from scripts.local.stripe.errors import invalid
from scripts.local.stripe.forms import Form
from scripts.local.stripe.routes import route
from scripts.local.stripe.state import Object, State

ITEMS = "items.id items.price items.quantity items.price_data.* metadata.* default_payment_method proration_behavior "


@route("POST", "/v1/subscriptions", ITEMS + "customer payment_behavior off_session")
def create(state: State, form: Form) -> Object:
    """Subscribe a customer who has left a card."""
    customer = state.get("customer", form.need("customer"), "customer")
    lines = [_line(state, each) for each in form.groups("items")]
    if not lines:
        raise invalid("Missing required param: items.", code="parameter_missing", param="items")
    name = form.text("default_payment_method") or customer["invoice_settings"]["default_payment_method"]
    if not name:
        raise invalid("This customer has no attached payment source or default payment method.")
    card = customers.attach(state, customers.resolve(state, name), customer["id"])
    made, _ = start(state, customer["id"], lines, card, form.metadata())
    return made


@route("GET", "/v1/subscriptions/{id}")
def retrieve(state: State, form: Form, subscription_id: str) -> Object:
    """Show a subscription."""
    return state.get("subscription", subscription_id)


@route("GET", "/v1/subscriptions", PAGING + " customer status created created.*")
def index(state: State, form: Form) -> Object:
    """List subscriptions; cancelled ones only when asked for."""
    where = {"customer": form.text("customer")} if "customer" in form else {}
    status, within = form.text("status"), created_within(form)

    def wanted(each: Object) -> bool:
        ended = each["status"] == "canceled"
        return within(each) and (status == "all" or each["status"] == status or (status is None and not ended))

    return page("/v1/subscriptions", (each for each in state.all("subscription", **where) if wanted(each)), form)


@route("POST", "/v1/subscriptions/{id}", ITEMS + "cancel_at_period_end billing_cycle_anchor")
def update(state: State, form: Form, subscription_id: str) -> Object:
    """Change a subscription."""
    found = state.get("subscription", subscription_id)
    if found["status"] == "canceled":
        raise invalid("A canceled subscription can only update its cancellation_details and metadata.")
    before: Object = {}
    if "cancel_at_period_end" in form:
        before |= end_with_period(state, found, form.flag("cancel_at_period_end"))
    if name := form.text("default_payment_method"):
        before |= state.change(found, default_payment_method=customers.resolve(state, name)["id"])
    before |= state.change(found, metadata=form.metadata(found["metadata"]))
    anew = form.one_of("billing_cycle_anchor", "now", "unchanged", default="unchanged") == "now"
    how = form.one_of("proration_behavior", *proration.WAYS, default="create_prorations")
    owed: list[Object] = []
    if given := form.groups("items"):
        before |= {"items": copy.deepcopy(found["items"])}
        owed = proration.switch(state, found, _item(found, given[0]), _line(state, given[0]), anew=anew, how=how)
    if before:
        state.event("customer.subscription.updated", found, before)
    if owed:
        bill(state, found, owed, "subscription_update")
    return found


@route("DELETE", "/v1/subscriptions/{id}", "cancellation_details.comment cancellation_details.feedback")
def cancel(state: State, form: Form, subscription_id: str) -> Object:
    """End a subscription now."""
    found = state.get("subscription", subscription_id)
    if found["status"] == "canceled":
        raise invalid(f"No such subscription: '{subscription_id}'", code="resource_missing", param="id", status=404)
    return end(state, found, "cancellation_requested")


def start(state: State, customer: str, lines: list[Object], card: Object, metadata: Object) -> tuple[Object, Object]:
    """Subscribe and collect the first invoice; a refusal of the bank leaves the subscription incomplete."""
    now = state.now_of(customer)
    recurring = [line for line in lines if line["price"]["recurring"]]
    subscription_id = state.new_id("subscription")
    items = [plans.new_item(state, subscription_id, line, now) for line in recurring]
    made = state.add(
        "subscription", **plans.new_subscription(state, subscription_id, customer, items, card, metadata, now)
    )
    state.event("customer.subscription.created", made)
    pairs = [*zip(recurring, items, strict=True), *((line, None) for line in lines if line not in recurring)]
    billed = [
        drafts.line_of(state, line, item=item, period=plans.period_of(item) if item else None) for line, item in pairs
    ]
    invoice = bill(state, made, billed, "subscription_create")
    return made, invoice


def bill(state: State, subscription: Object, lines: list[Object], reason: str, **more: tuple[int, int]) -> Object:
    """Make an invoice and collect it; what the subscription becomes follows from the answer."""
    invoice = drafts.new_invoice(
        state,
        customer=subscription["customer"],
        currency=subscription["currency"],
        lines=lines,
        reason=reason,
        subscription=subscription,
        period=more.get("period"),
    )
    state.change(subscription, latest_invoice=invoice["id"])
    if subscription["status"] == "unpaid":
        state.change(invoice, auto_advance=False)
        return invoice
    invoices.finalize(state, invoice)
    if invoices.collect(state, invoice, invoices.card_of(state, invoice)) and subscription["status"] == "active":
        set_status(state, subscription, "past_due")
    return invoice


def set_status(state: State, subscription: Object, status: str) -> None:
    """Note what a subscription has become."""
    before = state.change(subscription, status=status)
    if before:
        state.event("customer.subscription.updated", subscription, before)


def end_with_period(state: State, subscription: Object, wanted: bool) -> Object:
    """Note the wish to end with the period, or take it back."""
    now = state.now_of(subscription["customer"])
    reason = "cancellation_requested" if wanted else None
    return state.change(
        subscription,
        cancel_at_period_end=wanted,
        cancel_at=subscription["items"]["data"][0]["current_period_end"] if wanted else None,
        canceled_at=now if wanted else None,
        cancellation_details=subscription["cancellation_details"] | {"reason": reason},
    )


def end(state: State, subscription: Object, reason: str) -> Object:
    """End a subscription."""
    now = state.now_of(subscription["customer"])
    state.change(
        subscription,
        status="canceled",
        ended_at=now,
        canceled_at=subscription["canceled_at"] or now,
        cancellation_details=subscription["cancellation_details"] | {"reason": reason},
    )
    state.event("customer.subscription.deleted", subscription)
    return subscription


def _line(state: State, form: Form) -> Object:
    price = catalog.price_of(state, form)
    if not price["recurring"]:
        raise invalid("The price specified is set to `type=one_time`; subscriptions need recurring prices.")
    return {"price": dict(price), "quantity": form.number("quantity") or 1}


def _item(subscription: Object, form: Form) -> Object:
    items = subscription["items"]["data"]
    wanted = form.text("id")
    found = [each for each in items if wanted in (None, each["id"])]
    if not wanted or not found:
        raise invalid("Name the item that changes: items[0][id].", param=form.named("id"))
    return found[0]
