"""Payment intents: a card is charged, or the bank says no; and what that does to the account's balance."""

from __future__ import annotations

from scripts.local.stripe import charges, customers
from scripts.local.stripe.answers import PAGING, created_within, page
from scripts.local.stripe.errors import Refusal, declined, invalid
from scripts.local.stripe.forms import Form
from scripts.local.stripe.routes import route
from scripts.local.stripe.state import Object, State

DAY = 86_400
LEAST = 50  # the smallest amount that can be charged, in the smallest unit; Stripe's differs by currency
CREATE = "amount currency customer payment_method confirm off_session description receipt_email metadata.* "
CREATE += "payment_method_types setup_future_usage automatic_payment_methods.* error_on_requires_action return_url"


@route("POST", "/v1/payment_intents", CREATE)
def create(state: State, form: Form) -> Object:
    """Create a payment, and pay it at once when it is confirmed with a card."""
    amount = form.number("amount")
    if amount is None or amount < LEAST:
        raise invalid("Amount must be at least $0.50 usd", code="amount_too_small", param="amount")
    customer = form.text("customer")
    if customer:
        state.get("customer", customer, "customer")
    made = new_intent(
        state,
        amount=amount,
        currency=form.need("currency").lower(),
        customer=customer,
        metadata=form.metadata(),
        description=form.text("description"),
        setup_future_usage=form.text("setup_future_usage"),
    )
    if form.flag("confirm"):
        card = customers.resolve(state, form.need("payment_method"))
        if form.flag("off_session") and customer and card["customer"] not in (None, customer):
            raise invalid("The payment method does not belong to this customer.", param="payment_method")
        pay(state, made, card, off_session=form.flag("off_session"))
    return made


@route("GET", "/v1/payment_intents/{id}")
def retrieve(state: State, form: Form, intent_id: str) -> Object:
    """Show a payment."""
    return state.get("payment_intent", intent_id)


@route("GET", "/v1/payment_intents", PAGING + " customer created created.*")
def index(state: State, form: Form) -> Object:
    """List payments."""
    where = {"customer": form.text("customer")} if "customer" in form else {}
    within = created_within(form)
    return page("/v1/payment_intents", (each for each in state.all("payment_intent", **where) if within(each)), form)


@route("POST", "/v1/payment_intents/{id}/cancel", "cancellation_reason")
def cancel(state: State, form: Form, intent_id: str) -> Object:
    """Give up a payment that has not succeeded."""
    found = state.get("payment_intent", intent_id)
    if found["status"] in ("succeeded", "canceled", "processing"):
        raise invalid(
            f"You cannot cancel this PaymentIntent because it has a status of {found['status']}.",
            code="payment_intent_unexpected_state",
        )
    reason = form.text("cancellation_reason")
    state.change(found, status="canceled", canceled_at=state.now(), cancellation_reason=reason)
    state.event("payment_intent.canceled", found)
    return found


def new_intent(state: State, *, amount: int, currency: str, customer: str | None, **more: object) -> Object:
    """A payment that nobody has paid yet."""
    intent_id = state.new_id("payment_intent")
    made = state.add(
        "payment_intent",
        id=intent_id,
        created=state.now_of(customer),
        amount=amount,
        amount_capturable=0,
        amount_details={"tip": {}},
        amount_received=0,
        application=None,
        application_fee_amount=None,
        automatic_payment_methods=None,
        canceled_at=None,
        cancellation_reason=None,
        capture_method="automatic_async",
        client_secret=f"{intent_id}_secret_{state.new_id('x')[2:]}",
        confirmation_method="automatic",
        currency=currency,
        customer=customer,
        description=more.get("description"),
        last_payment_error=None,
        latest_charge=None,
        livemode=False,
        metadata=more.get("metadata") or {},
        next_action=None,
        on_behalf_of=None,
        payment_method=None,
        payment_method_options={"card": {"request_three_d_secure": "automatic"}},
        payment_method_types=["card"],
        processing=None,
        receipt_email=None,
        review=None,
        setup_future_usage=more.get("setup_future_usage"),
        shipping=None,
        source=None,
        statement_descriptor=None,
        statement_descriptor_suffix=None,
        status="requires_payment_method",
        transfer_data=None,
        transfer_group=None,
    )
    state.event("payment_intent.created", made)
    return made


def pay(state: State, intent: Object, card: Object, *, off_session: bool = False) -> Object:
    """Charge a card; raises the bank's refusal after it was noted, as Stripe does."""
    customer = intent["customer"]
    reason = _ordered_decline(state, customer) or reason_against(card, off_session=off_session)
    if reason:
        raise _decline(state, intent, card, reason)
    made = charges.new_charge(state, intent, card, status="succeeded")
    state.change(made, balance_transaction=move_balance(state, "charge", made, made["amount"], fee=_fee(made))["id"])
    if intent["setup_future_usage"] and customer:
        customers.attach(state, card, customer)
    state.change(
        intent,
        status="succeeded",
        amount_received=intent["amount"],
        latest_charge=made["id"],
        payment_method=card["id"],
        last_payment_error=None,
    )
    state.event("charge.succeeded", made)
    state.event("payment_intent.succeeded", intent)
    return made


def reason_against(card: Object, *, off_session: bool = False) -> str | None:
    """Why the bank would decline to charge a card."""
    last4 = card["card"]["last4"]
    if last4 in customers.NEEDS_PERSON and off_session:
        return "authentication_required"
    return customers.NEVER.get(last4) or customers.LATER.get(last4)


def move_balance(state: State, kind: str, source: Object, amount: int, *, fee: int = 0) -> Object:
    """Note what a charge, refund or dispute does to the account's balance."""
    now = state.now()
    details = {"amount": fee, "application": None, "currency": source["currency"], "description": None}
    return state.add(
        "balance_transaction",
        amount=amount,
        available_on=now + 2 * DAY,
        balance_type="payments",
        currency=source["currency"],
        description=None,
        exchange_rate=None,
        fee=fee,
        fee_details=[details | {"type": "stripe_fee"}] if fee else [],
        net=amount - fee,
        reporting_category=kind.replace("adjustment", "dispute"),
        source=source["id"],
        status="pending",
        type=kind,
    )


def _ordered_decline(state: State, customer: str | None) -> str | None:
    for whose in (customer, "anyone"):
        if whose and state.declines[whose] > 0:
            state.declines[whose] -= 1
            return "generic_decline"
    return None


def _decline(state: State, intent: Object, card: Object, reason: str) -> Refusal:
    made = charges.new_charge(state, intent, card, status="failed", reason=reason)
    code = reason if reason == "authentication_required" else "card_declined"
    said = {"code": code, "decline_code": reason, "message": charges.MESSAGES.get(reason, "Your card was declined.")}
    problem = said | {"type": "card_error", "charge": made["id"], "payment_method": dict(card)}
    state.change(intent, status="requires_payment_method", latest_charge=made["id"], last_payment_error=problem)
    state.event("charge.failed", made)
    state.event("payment_intent.payment_failed", intent)
    return declined(code, reason, said["message"], charge=made["id"], payment_intent=dict(intent))


def _fee(charge: Object) -> int:
    return round(charge["amount"] * 0.029) + 30
