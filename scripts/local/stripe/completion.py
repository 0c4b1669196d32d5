"""What happens when somebody pays on the hosted page: the payment, the invoice, the subscription, the saved card."""

from __future__ import annotations

from scripts.local.stripe import checkout, customers, drafts, invoices, payments, subscriptions
from scripts.local.stripe.errors import declined, invalid
from scripts.local.stripe.state import Object, State


def complete(
    state: State, session_id: str, *, card: str = "4242", email: str | None = None, code: str = "", later: bool = False
) -> Object:
    """Pay with a card whose number ends so; raises the bank's refusal, after which one may try again.

    `later` stands for a payment method that takes days, such as a bank debit: complete, but not paid yet.
    """
    session = state.get("checkout.session", session_id)
    if session["status"] != "open":
        raise invalid(f"This session is {session['status']}.")
    _total(state, session, code)
    customer = _customer(state, session, email)
    method = customers.new_card(state, card, email or (customer and state.objects[customer]["email"]))
    finish = {"payment": _payment, "subscription": _subscription, "setup": _setup}[session["mode"]]
    fields = finish(state, session, customer, method, later)
    state.change(
        session,
        status="complete",
        url=None,
        customer=customer,
        customer_details=_details(state, customer, email or session["customer_email"]),
        **fields,
    )
    state.event("checkout.session.completed", session)
    return session


def settle(state: State, session_id: str, *, paid: bool) -> Object:
    """Let a payment that takes days come in, or fail."""
    session = state.get("checkout.session", session_id)
    intent = state.get("payment_intent", session["payment_intent"])
    if intent["status"] != "processing":
        raise invalid(f"The payment of this session is {intent['status']}.")
    state.change(intent, status="requires_payment_method")
    method = state.get("payment_method", intent["payment_method"])
    if not paid:
        state.event("payment_intent.payment_failed", intent)
        state.event("checkout.session.async_payment_failed", session)
        return session
    payments.pay(state, intent, method)
    state.change(session, payment_status="paid", **_invoice(state, session, intent))
    state.event("checkout.session.async_payment_succeeded", session)
    return session


def _payment(state: State, session: Object, customer: str | None, card: Object, later: bool) -> Object:
    if session["amount_total"] == 0:
        return {"payment_status": "no_payment_required"}
    data = checkout.hidden(state, session["id"])["payment_intent_data"]
    intent = _intent_of(state, session, customer, data)
    if later:
        state.change(intent, status="processing", payment_method=card["id"])
        state.event("payment_intent.processing", intent)
        return {"payment_intent": intent["id"], "payment_status": "unpaid"}
    payments.pay(state, intent, card)
    return {"payment_intent": intent["id"], "payment_status": "paid", **_invoice(state, session, intent)}


def _intent_of(state: State, session: Object, customer: str | None, data: Object) -> Object:
    """The payment of a session: a second try goes on with the first one's."""
    if session["payment_intent"]:
        return state.get("payment_intent", session["payment_intent"])
    intent = payments.new_intent(
        state,
        amount=session["amount_total"],
        currency=session["currency"],
        customer=customer,
        metadata=data["metadata"],
        description=data["description"],
        setup_future_usage=data["setup_future_usage"],
    )
    state.change(session, payment_intent=intent["id"])
    return intent


def _invoice(state: State, session: Object, intent: Object) -> Object:
    if not (session["invoice_creation"] or {}).get("enabled"):
        return {}
    lines = [drafts.line_of(state, each) for each in checkout.hidden(state, session["id"])["lines"]]
    data = session["invoice_creation"]["invoice_data"]
    made = drafts.new_invoice(
        state,
        customer=intent["customer"],
        currency=session["currency"],
        lines=lines,
        reason="manual",
        metadata=data["metadata"],
        discount=session["total_details"]["amount_discount"],
        tax=session["total_details"]["amount_tax"],
    )
    invoices.finalize(state, made)
    invoices.mark_paid(state, made, intent)
    return {"invoice": made["id"]}


def _subscription(state: State, session: Object, customer: str | None, card: Object, later: bool) -> Object:
    if not customer:
        raise invalid("A subscription needs a customer.")
    customers.attach(state, card, customer)
    if reason := payments.reason_against(card):
        raise declined("card_declined", reason, "Your card was declined.")
    hidden = checkout.hidden(state, session["id"])
    made, invoice = subscriptions.start(state, customer, hidden["lines"], card, hidden["subscription_data"]["metadata"])
    return {"subscription": made["id"], "invoice": invoice["id"], "payment_status": "paid"}


def _setup(state: State, session: Object, customer: str | None, card: Object, later: bool) -> Object:
    if customer:
        customers.attach(state, card, customer)
    made = state.add(
        "setup_intent",
        application=None,
        automatic_payment_methods=None,
        cancellation_reason=None,
        client_secret=None,
        customer=customer,
        description=None,
        flow_directions=None,
        last_setup_error=None,
        latest_attempt=None,
        livemode=False,
        mandate=None,
        metadata=checkout.hidden(state, session["id"])["setup_intent_data"]["metadata"],
        next_action=None,
        on_behalf_of=None,
        payment_method=card["id"],
        payment_method_options={"card": {"request_three_d_secure": "automatic"}},
        payment_method_types=["card"],
        single_use_mandate=None,
        status="succeeded",
        usage="off_session",
    )
    state.event("setup_intent.succeeded", made)
    return {"setup_intent": made["id"]}


def _total(state: State, session: Object, code: str) -> None:
    """Take off what a promotion code takes off, then add what automatic tax adds."""
    if session["mode"] == "setup":
        return
    percent = 0
    if code:
        known = [each for each in state.all("local.promotion_code") if each["code"] == code.upper()]
        if not known or not session["allow_promotion_codes"]:
            raise invalid("This promotion code is invalid.")
        percent = known[0]["percent_off"]
    subtotal = session["amount_subtotal"]
    off = subtotal * percent // 100
    tax = round((subtotal - off) * state.settings.tax_percent / 100) if session["automatic_tax"]["enabled"] else 0
    if session["automatic_tax"]["enabled"]:
        state.change(session, automatic_tax=session["automatic_tax"] | {"status": "complete"})
    details = {"amount_discount": off, "amount_shipping": 0, "amount_tax": tax}
    state.change(session, amount_total=subtotal - off + tax, total_details=details)


def _customer(state: State, session: Object, email: str | None) -> str | None:
    if session["customer"] or session["customer_creation"] != "always":
        return session["customer"] or None
    made = customers.new_customer(state, email=email or session["customer_email"], name=None)
    state.event("customer.created", made)
    return str(made["id"])


def _details(state: State, customer: str | None, email: str | None) -> Object:
    known = state.objects[customer] if customer else {}
    return {
        "address": known.get("address") or customers.no_address(),
        "business_name": None,
        "email": known.get("email") or email,
        "individual_name": None,
        "name": known.get("name"),
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": [],
    }
