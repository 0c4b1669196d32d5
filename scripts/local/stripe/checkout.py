"""Checkout sessions: made by the app, paid, left or expired by whoever opens the page."""

from __future__ import annotations

from typing import Any

from scripts.local.stripe.answers import INCLUDED, PAGING, created_within, listing, page
from scripts.local.stripe.errors import invalid
from scripts.local.stripe.forms import Form
from scripts.local.stripe.lines import sold
from scripts.local.stripe.routes import route
from scripts.local.stripe.state import Object, State

DAY = 86_400
TOTALS = ("amount_discount", "amount_shipping", "amount_tax")
TAKES = """
mode success_url cancel_url return_url customer customer_email customer_creation client_reference_id metadata.* locale
line_items.price line_items.quantity line_items.price_data.currency line_items.price_data.unit_amount
line_items.price_data.product line_items.price_data.tax_behavior line_items.price_data.recurring.*
line_items.price_data.product_data.* payment_method_types payment_method_collection currency expires_at submit_type
invoice_creation.enabled invoice_creation.invoice_data.* payment_intent_data.metadata.* payment_intent_data.description
payment_intent_data.setup_future_usage payment_intent_data.receipt_email subscription_data.metadata.*
subscription_data.description setup_intent_data.metadata.* allow_promotion_codes automatic_tax.enabled ui_mode
tax_id_collection.* billing_address_collection customer_update.* saved_payment_method_options.*
"""


@route("POST", "/v1/checkout/sessions", TAKES)
def create(state: State, form: Form) -> Object:
    """Open a session."""
    mode = form.one_of("mode", "payment", "subscription", "setup", default="payment")
    success_url = form.need("success_url")
    customer = form.text("customer")
    if customer:
        state.get("customer", customer, "customer")
        if form.text("customer_email"):
            raise invalid("You may only specify one of these parameters: customer, customer_email.")
    lines = [] if mode == "setup" else sold(state, form, mode)
    session_id = state.new_id("checkout.session", 58)
    subtotal = sum(line["amount_subtotal"] for line in lines)
    tax = form.group("automatic_tax").flag("enabled")
    wants_invoice = form.group("invoice_creation").flag("enabled")
    if wants_invoice and mode != "payment":
        raise invalid("You can only enable invoice creation when `mode` is set to `payment`.", param="invoice_creation")
    made = state.add(
        "checkout.session",
        id=session_id,
        adaptive_pricing={"enabled": False} if mode == "payment" else None,
        after_expiration=None,
        allow_promotion_codes=form.flag("allow_promotion_codes") if "allow_promotion_codes" in form else None,
        amount_subtotal=None if mode == "setup" else subtotal,
        amount_total=None if mode == "setup" else subtotal,
        automatic_tax=_automatic_tax(tax),
        billing_address_collection=form.text("billing_address_collection"),
        cancel_url=form.text("cancel_url"),
        client_reference_id=form.text("client_reference_id"),
        client_secret=None,
        collected_information=None,
        consent=None,
        consent_collection=None,
        currency=lines[0]["currency"] if lines else form.text("currency"),
        currency_conversion=None,
        custom_fields=[],
        custom_text=dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")),
        customer=customer,
        customer_creation=None if customer else form.text("customer_creation") or _creation(mode),
        customer_details=None,
        customer_email=form.text("customer_email"),
        discounts=[],
        expires_at=_expiry(state, form),
        invoice=None,
        invoice_creation=_invoice_creation(form, wants_invoice) if mode == "payment" else None,
        livemode=False,
        locale=form.text("locale"),
        metadata=form.metadata(),
        mode=mode,
        payment_intent=None,
        payment_link=None,
        payment_method_collection="if_required" if mode == "payment" else "always",
        payment_method_configuration_details=None,
        payment_method_options={"card": {"request_three_d_secure": "automatic"}},
        payment_method_types=form.texts("payment_method_types") or ["card"],
        payment_status="no_payment_required" if mode == "setup" else "unpaid",
        permissions=None,
        phone_number_collection={"enabled": False},
        recovered_from=None,
        saved_payment_method_options=None,
        setup_intent=None,
        shipping_address_collection=None,
        shipping_cost=None,
        shipping_options=[],
        status="open",
        submit_type=form.text("submit_type"),
        subscription=None,
        success_url=success_url,
        total_details=None if mode == "setup" else dict.fromkeys(TOTALS, 0),
        ui_mode=form.one_of("ui_mode", "hosted_page", default="hosted_page"),
        url=f"{state.settings.url}/c/pay/{session_id}",
        wallet_options=None,
    )
    _remember(state, form, made, lines)
    return made


@route("GET", "/v1/checkout/sessions/{id}")
def retrieve(state: State, form: Form, session_id: str) -> Object:
    """Show a session."""
    return state.get("checkout.session", session_id)


@route("GET", "/v1/checkout/sessions", PAGING + " customer payment_intent subscription status created created.*")
def index(state: State, form: Form) -> Object:
    """List sessions."""
    names = ("customer", "payment_intent", "subscription", "status")
    where = {name: form.text(name) for name in names if name in form}
    within = created_within(form)
    return page(
        "/v1/checkout/sessions", (each for each in state.all("checkout.session", **where) if within(each)), form
    )


@route("GET", "/v1/checkout/sessions/{id}/line_items", PAGING)
def line_items(state: State, form: Form, session_id: str) -> Object:
    """List what a session sells."""
    lines = state.get("local.session", "local_" + session_id)["lines"]
    return page(f"/v1/checkout/sessions/{session_id}/line_items", lines, form)


@route("POST", "/v1/checkout/sessions/{id}/expire")
def expire_now(state: State, form: Form, session_id: str) -> Object:
    """Close a session that is open."""
    found = state.get("checkout.session", session_id)
    if found["status"] != "open":
        raise invalid(
            f'Only Checkout Sessions with a status in ["open"] can be expired. This one is {found["status"]}.'
        )
    return expire(state, found)


def expire(state: State, session: Object) -> Object:
    """Close a session."""
    state.change(session, status="expired", url=None)
    state.event("checkout.session.expired", session)
    return session


def expire_old(state: State) -> None:
    """Close every open session whose time is up."""
    for each in [*state.all("checkout.session", status="open")]:
        if each["expires_at"] <= state.now():
            expire(state, each)


def hidden(state: State, session_id: str) -> Object:
    """What Stripe keeps of a session and does not show: its lines, and data for what it will make."""
    return state.get("local.session", "local_" + session_id)


def _expiry(state: State, form: Form) -> int:
    now = state.now()
    wanted = form.number("expires_at")
    if wanted is None:
        return now + DAY
    if not now + 30 * 60 - 60 <= wanted <= now + DAY + 60:
        raise invalid(
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from now.", param="expires_at"
        )
    return wanted


def _creation(mode: str) -> str | None:
    return {"payment": "if_required", "subscription": "always"}.get(mode)


def _automatic_tax(wanted: bool) -> Object:
    if not wanted:
        return {"enabled": False, "liability": None, "provider": None, "status": None}
    return {
        "enabled": True,
        "liability": {"type": "self"},
        "provider": "stripe",
        "status": "requires_location_inputs",
    }


def _invoice_creation(form: Form, enabled: bool) -> Object:
    data = form.group("invoice_creation").group("invoice_data")
    return {
        "enabled": enabled,
        "invoice_data": {
            "account_tax_ids": None,
            "custom_fields": None,
            "description": data.text("description"),
            "footer": data.text("footer"),
            "issuer": None,
            "metadata": data.metadata(),
            "rendering_options": None,
        },
    }


def _remember(state: State, form: Form, session: Object, lines: list[Object]) -> None:
    def data(name: str) -> dict[str, Any]:
        group = form.group(name)
        texts = {key: group.text(key) for key in ("description", "setup_future_usage", "receipt_email")}
        return texts | {"metadata": group.metadata()}

    state.add(
        "local.session",
        id="local_" + session["id"],
        lines=lines,
        payment_intent_data=data("payment_intent_data"),
        subscription_data=data("subscription_data"),
        setup_intent_data=data("setup_intent_data"),
    )


INCLUDED["checkout.session", "line_items"] = lambda state, session: listing(
    f"/v1/checkout/sessions/{session['id']}/line_items", hidden(state, session["id"])["lines"]
)
