"""A story at random: people pay, get money back, dispute and spend, while events come in any order, twice or never.

What each payment must have come to is worked out from the local Stripe's own objects, in one line of arithmetic.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg

from backend.core import stripe_events
from scripts.local.stripe.errors import Refusal
from tests.billing.conftest import Shop
from tests.web.person import Person

Json = dict[str, Any]
PACKAGES = ("credits-10", "credits-50", "credits-100", "credits-500")
HELD_BACK = ("needs_response", "under_review", "lost")
SIGN_UP_CREDITS = 25


class Story:
    """What happens; each step takes one number, of which it makes what it needs."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self.control, self.stripe = shop, shop.stripe.control, shop.stripe.state
        self.people: list[Person] = [shop.person(), shop.person()]
        self.admin = shop.admin()
        self.payments: list[tuple[Person, Json]] = []
        self.spent = {person.id: 0 for person in self.people}

    def checkout(self, number: int) -> None:
        """Somebody starts to buy."""
        person = self.people[number % 2]
        self.payments.append((person, self.shop.checkout(person, PACKAGES[number % 4])))

    def pay(self, number: int) -> None:
        """An open page is paid, at once or with money that takes days."""
        if session := self._one("checkout.session", number, status="open"):
            self.control.pay(session["id"], later=number % 4 == 0)

    def settle(self, number: int) -> None:
        """Money that takes days comes, or does not."""
        waiting = list(self.stripe.all("payment_intent", status="processing"))
        if waiting:
            intent = waiting[number % len(waiting)]["id"]
            session = next(iter(self.stripe.all("checkout.session", payment_intent=intent)))
            self.control.settle_payment(session["id"], paid=number % 3 > 0)

    def expire(self, number: int) -> None:
        """A page's time is up."""
        if number % 3 == 0 and (session := self._one("checkout.session", number, status="open")):
            self.control.expire(session["id"])

    def refund(self, number: int) -> None:
        """Money goes back by the dashboard: a part, or all that is left."""
        if charge := self._one("charge", number, status="succeeded"):
            left = charge["amount"] - charge["amount_refunded"]
            self.control.refund(charge["id"], None if number % 5 == 0 else number % max(left, 1))

    def refund_as_admin(self, number: int) -> None:
        """Money goes back by our own route, which may refuse."""
        if self.payments:
            path = f"/api/v1/admin/payments/{self.payments[number % len(self.payments)][1]['id']}/refund"
            what = [{"full": True}, {"amount_cents": 1 + number % 700}, {"credits": 1 + number % 40}][number % 3]
            answer = self.admin.ask("POST", path, json={"reason": "a story", **what})
            assert answer.status_code in (200, 400, 409), answer.text

    def fail_refund(self, number: int) -> None:
        """A refund fails after the fact."""
        if refund := self._one("refund", number, status="succeeded"):
            self.control.fail_refund(refund["id"])

    def dispute(self, number: int) -> None:
        """The bank takes the money back, or only asks."""
        if charge := self._one("charge", number, status="succeeded"):
            self.control.dispute(charge["id"], inquiry=number % 5 == 0)

    def decide(self, number: int) -> None:
        """A dispute ends."""
        if dispute := self._one("dispute", number):
            (self.control.win if number % 2 else self.control.lose)(dispute["id"])

    def spend(self, number: int) -> None:
        """Credits are used up, if there are any."""
        person, amount = self.people[number % 2], 1 + number % 60
        try:
            hold = self.shop.world.sql.reserve(person.id, amount)
        except psycopg.Error as error:
            assert error.sqlstate == "PT402"
        else:
            self.shop.world.sql.as_service("confirm_reservation", p_reservation_id=hold["id"])
            self.spent[person.id] += amount

    def bring(self, number: int) -> None:
        """Any event comes: late, twice, before an older one; others never do."""
        if events := self.shop.events():
            assert self.shop.webhook(events[number % len(events)]).status_code == 200
            if number % 2:
                self.shop.apply()

    def rush(self, number: int) -> None:
        """All events come at once, newest first and some twice, to workers that are all quick."""
        events = self.shop.events()[::-1]

        def bring(event: Json) -> None:
            assert self.shop.webhook(event).status_code == 200
            stripe_events.apply(self.shop.deps, event["id"])

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(bring, events + events[: number % 5]))

    def heal(self, _: int) -> None:
        """The poller reads what no webhook brought."""
        self.shop.heal()

    def play(self, steps: list[tuple[str, int]]) -> None:
        """Go through it; what Stripe refuses, such as a refund of a disputed charge, does not happen."""
        for name, number in steps:
            try:
                getattr(self, name)(number)
            except Refusal:
                continue

    def check(self) -> None:
        """Let the poller bring the rest; then everything must have come to what Stripe says."""
        self.shop.heal()
        due = {person.id: SIGN_UP_CREDITS - self.spent[person.id] for person in self.people}
        for person, payment in self.payments:
            credits = self._credits_due(payment)
            now = self.shop.payment(person, payment)
            assert now["granted_credits"] - now["clawed_credits"] == credits, now
            assert self._booked(payment) == credits
            due[person.id] += credits
        sql = self.shop.world.sql
        assert {person.id: sql.balance(person.id)[0] for person in self.people} == due
        assert [problem for person in self.people for problem in sql.problems(sql.wallet(person.id))] == []
        assert sql.trial_balance()[-1]["credits"] == 0
        self._check_events()

    def _credits_due(self, payment: Json) -> int:
        session = self.stripe.get("checkout.session", payment["checkout_session_id"])
        charges = [*self.stripe.all("charge", payment_intent=session["payment_intent"], status="succeeded")]
        if session["payment_intent"] is None or not charges:
            return 0
        (charge,) = charges
        disputes = self.stripe.all("dispute", charge=charge["id"])
        back = charge["amount_refunded"] + sum(one["amount"] for one in disputes if one["status"] in HELD_BACK)
        credits: int = payment["credits"]
        return credits - min(credits, -(-credits * back // charge["amount"]))

    def _booked(self, payment: Json) -> int:
        query = "select coalesce(sum(amount), 0)::bigint from public.credit_transactions where reason = %s"
        return int(self.shop.world.sql.one(query, f"payment:{payment['id']}"))

    def _check_events(self) -> None:
        """Each was kept, and applied exactly once."""
        ids = [event["id"] for event in self.shop.events()]
        query = "select state, attempts from private.stripe_events where id = any(%s)"
        rows = self.shop.world.connection.execute(query, [ids]).fetchall()
        assert len(rows) == len(ids)
        assert {*rows} <= {("handled", 1), ("ignored", 1)}

    def _one(self, kind: str, number: int, **where: Any) -> Json | None:
        found = [*self.stripe.all(kind, **where)]
        return found[number % len(found)] if found else None
