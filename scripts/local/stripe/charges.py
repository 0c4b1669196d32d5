"""Charges and movements of the account's balance."""

from __future__ import annotations

from scripts.local.stripe.answers import INCLUDED, PAGING, created_within, listing, page
from scripts.local.stripe.forms import Form
from scripts.local.stripe.routes import route
from scripts.local.stripe.state import Object, State

MESSAGES = {
    "insufficient_funds": "Your card has insufficient funds.",
    "authentication_required": "This payment requires authentication.",
}


@route("GET", "/v1/charges/{id}")
def retrieve_charge(state: State, form: Form, charge_id: str) -> Object:
    """Show a charge."""
    return state.get("charge", charge_id)


@route("GET", "/v1/charges", PAGING + " customer payment_intent created created.*")
def index(state: State, form: Form) -> Object:
    """List charges."""
    where = {name: form.text(name) for name in ("customer", "payment_intent") if name in form}
    within = created_within(form)
    return page("/v1/charges", (each for each in state.all("charge", **where) if within(each)), form)


@route("GET", "/v1/balance_transactions/{id}")
def retrieve_transaction(state: State, form: Form, transaction_id: str) -> Object:
    """Show a movement of the account's balance."""
    return state.get("balance_transaction", transaction_id)


def new_charge(state: State, intent: Object, card: Object, *, status: str, reason: str | None = None) -> Object:
    """A charge that succeeded or failed."""
    paid, charge_id = status == "succeeded", state.new_id("charge")
    return state.add(
        "charge",
        id=charge_id,
        created=state.now_of(intent["customer"]),
        amount=intent["amount"],
        amount_captured=intent["amount"] if paid else 0,
        amount_refunded=0,
        application=None,
        application_fee=None,
        application_fee_amount=None,
        balance_transaction=None,
        billing_details=card["billing_details"],
        calculated_statement_descriptor="SCRIP LOCAL",
        captured=paid,
        currency=intent["currency"],
        customer=intent["customer"],
        description=intent["description"],
        disputed=False,
        failure_balance_transaction=None,
        failure_code=None if paid else "card_declined",
        failure_message=None if paid else MESSAGES.get(reason or "", "Your card was declined."),
        fraud_details={},
        livemode=False,
        metadata=dict(intent["metadata"]),
        on_behalf_of=None,
        outcome=_outcome(paid, reason),
        paid=paid,
        payment_intent=intent["id"],
        payment_method=card["id"],
        payment_method_details={"card": _card_details(card), "type": "card"},
        receipt_email=intent["receipt_email"],
        receipt_number=None,
        receipt_url=f"{state.settings.url}/receipts/{charge_id}" if paid else None,
        refunded=False,
        review=None,
        shipping=None,
        source=None,
        source_transfer=None,
        statement_descriptor=None,
        statement_descriptor_suffix=None,
        status=status,
        transfer_data=None,
        transfer_group=None,
    )


def _outcome(paid: bool, reason: str | None) -> Object:
    return {
        "advice_code": None if paid else "try_again_later",
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "approved_by_network" if paid else "declined_by_network",
        "reason": reason,
        "risk_level": "normal",
        "risk_score": 20,
        "seller_message": "Payment complete." if paid else "The bank did not return any further details.",
        "type": "authorized" if paid else "issuer_declined",
    }


def _card_details(card: Object) -> Object:
    names = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4", "wallet")
    return {name: card["card"][name] for name in names} | {"network": "visa", "three_d_secure": None}


INCLUDED["charge", "refunds"] = lambda state, charge: listing(
    f"/v1/charges/{charge['id']}/refunds", state.all("refund", charge=charge["id"])
)
