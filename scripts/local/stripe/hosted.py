"""The pages that Stripe hosts, as plain forms: checkout, receipts, invoices, the billing portal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from scripts.local.stripe import checkout, completion, customers, invoices, proration, subscriptions
from scripts.local.stripe.errors import Refusal, missing
from scripts.local.stripe.markup import button, document, field, money, pdf, rows, select
from scripts.local.stripe.state import Object, State

CARDS = {
    "4242": "4242 4242 4242 4242 (is paid)",
    "0002": "4000 0000 0000 0002 (is declined)",
    "9995": "4000 0000 0000 9995 (has too little money)",
    "0341": "4000 0000 0000 0341 (can be saved, then fails)",
}


class Pages:
    """Answers browsers."""

    def __init__(self, state: State) -> None:
        self._state = state

    def respond(self, request: Request) -> Response:
        """Show or use a page."""
        parts = request.path.strip("/").split("/")
        with self._state.lock:
            try:
                return self._page(request, parts)
            except Refusal as refusal:
                return _html("Not possible", f"<p class=problem>{refusal}</p>", refusal.status)
            finally:
                self._state.write()

    def _page(self, request: Request, parts: list[str]) -> Response:
        match parts:
            case ["c", "pay", session_id]:
                return self._checkout(request, session_id)
            case ["receipts", charge_id]:
                return self._receipt(charge_id)
            case ["i", invoice_id]:
                return self._invoice(request, invoice_id)
            case ["i", invoice_id, "pdf"]:
                text = [name + ": " + value for name, value in _invoice_facts(self._invoice_of(invoice_id))]
                return Response(pdf(["Invoice", *text]), content_type="application/pdf")
            case ["p", "session", session_id]:
                return self._portal(request, session_id)
        if parts == [""]:
            return _html(
                "Local Stripe", "<p>A stand-in for Stripe's test mode. Controls: POST /__control/&lt;name&gt;</p>"
            )
        raise missing("page", request.path)

    def _checkout(self, request: Request, session_id: str) -> Response:
        session = self._state.get("checkout.session", session_id)
        if session["status"] != "open":
            return _html("Checkout", f"<p>This session is {session['status']}.</p>", 410)
        if request.method != "POST":
            return _html("Checkout", self._checkout_form(session))
        form = request.form
        if form.get("action") == "leave":
            return redirect(session["cancel_url"] or session["success_url"], 303)
        try:
            completion.complete(
                self._state,
                session_id,
                card=form.get("card", "4242")[-4:],
                email=form.get("email") or None,
                code=form.get("code", ""),
                later=form.get("method") == "debit",
            )
        except Refusal as refusal:
            problem = f"<p class=problem role=alert>{refusal}</p>"
            return _html("Checkout", problem + self._checkout_form(session), refusal.status)
        return redirect(session["success_url"].replace("{CHECKOUT_SESSION_ID}", session_id), 303)

    def _checkout_form(self, session: Object) -> str:
        lines = checkout.hidden(self._state, session["id"])["lines"]
        listed = [(f"{each['quantity']} x {each['description']}", money(each["amount_total"], each)) for each in lines]
        if session["amount_total"] is not None:
            listed.append(("Total", money(session["amount_total"], session)))
        parts = [rows(listed), select("card", CARDS)]
        if not session["customer"]:
            parts.append(field("email", "E-mail", session["customer_email"] or "guest@example.com"))
        if session["allow_promotion_codes"]:
            parts.append(field("code", "Promotion code", ""))
        if session["mode"] == "payment":
            parts.append(select("method", {"card": "Pay by card", "debit": "Pay by bank debit (takes days)"}))
        parts += [button("pay", "Pay" if session["mode"] != "setup" else "Save"), button("leave", "Leave")]
        return f"<form method=post>{''.join(parts)}</form>"

    def _receipt(self, charge_id: str) -> Response:
        charge = self._state.get("charge", charge_id)
        facts = [("Paid", money(charge["amount"], charge)), ("Card", charge["payment_method_details"]["card"]["last4"])]
        if charge["amount_refunded"]:
            facts.append(("Refunded", money(charge["amount_refunded"], charge)))
        return _html("Receipt", rows(facts))

    def _invoice_of(self, invoice_id: str) -> Object:
        return self._state.get("invoice", invoice_id)

    def _invoice(self, request: Request, invoice_id: str) -> Response:
        found = self._invoice_of(invoice_id)
        if request.method == "POST" and found["status"] == "open":
            card = customers.new_card(self._state, request.form.get("card", "4242")[-4:])
            if refusal := invoices.collect(self._state, found, card):
                raise refusal
        pay = f"<form method=post>{select('card', CARDS)}{button('pay', 'Pay')}</form>"
        link = f'<p><a href="{found["invoice_pdf"]}">PDF</a></p>'
        return _html("Invoice", rows(_invoice_facts(found)) + link + (pay if found["status"] == "open" else ""))

    def _portal(self, request: Request, session_id: str) -> Response:
        session = self._state.get("billing_portal.session", session_id)
        problem = ""
        if request.method == "POST":
            if request.form.get("action") == "leave":
                return redirect(session["return_url"] or "/", 303)
            try:
                self._manage(session["customer"], request.form)
            except Refusal as refusal:
                problem = f"<p class=problem role=alert>{refusal}</p>"
        owned = self._state.all("subscription", customer=session["customer"])
        listed = "".join(self._subscription(each) for each in owned if each["status"] != "canceled")
        leave = f"<form method=post>{button('leave', 'Return')}</form>"
        return _html("Billing", problem + (listed or "<p>No subscription.</p>") + leave)

    def _subscription(self, subscription: Object) -> str:
        item = subscription["items"]["data"][0]
        prices = {
            each["id"]: f"{self._state.objects[each['product']]['name']}, {money(each['unit_amount'], each)}"
            for each in self._state.all("price", type="recurring")
        }
        ends = subscription["cancel_at_period_end"]
        facts = [("Plan", prices[item["price"]["id"]]), ("Status", subscription["status"] + (", ends" if ends else ""))]
        parts = [
            rows(facts),
            f'<input type=hidden name=subscription value="{subscription["id"]}">',
            select("price", prices),
            button("change", "Change plan"),
            button("resume", "Resume") if ends else button("cancel", "Cancel plan"),
            select("card", CARDS),
            button("card", "Update card"),
        ]
        return f"<form method=post>{''.join(parts)}</form>"

    def _manage(self, customer: str, form: Any) -> None:
        found = self._state.get("subscription", form.get("subscription"))
        if found["customer"] != customer:
            raise missing("subscription", found["id"])
        actions: dict[str, Callable[[], Object]] = {
            "cancel": lambda: subscriptions.end_with_period(self._state, found, True),
            "resume": lambda: subscriptions.end_with_period(self._state, found, False),
            "card": lambda: self._new_card(found, form.get("card", "4242")[-4:]),
            "change": lambda: self._change(found, form.get("price")),
        }
        before = actions[form["action"]]()
        if before:
            self._state.event("customer.subscription.updated", found, before)

    def _new_card(self, subscription: Object, last4: str) -> Object:
        card = customers.new_card(self._state, last4)
        customers.attach(self._state, card, subscription["customer"])
        before = self._state.change(subscription, default_payment_method=card["id"])
        latest = self._state.objects.get(subscription["latest_invoice"] or "", {})
        if latest.get("status") == "open":
            invoices.collect(self._state, latest, card)
        return before

    def _change(self, subscription: Object, price_id: str | None) -> Object:
        price = self._state.get("price", price_id)
        item = subscription["items"]["data"][0]
        before = {"items": {**subscription["items"], "data": [dict(item)]}}
        line = {"price": dict(price), "quantity": item["quantity"]}
        owed = proration.switch(self._state, subscription, item, line, anew=False, how="always_invoice")
        if owed:
            subscriptions.bill(self._state, subscription, owed, "subscription_update")
        return before


def _invoice_facts(invoice: Object) -> list[tuple[str, str]]:
    facts = [(each["description"], money(each["amount"], invoice)) for each in invoice["lines"]["data"]]
    facts += [("Total", money(invoice["total"], invoice)), ("Status", invoice["status"])]
    return [("Number", invoice["number"] or "draft"), *facts]


def _html(title: str, body: str, status: int = 200) -> Response:
    return Response(document(title, body), status=status, content_type="text/html; charset=utf-8")
