"""Invoices, their lines and payments."""

from __future__ import annotations

from scripts.local.stripe import customers, payments
from scripts.local.stripe.answers import INCLUDED, PAGING, created_within, listing, page
from scripts.local.stripe.errors import Refusal, invalid
from scripts.local.stripe.forms import Form
from scripts.local.stripe.routes import route
from scripts.local.stripe.state import Object, State

REVIVED = ("incomplete", "past_due", "unpaid")
PAUSES = (3, 5, 7)  # days from one try of a renewal to the next


@route("GET", "/v1/invoices/{id}")
def retrieve(state: State, form: Form, invoice_id: str) -> Object:
    """Show an invoice."""
    return state.get("invoice", invoice_id)


@route("GET", "/v1/invoices", PAGING + " customer subscription status created created.*")
def index(state: State, form: Form) -> Object:
    """List invoices."""
    where = {name: form.text(name) for name in ("customer", "status") if name in form}
    within = created_within(form)
    wanted = form.text("subscription")
    found = (each for each in state.all("invoice", **where) if within(each) and wanted in (None, subscription_of(each)))
    return page("/v1/invoices", found, form)


@route("GET", "/v1/invoices/{id}/lines", PAGING)
def lines(state: State, form: Form, invoice_id: str) -> Object:
    """List an invoice's lines."""
    return page(f"/v1/invoices/{invoice_id}/lines", state.get("invoice", invoice_id)["lines"]["data"], form)


@route("GET", "/v1/invoice_payments", PAGING + " invoice payment.type payment.payment_intent status")
def index_payments(state: State, form: Form) -> Object:
    """List which payment paid which invoice."""
    where = {name: form.text(name) for name in ("invoice", "status") if name in form}
    intent = form.group("payment").text("payment_intent")
    found = state.all("invoice_payment", **where)
    return page(
        "/v1/invoice_payments", (each for each in found if intent in (None, each["payment"]["payment_intent"])), form
    )


@route("POST", "/v1/invoices/{id}/pay", "payment_method off_session")
def pay_now(state: State, form: Form, invoice_id: str) -> Object:
    """Try to collect an open invoice."""
    found = state.get("invoice", invoice_id)
    if found["status"] == "paid":
        raise invalid("Invoice is already paid", code="invoice_already_paid")
    if found["status"] != "open":
        raise invalid(f"This invoice can't be paid, it is {found['status']}.", code="invoice_not_editable")
    name = form.text("payment_method")
    card = customers.resolve(state, name) if name else card_of(state, found)
    if card is None:
        raise invalid("There is no `default_payment_method` set on this Customer, Subscription or Invoice.")
    refusal = collect(state, found, card)
    if refusal:
        raise refusal
    return found


@route("POST", "/v1/invoices/{id}/void")
def void(state: State, form: Form, invoice_id: str) -> Object:
    """Give up an open invoice."""
    found = state.get("invoice", invoice_id)
    if found["status"] not in ("open", "uncollectible"):
        raise invalid(f"You can only void open invoices, this one is {found['status']}.")
    at = state.now_of(found["customer"])
    state.change(found, status="void", status_transitions=found["status_transitions"] | {"voided_at": at})
    state.event("invoice.voided", found)
    return found


def finalize(state: State, invoice: Object) -> None:
    """Give a draft its number and its pages."""
    known = state.objects[invoice["customer"]] if invoice["customer"] else None
    if invoice["parent"] and known:
        _use_balance(state, invoice, known)
    sequence = known["next_invoice_sequence"] if known else len(state.kinds["invoice"])
    prefix = known["invoice_prefix"] if known else "GUEST"
    if known:
        state.change(known, next_invoice_sequence=sequence + 1)
    page_of = f"{state.settings.url}/i/{invoice['id']}"
    at = state.now_of(invoice["customer"])
    state.change(
        invoice,
        status="open",
        number=f"{prefix}-{sequence:04}",
        hosted_invoice_url=page_of,
        invoice_pdf=f"{page_of}/pdf",
        effective_at=at,
        status_transitions=invoice["status_transitions"] | {"finalized_at": at},
    )
    state.event("invoice.finalized", invoice)


def _use_balance(state: State, invoice: Object, customer: Object) -> None:
    """Pay from what the customer is owed; a negative total adds to that."""
    owed = invoice["total"] + customer["balance"]
    due, left = max(owed, 0), min(owed, 0)
    state.change(invoice, starting_balance=customer["balance"], ending_balance=left)
    state.change(invoice, amount_due=due, amount_remaining=due)
    if before := state.change(customer, balance=left):
        state.event("customer.updated", customer, before)


def collect(state: State, invoice: Object, card: Object | None) -> Refusal | None:
    """Try to have an open invoice paid; returns the bank's refusal."""
    attempts = {"attempted": True, "attempt_count": invoice["attempt_count"] + 1}
    if invoice["amount_remaining"] == 0:
        mark_paid(state, invoice, None, **attempts)
        return None
    intent = _intent_of(state, invoice)
    refusal: Refusal | None = None
    if card is None:
        refusal = invalid("The customer has no card.")
    else:
        try:
            payments.pay(state, intent, card, off_session=invoice["billing_reason"] != "subscription_create")
        except Refusal as refused:
            refusal = refused
    if refusal:
        state.change(invoice, **attempts, next_payment_attempt=_next_attempt(state, invoice, attempts["attempt_count"]))
        state.event("invoice.payment_failed", invoice)
        return refusal
    mark_paid(state, invoice, intent, **attempts)
    return None


def mark_paid(state: State, invoice: Object, intent: Object | None, **attempts: object) -> None:
    """Note that an invoice is paid, and by what."""
    at = state.now_of(invoice["customer"])
    if intent:
        made = _payment_of(state, invoice, intent)
        paid = {"canceled_at": None, "paid_at": at}
        state.change(made, status="paid", amount_paid=invoice["amount_due"], status_transitions=paid)
        state.event("invoice_payment.paid", made)
    state.change(
        invoice,
        status="paid",
        attempted=True,
        amount_paid=invoice["amount_due"],
        amount_remaining=0,
        auto_advance=False,
        next_payment_attempt=None,
        status_transitions=invoice["status_transitions"] | {"paid_at": at},
        **{name: value for name, value in attempts.items() if name == "attempt_count"},
    )
    state.event("invoice.paid", invoice)
    state.event("invoice.payment_succeeded", invoice)
    subscription = state.objects.get(subscription_of(invoice) or "")
    if subscription and subscription["latest_invoice"] == invoice["id"] and subscription["status"] in REVIVED:
        before = state.change(subscription, status="active")
        state.event("customer.subscription.updated", subscription, before)


def subscription_of(invoice: Object) -> str | None:
    """The subscription that an invoice is for."""
    details = (invoice["parent"] or {}).get("subscription_details")
    return details["subscription"] if details else None


def card_of(state: State, invoice: Object) -> Object | None:
    """The card that pays: the subscription's, or the customer's."""
    subscription = state.objects.get(subscription_of(invoice) or "", {})
    customer = state.objects.get(invoice["customer"] or "", {})
    card = subscription.get("default_payment_method") or customer.get("invoice_settings", {}).get(
        "default_payment_method"
    )
    return state.objects.get(card or "")


def _next_attempt(state: State, invoice: Object, attempts: int) -> int | None:
    if invoice["billing_reason"] not in ("subscription_cycle", "subscription_update") or attempts > len(PAUSES):
        return None
    return state.now_of(invoice["customer"]) + PAUSES[attempts - 1] * payments.DAY


def _intent_of(state: State, invoice: Object) -> Object:
    for made in state.all("invoice_payment", invoice=invoice["id"]):
        return state.get("payment_intent", made["payment"]["payment_intent"])
    intent = payments.new_intent(
        state,
        amount=invoice["amount_remaining"],
        currency=invoice["currency"],
        customer=invoice["customer"],
        description="Subscription update" if invoice["parent"] else None,
    )
    _payment_of(state, invoice, intent)
    return intent


def _payment_of(state: State, invoice: Object, intent: Object) -> Object:
    for made in state.all("invoice_payment", invoice=invoice["id"]):
        return made
    return state.add(
        "invoice_payment",
        amount_paid=None,
        amount_requested=invoice["amount_due"],
        currency=invoice["currency"],
        invoice=invoice["id"],
        is_default=True,
        livemode=False,
        payment={"payment_intent": intent["id"], "type": "payment_intent"},
        status="open",
        status_transitions={"canceled_at": None, "paid_at": None},
    )


INCLUDED["invoice", "payments"] = lambda state, invoice: listing(
    f"/v1/invoice_payments?invoice={invoice['id']}", state.all("invoice_payment", invoice=invoice["id"])
)
