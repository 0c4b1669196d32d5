"""Refunds: by the API or in the dashboard, never more than is left."""

from __future__ import annotations

from scripts.local.stripe.answers import PAGING, created_within, page
from scripts.local.stripe.errors import invalid
from scripts.local.stripe.forms import Form
from scripts.local.stripe.payments import move_balance
from scripts.local.stripe.routes import route
from scripts.local.stripe.state import Object, State

REASONS = ("duplicate", "fraudulent", "requested_by_customer")


@route("POST", "/v1/refunds", "charge payment_intent amount reason metadata.*")
def create(state: State, form: Form) -> Object:
    """Give back a charge, or a part of it."""
    if charge_id := form.text("charge"):
        charge = state.get("charge", charge_id, "charge")
    else:
        intent = state.get("payment_intent", form.need("payment_intent"), "payment_intent")
        if intent["status"] != "succeeded":
            raise invalid(f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.")
        charge = state.get("charge", intent["latest_charge"], "charge")
    reason = form.one_of("reason", *REASONS, default="requested_by_customer") if "reason" in form else None
    return refund(state, charge, form.number("amount"), reason=reason, metadata=form.metadata())


@route("GET", "/v1/refunds/{id}")
def retrieve(state: State, form: Form, refund_id: str) -> Object:
    """Show a refund."""
    return state.get("refund", refund_id)


@route("GET", "/v1/refunds", PAGING + " charge payment_intent created created.*")
def index(state: State, form: Form) -> Object:
    """List refunds."""
    where = {name: form.text(name) for name in ("charge", "payment_intent") if name in form}
    within = created_within(form)
    return page("/v1/refunds", (each for each in state.all("refund", **where) if within(each)), form)


def refund(
    state: State,
    charge: Object,
    amount: int | None = None,
    *,
    reason: str | None = None,
    metadata: Object | None = None,
) -> Object:
    """Give back an amount, or all that is left; the order of the refusals is Stripe's."""
    left = charge["amount"] - charge["amount_refunded"]
    if charge["disputed"] and any(_lost_to(each) for each in state.all("dispute", charge=charge["id"])):
        raise invalid(f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed")
    if left == 0:
        raise invalid(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    amount = left if amount is None else amount
    if amount <= 0:
        raise invalid("Invalid positive integer", code="parameter_invalid_integer", param="amount")
    if amount > left:
        raise invalid(
            f"Refund amount ({_money(amount)}) is greater than unrefunded amount on charge ({_money(left)})",
            param="amount",
        )
    made = state.add(
        "refund",
        amount=amount,
        balance_transaction=None,
        charge=charge["id"],
        currency=charge["currency"],
        destination_details={
            "card": {
                "reference_status": "pending",
                "reference_type": "acquirer_reference_number",
                "type": "refund",
            },
            "type": "card",
        },
        metadata=metadata or {},
        payment_intent=charge["payment_intent"],
        reason=reason,
        receipt_number=None,
        source_transfer_reversal=None,
        status="succeeded",
        transfer_reversal=None,
    )
    state.change(made, balance_transaction=move_balance(state, "refund", made, -amount)["id"])
    refunded = charge["amount_refunded"] + amount
    before = state.change(charge, amount_refunded=refunded, refunded=refunded == charge["amount"])
    state.event("refund.created", made)
    state.event("charge.refunded", charge, before)
    return made


def fail(state: State, refund_id: str) -> Object:
    """Let a refund fail after the fact, as when the card was closed meanwhile: the money stays with the account."""
    found = state.get("refund", refund_id)
    if found["status"] != "succeeded":
        raise invalid(f"Refund {refund_id} is {found['status']}.")
    charge = state.get("charge", found["charge"])
    back = move_balance(state, "refund_failure", found, found["amount"])["id"]
    before = state.change(
        found, status="failed", failure_reason="expired_or_canceled_card", failure_balance_transaction=back
    )
    state.change(charge, amount_refunded=charge["amount_refunded"] - found["amount"], refunded=False)
    state.event("refund.updated", found, before)
    state.event("refund.failed", found)
    return found


def _lost_to(dispute: Object) -> bool:
    return dispute["status"] in ("needs_response", "under_review", "lost")


def _money(amount: int) -> str:
    return f"${amount / 100:.2f}"
