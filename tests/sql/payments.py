"""Buying at the level of SQL: payments, and what Stripe might say about them."""

from __future__ import annotations

import itertools
import uuid

from tests.factories import Json, Sql

_numbers = itertools.count(1)


def start(sql: Sql, user_id: uuid.UUID, package: str = "credits-100", *, key: str | None = None) -> Json:
    """A payment to be made."""
    request = {"p_package_id": package, "p_idempotency_key": key or uuid.uuid4().hex}
    return sql.as_user(user_id, "start_checkout", **request)


def ticket(sql: Sql, payment: Json) -> int:
    """A ticket to ask Stripe with."""
    return int(sql.as_service("look_up_payment", p_payment_id=payment["id"])["ticket"])


def record(sql: Sql, kind: str = "checkout.session.completed", *, source: str = "webhook") -> str:
    """An event that came in; its id."""
    event_id = f"evt_{next(_numbers)}_{uuid.uuid4().hex[:8]}"
    body = {
        "id": event_id,
        "type": kind,
        "livemode": False,
        "data": {"object": {"id": "cs_1", "object": "checkout.session"}},
    }
    sql.as_service("record_stripe_event", p_payload=body, p_source=source)
    return event_id


def state(sql: Sql, payment: Json, status: str = "paid", **other: Json) -> Json:
    """What Stripe says about a payment, as core/payment_state.py puts it."""
    owner = sql.one("select user_id::text from payments where id = %s", payment["id"])
    said = {
        "status": status, "payment_id": payment["id"], "user_id": owner, "amount_cents": payment["amount_cents"],
        "charged_cents": payment["amount_cents"], "currency": payment["currency"], "refunded_cents": 0,
        "disputed_cents": 0, "checkout_session_id": f"cs_{payment['id']}", "payment_intent_id": f"pi_{payment['id']}",
    }  # fmt: skip
    return said | other


def apply(sql: Sql, payment: Json, status: str = "paid", *, event: str | None = None, **other: Json) -> Json:
    """Move the books to what Stripe says, for an event of its own."""
    arguments = {"p_payment_id": payment["id"], "p_ticket": ticket(sql, payment)}
    said = state(sql, payment, status, **other)
    return sql.as_service("apply_payment_state", p_event_id=event or record(sql), p_state=said, **arguments)


def buy(sql: Sql, user_id: uuid.UUID, package: str = "credits-100") -> Json:
    """A paid payment."""
    return apply(sql, start(sql, user_id, package))
