"""The life of a payment: checkout, what Stripe says about it, refunds.

The row in the database is made first and names everything else: the session, its idempotency key and the grant carry
its id. Credits move in apply_payment_state alone, after asking Stripe; whoever comes first (webhook, healer, admin)
does it, and the others find it done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog

from backend.clients.stripe import StripeRefusal
from backend.core import payment_state, subscriptions
from backend.deps import Deps
from backend.errors import AppError, InvalidState, PaymentNotFound, PaymentsNotConfigured
from backend.rpc import billing as rpc
from backend.rpc.admin import admin_start_refund
from backend.rpc.client import Caller
from backend.rpc.subscriptions import start_subscription

Json = dict[str, Any]
log = structlog.get_logger(__name__)


def checkout(
    deps: Deps,
    caller: Caller,
    *,
    user_id: str,
    email: str | None,
    package_id: str | None,
    plan_id: str | None,
    promo_code: str | None = None,
    key: str,
) -> Json:
    """Start to buy a package or a plan; return the payment with the address of the page where it is paid."""
    _require_stripe(deps)
    if plan_id:
        payment = start_subscription(caller, plan_id=plan_id, idempotency_key=key)
    else:
        payment = rpc.start_checkout(caller, package_id=package_id or "", idempotency_key=key, promo_code=promo_code)
    if payment["status"] != "pending":
        return payment

    def open_page(customer_id: str) -> Json:
        params = _session_params(deps, payment, user_id, customer_id)
        return deps.stripe.create_checkout_session(params, key=f"checkout-{payment['id']}-{customer_id}")

    # If we die after this, nobody has seen the page. The same request goes on with the same payment and session.
    session = _with_customer(deps, open_page, user_id=user_id, email=email)
    log.info("checkout_started", payment_id=payment["id"], session_id=session["id"])
    return rpc.attach_checkout_session(
        deps.rpc.as_service(), payment_id=payment["id"], session_id=session["id"], url=session["url"]
    )


def customer_of(deps: Deps, *, user_id: str, email: str | None) -> str:
    """Return the user's customer at Stripe, made when there is none; one, also for parallel first calls."""
    service = deps.rpc.as_service()
    known = rpc.get_stripe_customer(service, user_id=user_id)
    if known:
        return known
    made = _make_customer(deps, user_id, email, key=f"customer-{user_id}")
    return rpc.store_stripe_customer(service, user_id=user_id, customer_id=made["id"])


def _make_customer(deps: Deps, user_id: str, email: str | None, *, key: str) -> Json:
    names = {"metadata": {"user_id": user_id}}
    if email:
        try:
            return deps.stripe.create_customer(names | {"email": email}, key=key)
        except StripeRefusal as refusal:
            if refusal.param != "email":
                raise
    # Stripe takes fewer addresses than Auth does, and asks for one on its page.
    return deps.stripe.create_customer(names, key=f"{key}-without-email" if email else key)


def _with_customer(deps: Deps, call: Callable[[str], Json], *, user_id: str, email: str | None) -> Json:
    """Ask Stripe in the name of the user's customer, or of a new one when somebody deleted that at Stripe."""
    known = customer_of(deps, user_id=user_id, email=email)
    try:
        return call(known)
    except StripeRefusal as refusal:
        if not (refusal.missing and refusal.param == "customer"):
            raise
    log.warning("stripe_customer_deleted", user_id=user_id, customer_id=known)
    made = _make_customer(deps, user_id, email, key=f"customer-{user_id}-after-{known}")
    service = deps.rpc.as_service()
    return call(rpc.replace_stripe_customer(service, user_id=user_id, deleted_id=known, customer_id=made["id"]))


def portal(deps: Deps, *, user_id: str, email: str | None) -> Json:
    """Return the address of the billing portal for a user."""
    _require_stripe(deps)

    def open_portal(customer_id: str) -> Json:
        params = {"customer": customer_id, "return_url": f"{deps.settings.site_url}/billing"}
        return deps.stripe.create_portal_session(params, key=None)

    return {"url": _with_customer(deps, open_portal, user_id=user_id, email=email)["url"]}


def _require_stripe(deps: Deps) -> None:
    if not deps.stripe.configured:
        raise PaymentsNotConfigured("Payments are not set up here: STRIPE_SECRET_KEY is empty.")


def _session_params(deps: Deps, payment: Json, user_id: str, customer_id: str) -> Json:
    settings, names = deps.settings, {"payment_id": payment["id"], "user_id": user_id}
    names["project"] = settings.supabase_url  # so that two installations can share an account at Stripe
    back = f"{settings.site_url}/billing?payment={payment['id']}"
    params: Json = {
        **(_plan(deps, payment, names) if payment["plan_id"] else _package(payment, names)),
        "customer": customer_id,
        "client_reference_id": payment["id"],
        "metadata": names,
        "success_url": f"{back}&outcome=success",
        "cancel_url": f"{back}&outcome=canceled",
    }
    if settings.stripe_promotion_codes:
        params["allow_promotion_codes"] = True
    if settings.stripe_automatic_tax:
        params |= {"automatic_tax": {"enabled": True}, "customer_update": {"address": "auto"}}
    return params


def _package(payment: Json, names: Json) -> Json:
    bonus = f" + {payment['promo_credits']} bonus credits" if payment["promo_credits"] else ""
    price = {
        "currency": payment["currency"],
        "unit_amount": payment["amount_cents"],
        "tax_behavior": "exclusive",  # so that the subtotal that comes back is our price
        "product_data": {"name": payment["title"] + bonus},
    }
    return {
        "mode": "payment",
        "line_items": [{"quantity": 1, "price_data": price}],
        "payment_intent_data": {"metadata": names},
        "invoice_creation": {"enabled": True, "invoice_data": {"metadata": names}},
    }


def _plan(deps: Deps, payment: Json, names: Json) -> Json:
    price = subscriptions.prices(deps).get(payment["plan_id"]) or subscriptions.price_of(deps, payment["plan_id"])
    return {
        "mode": "subscription",
        "line_items": [{"quantity": 1, "price": price}],
        "subscription_data": {"metadata": names},
    }


def sync(
    deps: Deps,
    payment_id: str,
    *,
    event_id: str | None = None,
    session_id: str | None = None,
    intent_id: str | None = None,
) -> Json | None:
    """Ask Stripe about a payment and move the books; None when there is nothing to ask about yet.

    `session_id` and `intent_id` are what an event was about; they count while the row names no other.
    """
    service = deps.rpc.as_service()
    payment = rpc.look_up_payment(service, payment_id=payment_id)
    if payment is None:
        raise PaymentNotFound(payment_id=payment_id)
    if payment["kind"] == "subscription":
        return subscriptions.sync_payment(deps, payment, event_id=event_id, session_id=session_id)
    session_id = session_id or payment["checkout_session_id"]
    intent = intent_id or payment["payment_intent_id"]
    if session_id:
        state = payment_state.of_session(deps.stripe, payment_state.look_at_session(deps.stripe, session_id))
        if intent_id and state["payment_intent_id"] not in (None, intent_id):
            state["payment_intent_id"] = intent_id  # another payment claims to be this one: SQL flags it
    elif intent:
        state = payment_state.of_intent(deps.stripe, intent)
    else:
        return None
    moved = rpc.apply_payment_state(
        service, event_id=event_id, payment_id=payment_id, state=state, ticket=payment["ticket"]
    )
    if moved["flag_reason"]:
        log.error("payment_flagged", payment_id=payment_id, reason=moved["flag_reason"], event_id=event_id)
    log.info("payment_synced", payment_id=payment_id, status=moved["status"], event_id=event_id)
    return moved


def refund(
    deps: Deps,
    caller: Caller,
    *,
    payment_id: str,
    amount_cents: int | None,
    credits: int | None,
    reason: str,
    key: str,
    dry_run: bool,
) -> Json:
    """Give money back and take its share of the credits; return {refund, payment, dry_run}. For admins."""
    _require_stripe(deps)
    asked = admin_start_refund(
        caller,
        payment_id=payment_id,
        amount_cents=amount_cents,
        credits=credits,
        reason=reason,
        idempotency_key=key,
        dry_run=dry_run,
    )
    if dry_run:
        return {"refund": asked, "payment": None, "dry_run": True}
    return {"refund": send_refund(deps, asked), "payment": _synced(deps, payment_id), "dry_run": False}


def send_refund(deps: Deps, asked: Json) -> Json:
    """Have Stripe give back what an admin asked for, once; InvalidState when it refuses."""
    if asked["status"] == "sent":
        return asked
    if asked["status"] == "refused":
        raise InvalidState("Stripe refused this refund. Look at the payment in its dashboard.", reason=asked["error"])
    service = deps.rpc.as_service()
    params = {"payment_intent": asked["payment_intent_id"], "amount": asked["amount_cents"]}
    params["metadata"] = {"payment_id": asked["payment_id"], "refund_id": asked["id"]}
    try:
        # If we die after this, the healer sends it again under the same key, which gives nothing back twice.
        made = deps.stripe.create_refund(params, key=f"refund-{asked['id']}")
    except StripeRefusal as error:
        refused = rpc.finish_refund(service, refund_id=asked["id"], error=error.stripe_code or "refused")
        return send_refund(deps, refused)
    return rpc.finish_refund(service, refund_id=asked["id"], stripe_refund_id=made["id"])


def _synced(deps: Deps, payment_id: str) -> Json | None:
    try:
        return sync(deps, payment_id)
    except AppError as error:  # the money is on its way; the event brings the credits
        log.warning("refund_not_synced", payment_id=payment_id, code=error.code)
        return None
