"""Customers and the cards that they leave."""

from __future__ import annotations

from scripts.local.stripe.answers import INCLUDED, PAGING, created_within, listing, page
from scripts.local.stripe.errors import declined, invalid
from scripts.local.stripe.forms import Form
from scripts.local.stripe.routes import route
from scripts.local.stripe.state import Object, State

FIELDS = "email name phone description metadata.* invoice_settings.default_payment_method address.*"

# Cards of Stripe's own test mode: what they do, by the number's last four digits.
NEVER = {"0002": "generic_decline", "9995": "insufficient_funds", "9987": "lost_card", "9979": "stolen_card"}
LATER = {"0341": "generic_decline"}  # can be kept; each charge is declined
NEEDS_PERSON = {"3184", "3155"}
# The names that stand for them in the API.
NAMED = {
    "pm_card_visa": "4242",
    "pm_card_chargeDeclined": "0002",
    "pm_card_visa_chargeDeclined": "0002",
    "pm_card_chargeDeclinedInsufficientFunds": "9995",
    "pm_card_chargeCustomerFail": "0341",
    "pm_card_authenticationRequired": "3184",
}


@route("POST", "/v1/customers", FIELDS + " test_clock payment_method")
def create(state: State, form: Form) -> Object:
    """Create a customer."""
    clock = form.text("test_clock")
    if clock:
        state.get("test_helpers.test_clock", clock, "test_clock")
    email = form.text("email")
    if email and not (email.isascii() and "." in email.rpartition("@")[2]):
        raise invalid(f"Invalid email address: {email}", code="email_invalid", param="email")
    made = new_customer(state, email=email, name=form.text("name"), clock=clock)
    made |= _given(form, made)
    if name := form.text("payment_method"):
        attach(state, resolve(state, name), made["id"])
    state.event("customer.created", made)
    return made


def new_customer(state: State, *, email: str | None, name: str | None, clock: str | None = None) -> Object:
    """A customer of whom little is known."""
    return state.add(
        "customer",
        id=state.new_id("customer", 14),
        created=state.now(clock),
        address=None,
        balance=0,
        currency=None,
        default_source=None,
        delinquent=False,
        description=None,
        discount=None,
        email=email,
        invoice_prefix="".join(state.random.choices("ABCDEFGHJKLMNPQRSTUVWXYZ23456789", k=8)),
        invoice_settings={
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        livemode=False,
        metadata={},
        name=name,
        next_invoice_sequence=1,
        phone=None,
        preferred_locales=[],
        shipping=None,
        tax_exempt="none",
        test_clock=clock,
    )


@route("GET", "/v1/customers", PAGING + " email created created.* test_clock")
def index(state: State, form: Form) -> Object:
    """List customers."""
    where = {name: form.text(name) for name in ("email", "test_clock") if name in form}
    within = created_within(form)
    return page("/v1/customers", (each for each in state.all("customer", **where) if within(each)), form)


@route("GET", "/v1/customers/{id}")
def retrieve(state: State, form: Form, customer_id: str) -> Object:
    """Show a customer, or that there was one."""
    found = state.get("customer", customer_id)
    return {"id": customer_id, "object": "customer", "deleted": True} if found.get("deleted") else found


@route("POST", "/v1/customers/{id}", FIELDS)
def update(state: State, form: Form, customer_id: str) -> Object:
    """Change a customer."""
    found = state.get("customer", customer_id)
    before = state.change(found, **_given(form, found))
    if before:
        state.event("customer.updated", found, before)
    return found


@route("DELETE", "/v1/customers/{id}")
def delete(state: State, form: Form, customer_id: str) -> Object:
    """Delete a customer; its subscriptions would be cancelled by whoever calls."""
    found = state.get("customer", customer_id)
    state.change(found, deleted=True)
    state.event("customer.deleted", {name: value for name, value in found.items() if name != "deleted"})
    return retrieve(state, form, customer_id)


@route("GET", "/v1/customers/{id}/payment_methods", PAGING + " type")
def methods_of(state: State, form: Form, customer_id: str) -> Object:
    """List a customer's cards."""
    state.get("customer", customer_id, "customer")
    return page(f"/v1/customers/{customer_id}/payment_methods", state.all("payment_method", customer=customer_id), form)


@route("GET", "/v1/payment_methods", PAGING + " type customer")
def methods(state: State, form: Form) -> Object:
    """List cards."""
    where = {"customer": form.text("customer")} if "customer" in form else {}
    return page("/v1/payment_methods", state.all("payment_method", **where), form)


@route("GET", "/v1/payment_methods/{id}")
def method(state: State, form: Form, method_id: str) -> Object:
    """Show a card."""
    return state.get("payment_method", method_id)


@route("POST", "/v1/payment_methods/{id}/attach", "customer")
def attach_method(state: State, form: Form, method_id: str) -> Object:
    """Keep a card for a customer; pm_card_visa and the like make one."""
    customer = state.get("customer", form.need("customer"), "customer")
    return attach(state, resolve(state, method_id), customer["id"])


@route("POST", "/v1/payment_methods/{id}/detach")
def detach(state: State, form: Form, method_id: str) -> Object:
    """Let go of a card."""
    found = state.get("payment_method", method_id)
    state.change(found, customer=None)
    state.event("payment_method.detached", found)
    return found


def resolve(state: State, name: str) -> Object:
    """The card of an id, or a new one for a name of Stripe's test mode."""
    return new_card(state, NAMED[name]) if name in NAMED else state.get("payment_method", name, "payment_method")


def attach(state: State, card: Object, customer_id: str) -> Object:
    """Keep a card for a customer, unless the bank says no to that too."""
    if card["card"]["last4"] in NEVER:
        raise declined("card_declined", NEVER[card["card"]["last4"]], "Your card was declined.")
    if card["customer"] != customer_id:
        state.change(card, customer=customer_id)
        state.event("payment_method.attached", card)
    return card


def new_card(state: State, last4: str, email: str | None = None, name: str | None = None) -> Object:
    """A card with a number that ends so."""
    return state.add(
        "payment_method",
        allow_redisplay="unspecified",
        billing_details={"address": no_address(), "email": email, "name": name, "phone": None, "tax_id": None},
        card={
            "brand": "visa",
            "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
            "country": "US",
            "display_brand": "visa",
            "exp_month": 12,
            "exp_year": 2034,
            "fingerprint": f"local{last4}",
            "funding": "credit",
            "generated_from": None,
            "last4": last4,
            "networks": {"available": ["visa"], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        customer=None,
        livemode=False,
        metadata={},
        type="card",
    )


def no_address() -> Object:
    """An address of which nothing is known."""
    return dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))


def _given(form: Form, old: Object) -> Object:
    fields = {name: form.text(name) for name in ("email", "name", "phone", "description") if name in form}
    if "metadata" in form:
        fields["metadata"] = form.metadata(old["metadata"])
    if "address" in form:
        fields["address"] = no_address() | form.group("address").values
    if default := form.group("invoice_settings").text("default_payment_method"):
        fields["invoice_settings"] = {**old["invoice_settings"], "default_payment_method": default}
    return fields


INCLUDED["customer", "subscriptions"] = lambda state, customer: listing(
    f"/v1/customers/{customer['id']}/subscriptions",
    (each for each in state.all("subscription", customer=customer["id"]) if each["status"] != "canceled"),
)
