"""Disputes: the bank takes the money at once, and gives it back when the account wins."""

from __future__ import annotations

from scripts.local.stripe.answers import PAGING, created_within, page
from scripts.local.stripe.errors import invalid
from scripts.local.stripe.forms import Form
from scripts.local.stripe.payments import DAY, move_balance
from scripts.local.stripe.routes import route
from scripts.local.stripe.state import Object, State

FEE = 1500
OPEN = ("needs_response", "under_review", "warning_needs_response", "warning_under_review")
EVIDENCE = """access_activity_log billing_address cancellation_policy cancellation_policy_disclosure
cancellation_rebuttal customer_communication customer_email_address customer_name customer_purchase_ip
customer_signature duplicate_charge_documentation duplicate_charge_explanation duplicate_charge_id product_description
receipt refund_policy refund_policy_disclosure refund_refusal_explanation service_date service_documentation
shipping_address shipping_carrier shipping_date shipping_documentation shipping_tracking_number uncategorized_file
uncategorized_text""".split()


@route("GET", "/v1/disputes/{id}")
def retrieve(state: State, form: Form, dispute_id: str) -> Object:
    """Show a dispute."""
    return state.get("dispute", dispute_id)


@route("GET", "/v1/disputes", PAGING + " charge payment_intent created created.*")
def index(state: State, form: Form) -> Object:
    """List disputes."""
    where = {name: form.text(name) for name in ("charge", "payment_intent") if name in form}
    within = created_within(form)
    return page("/v1/disputes", (each for each in state.all("dispute", **where) if within(each)), form)


@route("POST", "/v1/disputes/{id}/close")
def close(state: State, form: Form, dispute_id: str) -> Object:
    """Give in."""
    return lose(state, state.get("dispute", dispute_id))


def open_dispute(
    state: State, charge: Object, *, amount: int | None = None, reason: str = "fraudulent", inquiry: bool = False
) -> Object:
    """A customer complains to the bank. An inquiry only asks: no money moves."""
    if charge["status"] != "succeeded":
        raise invalid("Only a charge that succeeded can be disputed.")
    now = state.now()
    made = state.add(
        "dispute",
        amount=charge["amount"] if amount is None else amount,
        balance_transactions=[],
        charge=charge["id"],
        currency=charge["currency"],
        enhanced_eligibility_types=[],
        evidence=dict.fromkeys(EVIDENCE) | {"enhanced_evidence": {}},
        evidence_details={
            "due_by": now + 7 * DAY,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        is_charge_refundable=inquiry,
        livemode=False,
        metadata={},
        payment_intent=charge["payment_intent"],
        payment_method_details={
            "card": {
                "brand": "visa",
                "case_type": "inquiry" if inquiry else "chargeback",
                "network": "visa",
                "network_reason_code": "10.4",
            },
            "type": "card",
        },
        reason=reason,
        status="warning_needs_response" if inquiry else "needs_response",
    )
    if not inquiry:
        _move(state, made, -made["amount"], FEE)
        before = state.change(charge, disputed=True)
        if before:
            state.event("charge.updated", charge, before)
    state.event("charge.dispute.created", made)
    if not inquiry:
        state.event("charge.dispute.funds_withdrawn", made)
    return made


def win(state: State, dispute: Object) -> Object:
    """The bank decides for the account, and the money comes back."""
    _must_be_open(dispute)
    if dispute["status"].startswith("warning"):
        state.change(dispute, status="warning_closed")
        state.event("charge.dispute.closed", dispute)
        return dispute
    state.change(dispute, status="won")
    _move(state, dispute, dispute["amount"], 0)
    state.event("charge.dispute.closed", dispute)
    state.event("charge.dispute.funds_reinstated", dispute)
    return dispute


def lose(state: State, dispute: Object) -> Object:
    """The bank decides for its customer."""
    _must_be_open(dispute)
    if dispute["status"].startswith("warning"):
        raise invalid("An inquiry is not lost; it becomes a dispute: open one.")
    state.change(dispute, status="lost", is_charge_refundable=False)
    state.event("charge.dispute.closed", dispute)
    return dispute


def _must_be_open(dispute: Object) -> None:
    if dispute["status"] not in OPEN:
        raise invalid(f"This dispute is already {dispute['status']}.")


def _move(state: State, dispute: Object, amount: int, fee: int) -> None:
    moved = move_balance(state, "adjustment", dispute, amount, fee=fee)
    if amount > 0:
        state.change(moved, reporting_category="dispute_reversal")
    state.change(dispute, balance_transactions=[*dispute["balance_transactions"], dict(moved)])
