"""A subscription at the level of SQL: what Stripe might say about it and its invoices, on the database's own clock."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.factories import Json, Sql

DAYS = 30  # of a period, to count with


def price_of(sql: Sql, plan: str) -> str:
    """The Price at Stripe of a plan, as the first checkout would store it."""
    price = sql.as_service("get_plan_price", p_plan_id=plan)
    stored: str = sql.as_service(
        "store_plan_price", p_price_id=price["id"], p_stripe_price_id=price["stripe_price_id"] or f"price_{price['id']}"
    )
    return stored


def now(sql: Sql) -> datetime:
    """The database's time, on the second."""
    at: datetime = sql.one("select date_trunc('second', private.clock())")
    return at


@dataclass
class Subscription:
    """One subscription and what it has been billed for; `say` tells the books."""

    sql: Sql
    user: uuid.UUID
    plan: str
    payment: Json
    start: datetime
    end: datetime
    id: str = field(default_factory=lambda: f"sub_{uuid.uuid4().hex[:12]}")
    status: str = "active"
    invoices: list[Json] = field(default_factory=list)
    more: Json = field(default_factory=dict)

    def line(self, plan: str, *, share: float | None = None, **other: Json) -> Json:
        """A line for a period as a whole, or for a share of it in the middle."""
        price = self.sql.as_service("get_plan_price", p_plan_id=plan)
        amount = price["amount_cents"] if share is None else round(price["amount_cents"] * share)
        start = self.start if share is None else now(self.sql)
        said = {
            "price_id": price_of(self.sql, plan), "amount_cents": amount, "currency": "usd",
            "proration": share is not None, "period_start": start.isoformat(), "period_end": self.end.isoformat(),
        }  # fmt: skip
        return said | other

    def bill(self, *lines: Json, status: str = "paid", **other: Json) -> Json:
        """An invoice; its object, to be changed by later news."""
        number = f"{self.id}_{len(self.invoices) + 1}"
        total = max(0, sum(line["amount_cents"] for line in lines))
        invoice = {
            "invoice_id": f"in_{number}", "first": not self.invoices, "status": status, "currency": "usd",
            "user_id": str(self.user), "amount_cents": total, "charged_cents": total, "refunded_cents": 0,
            "disputed_cents": 0, "payment_intent_id": f"pi_{number}", "lines": [*lines],
        } | other  # fmt: skip
        self.invoices.append(invoice)
        return invoice

    def renew(self, *lines: Json, status: str = "paid") -> Json:
        """Let the period pass and the next one be billed."""
        self.sql.move_time((self.end - now(self.sql)).total_seconds() + 60)
        self.start, self.end = self.end, self.end + timedelta(days=DAYS)
        return self.bill(*lines, self.line(self.plan), status=status)

    def ticket(self) -> int:
        """A ticket to ask Stripe with."""
        return int(self.sql.as_service("look_up_subscription", p_stripe_subscription_id=self.id)["ticket"])

    def state(self) -> Json:
        """What Stripe says, as core/subscription_state.py puts it."""
        return {
            "id": self.id, "customer_id": f"cus_{self.user}", "user_id": str(self.user),
            "payment_id": self.payment["id"], "status": self.status, "price_id": price_of(self.sql, self.plan),
            "period_start": self.start.isoformat(), "period_end": self.end.isoformat(), "cancel_at_period_end": False,
            "ended_at": None, "created_at": self.start.isoformat(), "invoices": self.invoices,
        } | self.more  # fmt: skip

    def say(self, state: Json | None = None, *, event: str | None = None, ticket: int | None = None) -> Json:
        """Move the books to what Stripe says now."""
        ticket = ticket or self.ticket()
        return self.sql.as_service(
            "apply_subscription_state", p_event_id=event, p_state=state or self.state(), p_ticket=ticket
        )

    def paid(self, invoice: Json) -> Json:
        """The payment that an invoice is."""
        return self.sql.one("select to_jsonb(p) from payments p where invoice_id = %s", invoice["invoice_id"])

    def lots(self) -> list[tuple[int, int]]:
        """(remaining credits, days that they live from now, rounded) of open lots, first to expire first."""
        query = """
            select remaining::int, round(extract(epoch from expires_at - private.clock()) / 86400)::int
            from credit_grants where wallet_id = %s and open and expires_at is not null order by expires_at, created_at
        """
        return self.sql.connection.execute(query, [self.sql.wallet(self.user)]).fetchall()


def spend(sql: Sql, user: uuid.UUID, amount: int) -> None:
    """Take credits for good."""
    sql.as_service("confirm_reservation", p_reservation_id=sql.reserve(user, amount)["id"], p_amount=amount)


def pending(sql: Sql, plan: str = "starter-monthly", user: uuid.UUID | None = None) -> Subscription:
    """Somebody about to pay for the first period."""
    user = user or sql.new_user()
    key = uuid.uuid4().hex
    payment = sql.as_user(user, "start_subscription", p_plan_id=plan, p_idempotency_key=key)
    sql.as_service("store_stripe_customer", p_user_id=user, p_customer_id=f"cus_{user}")
    return Subscription(sql, user, plan, payment, now(sql), now(sql) + timedelta(days=DAYS))


def subscribe(sql: Sql, plan: str = "starter-monthly", user: uuid.UUID | None = None) -> Subscription:
    """Somebody who has paid for the first period."""
    made = pending(sql, plan, user)
    made.bill(made.line(plan))
    made.say()
    return made
