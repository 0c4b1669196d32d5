"""Subscriptions end to end: the web application, the event job, the healer and the local Stripe on its test clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from backend.core import billing, healing, subscriptions
from backend.errors import AppError
from tests.billing.conftest import BILLING, Shop
from tests.factories import Sql

Json = Any


class Subscriber:
    """Somebody with a plan, whose Stripe and whose database live on one clock."""

    def __init__(self, shop: Shop, plan: str, start: datetime | None = None) -> None:
        self.shop, self.person = shop, shop.person()
        self.at = start or datetime.now(UTC).replace(microsecond=0)
        self.clock = shop.stripe.control.create_clock(int(self.at.timestamp()))["id"]
        made = shop.deps.stripe.create_customer({"test_clock": self.clock}, key=f"customer-{self.person.id}")
        self.customer: str = made["id"]
        self.sql.as_service("store_stripe_customer", p_user_id=str(self.person.id), p_customer_id=self.customer)
        self.until(self.at)
        answer = self.person.ask("POST", f"{BILLING}/checkout", json={"plan_id": plan})
        assert answer.status_code == 200, answer.text
        self.payment_id: str = answer.json["payment_id"]
        query = "select checkout_session_id from public.payments where id = %s"
        self.session: str = self.sql.one(query, self.payment_id)

    @property
    def sql(self) -> Sql:
        """The database."""
        return self.shop.world.sql

    @property
    def id(self) -> str:
        """The subscription at Stripe."""
        return str(self.shop.deps.stripe.retrieve_checkout_session(self.session)["subscription"])

    def pay(self) -> Subscriber:
        """Pay on the page, and let the news arrive."""
        self.shop.stripe.control.pay(self.session)
        self.shop.deliver()
        return self

    def until(self, at: datetime) -> None:
        """Let both clocks go on to a time, without telling the webhook."""
        self.at = at
        if at > self.now_there():
            self.shop.stripe.control.advance_clock(self.clock, int(at.timestamp()))
        self.sql.move_time((at - self.sql.one("select private.clock()")).total_seconds())

    def now_there(self) -> datetime:
        """What time it is at Stripe."""
        (clock,) = (c for c in self.shop.stripe.state.all("test_helpers.test_clock") if c["id"] == self.clock)
        return datetime.fromtimestamp(clock["frozen_time"], UTC)

    def month(self, month: int, day: int = 1, *, told: bool = True) -> None:
        """Go on to a day of the next year, and let the news arrive."""
        self.until(datetime(self.at.year, month, day, 13, tzinfo=UTC))
        if told:
            self.shop.deliver()

    def switch(self, plan: str, how: str = "always_invoice") -> None:
        """Change the plan as the billing portal does."""
        item = self.shop.deps.stripe.retrieve_subscription(self.id)["items"]["data"][0]["id"]
        price = subscriptions.price_of(self.shop.deps, plan)
        params = {"items": [{"id": item, "price": price}], "proration_behavior": how}
        self.shop.deps.stripe.update_subscription(self.id, params, key=f"switch-{plan}-{self.at}")
        self.shop.deliver()

    def wish(self, **what: Json) -> None:
        """Change something else."""
        self.shop.deps.stripe.update_subscription(self.id, what, key=f"wish-{what}-{self.at}")
        self.shop.deliver()

    def told(self, kind: str) -> None:
        """Let the newest event of a kind arrive, and no other."""
        newest = [event for event in self.shop.events() if event["type"] == kind][-1]
        assert self.shop.webhook(newest).status_code == 200
        self.shop.apply()

    def spend(self, credits: int) -> None:
        """Take credits for good."""
        hold = self.sql.reserve(self.person.id, credits)
        self.sql.as_service("confirm_reservation", p_reservation_id=hold["id"], p_amount=credits)

    def shown(self) -> Json:
        """The subscription as its owner sees it."""
        return self.person.get(f"{BILLING}/subscription").json["subscription"]

    def status(self) -> tuple[str, str, str | None]:
        """(status, plan, the plan after this period)."""
        return self.shown()["status"], self.shown()["plan_id"], self.shown()["next_plan_id"]

    def difference(self, old: str, new: str, end: datetime, *, days: int) -> int:
        """The credits of one plan more than of another for the rest of a period, by what Stripe charges for each."""
        left = (end - self.at).total_seconds() / (days * 86_400)
        plans = {plan["id"]: plan for plan in self.shop.app.test_client().get(f"{BILLING}/plans").json["data"]}
        shares = [round(plans[plan]["amount_cents"] * left) / plans[plan]["amount_cents"] for plan in (old, new)]
        return round(plans[new]["credits"] * shares[1] - plans[old]["credits"] * shares[0])

    def granted(self) -> list[int]:
        """What its payments gave, oldest first."""
        query = (
            "select granted_credits from payments where user_id = %s and kind = 'subscription' order by period_start"
        )
        return [credits for (credits,) in self.sql.connection.execute(query, [self.person.id]).fetchall()]

    def lots(self) -> list[int]:
        """What is left of credits that expire, last to expire first."""
        query = """
            select remaining from credit_grants where wallet_id = %s and expires_at > private.clock() and remaining > 0
            order by expires_at desc, created_at desc
        """
        rows = self.sql.connection.execute(query, [self.sql.wallet(self.person.id)]).fetchall()
        return [credits for (credits,) in rows]


@pytest.fixture(autouse=True)
def own_account(shop: Shop) -> Iterator[None]:
    """Forget what other tests' Stripes know; in the end, bring the database's clock back to the present."""
    shop.world.connection.execute("update private.plan_prices set stripe_price_id = null")
    shop.world.connection.execute("update public.subscriptions set check_at = null")
    yield
    shop.world.sql.move_time(
        -float(shop.world.sql.one("select extract(epoch from private.clock() - clock_timestamp())"))
    )


JANUARY = datetime(datetime.now(UTC).year + 1, 1, 1, 12, tzinfo=UTC)


def test_six_periods_with_upgrade_failed_renewal_recovery_and_cancel(shop: Shop) -> None:
    """What must be shown: exact credits in each period, and no more than the cap goes on from one to the next."""
    ada = Subscriber(shop, "starter-monthly", JANUARY).pay()
    shop.world.sql.grant(ada.person.id, 7)  # bought elsewhere: never touched by a renewal
    extra = 25 + 7
    assert (ada.lots(), ada.person.available()) == ([100], extra + 100)  # period 1: January
    ada.month(2)
    assert ada.lots() == [100, 100]  # period 2: no rollover, but three days of grace
    ada.month(2, 5)
    assert ada.lots() == [100]
    ada.month(2, 15)
    ada.switch("pro-monthly")
    upgrade = ada.difference("starter-monthly", "pro-monthly", datetime(ada.at.year, 3, 1, 12, tzinfo=UTC), days=28)
    assert ada.lots() == [upgrade, 100] and upgrade == 199
    assert ada.status() == ("active", "pro-monthly", "pro-monthly")
    ada.month(3)
    assert ada.lots() == [500, upgrade, 250 - upgrade]  # period 3: at most 250 of 299 go on, the newest first
    ada.spend(400)
    assert ada.person.available() == extra + 350
    shop.stripe.control.decline_next(ada.customer)
    ada.month(4)
    assert ada.status()[0] == "past_due"  # period 4: not paid, nothing given, nothing lost
    assert sum(ada.lots()) == 350
    ada.month(4, 6)
    assert ada.status() == ("active", "pro-monthly", "pro-monthly")  # the second try was paid
    assert sum(ada.lots()) == 500 + 250 and ada.lots()[0] == 500
    ada.spend(700)
    ada.month(5)
    assert sum(ada.lots()) == 500 + 50  # period 5: less than the cap was left, all of it goes on
    ada.wish(cancel_at_period_end=True)
    assert ada.status() == ("active", "pro-monthly", None)
    ada.wish(cancel_at_period_end=False)
    ada.month(6)
    assert sum(ada.lots()) == 500 + 250  # period 6
    ada.wish(cancel_at_period_end=True)
    ada.month(7)
    assert ada.status() == ("canceled", "pro-monthly", None)
    assert sum(ada.lots()) == 750  # paid for: they live to the end of their grace
    ada.month(7, 16)
    assert (ada.lots(), ada.person.available()) == ([], extra)
    assert ada.granted() == [100, 100, upgrade, 500, 500, 500, 500]
    assert shop.world.sql.problems(shop.world.sql.wallet(ada.person.id)) == []
    assert shop.states() <= {"handled", "ignored"}


def test_a_plan_is_bought_on_the_page(shop: Shop) -> None:
    """Shown to everybody, paid, in history with invoice and receipt; a second one is refused."""
    plans = shop.app.test_client().get(f"{BILLING}/plans").json["data"]
    assert [plan["id"] for plan in plans] == ["starter-monthly", "pro-monthly", "pro-yearly"]
    ada = Subscriber(shop, "pro-monthly")
    assert (ada.shown(), shop.payment(ada.person, {"id": ada.payment_id})["status"]) == (None, "open")
    ada.pay()
    paid = shop.payment(ada.person, {"id": ada.payment_id})
    assert (paid["status"], paid["title"], paid["granted_credits"]) == ("paid", "Pro", 500)
    assert paid["receipt_url"] and paid["invoice_url"]
    again = ada.person.ask("POST", f"{BILLING}/checkout", json={"plan_id": "starter-monthly"})
    assert (again.status_code, again.json["error"]["code"]) == (409, "invalid_state")
    none = ada.person.ask("POST", f"{BILLING}/checkout", json={"plan_id": "none"})
    assert (none.status_code, none.json["error"]["code"]) == (404, "plan_not_found")
    for body in ({}, {"plan_id": "pro-monthly", "package_id": "credits-100"}):
        assert ada.person.ask("POST", f"{BILLING}/checkout", json=body).status_code == 422
    assert shop.person().get(f"{BILLING}/subscription").json == {"subscription": None}
    assert len([*shop.stripe.state.all("price")]) == 3  # for the portal, which offers what there is


def test_a_price_that_stripe_does_not_know_is_told(shop: Shop) -> None:
    """Another account's key on the same database: the client hears that payments are not set up, the log says why."""
    alice = shop.person()
    assert alice.ask("POST", f"{BILLING}/checkout", json={"plan_id": "starter-monthly"}).status_code == 200
    shop.world.connection.execute("update private.plan_prices set stripe_price_id = 'gone_' || stripe_price_id")
    answer = alice.ask("POST", f"{BILLING}/checkout", json={"plan_id": "starter-monthly"})
    shop.world.connection.execute("update private.plan_prices set stripe_price_id = substr(stripe_price_id, 6)")
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "payments_not_configured")
    assert answer.json["error"]["details"]["reason"] == "resource_missing"
    assert alice.ask("POST", f"{BILLING}/checkout", json={"plan_id": "starter-monthly"}).status_code == 200


def test_a_page_that_nobody_pays_ends_the_payment(shop: Shop) -> None:
    """Expired: no subscription, and another try is free."""
    ada = Subscriber(shop, "pro-monthly")
    shop.stripe.control.expire(ada.session)
    shop.deliver()
    assert (shop.payment(ada.person, {"id": ada.payment_id})["status"], ada.shown()) == ("expired", None)
    assert ada.person.ask("POST", f"{BILLING}/checkout", json={"plan_id": "pro-monthly"}).status_code == 200


@pytest.mark.parametrize("order", ["backwards", "twice", "healer"])
def test_events_may_come_as_they_like(shop: Shop, order: str) -> None:
    """Regression: L5, P14: in any order, twice or not at all: the same credits, cancelled subscriptions included."""
    ada = Subscriber(shop, "starter-monthly", JANUARY)
    shop.stripe.control.pay(ada.session)
    ada.month(2, told=False)
    shop.deps.stripe.cancel_subscription(ada.id, key="cancel")
    if order == "healer":
        shop.heal()
    for event in [*reversed(shop.events())] * (2 if order == "twice" else 1) if order != "healer" else []:
        shop.webhook(event)
        shop.apply()
    assert (ada.granted(), ada.status()[0]) == ([100, 100], "canceled")
    assert shop.states() <= {"handled", "ignored"}


def test_the_healer_asks_without_any_event(shop: Shop) -> None:
    """Neither the first payment's nor the renewal's news come: it is looked at all the same."""
    ada = Subscriber(shop, "starter-monthly", JANUARY)
    shop.stripe.control.pay(ada.session)
    shop.world.connection.execute("update payments set check_at = private.clock() where id = %s", [ada.payment_id])
    healing.look_at_payments(shop.deps)
    assert ada.granted() == [100]
    ada.month(2, 2, told=False)
    assert subscriptions.look_at_due(shop.deps) == 1
    assert (ada.granted(), subscriptions.look_at_due(shop.deps)) == ([100, 100], 0)


def test_news_of_its_money_alone_are_enough(shop: Shop) -> None:
    """What is told about a payment intent or a charge leads to its invoice, also when no invoice was told of yet."""
    ada = Subscriber(shop, "starter-monthly")
    shop.stripe.control.pay(ada.session)
    ada.told("payment_intent.succeeded")
    assert ada.lots() == [100]
    shop.stripe.control.refund(shop.charge({"id": ada.payment_id}), 500)
    ada.told("charge.refunded")
    assert ada.lots() == [49]


def test_a_refund_of_a_renewal_takes_its_lot(shop: Shop) -> None:
    """By an admin, and in the dashboard for the first invoice, long after it was paid."""
    ada, admin = Subscriber(shop, "starter-monthly", JANUARY).pay(), shop.admin()
    ada.month(2)
    renewal = ada.person.get(f"{BILLING}/payments").json["data"][0]
    refund = {"json": {"full": True, "reason": "asked for"}, "headers": {"Idempotency-Key": f"refund-{renewal['id']}"}}
    done = admin.ask("POST", f"/api/v1/admin/payments/{renewal['id']}/refund", **refund)
    assert (done.status_code, done.json["payment"]["status"]) == (200, "refunded")
    assert ada.lots() == [100]
    shop.stripe.control.refund(shop.charge({"id": ada.payment_id}), 500)
    shop.deliver()
    assert ada.lots() == [49]


def test_a_downgrade_at_once_pays_back_and_takes(shop: Shop) -> None:
    """Stripe keeps the money for later invoices, which are paid from it and give their credits."""
    ada = Subscriber(shop, "pro-monthly", JANUARY).pay()
    ada.month(1, 16)
    ada.switch("starter-monthly")
    taken = -ada.difference("pro-monthly", "starter-monthly", datetime(ada.at.year, 2, 1, 12, tzinfo=UTC), days=31)
    assert ada.lots() == [500 - taken] and taken == 206
    ada.month(2)
    assert sorted(ada.lots()) == [100, 500 - taken]  # the new plan rolls nothing over: the rest has its grace
    assert ada.status() == ("active", "starter-monthly", "starter-monthly")


def test_what_stays_unpaid_gives_nothing_until_it_is_paid(shop: Shop) -> None:
    """Every try is declined: unpaid, nothing more is given; the owner pays the invoice by hand, and goes on."""
    shop.stripe.state.settings.after_dunning = "unpaid"
    ada = Subscriber(shop, "starter-monthly", JANUARY).pay()
    shop.stripe.control.decline_next(ada.customer, count=4)
    ada.month(2, 20)
    assert (ada.status()[0], ada.granted(), ada.lots()) == ("unpaid", [100, 0], [])
    invoice = shop.deps.stripe.retrieve_subscription(ada.id)["latest_invoice"]
    shop.deps.stripe._post(f"/v1/invoices/{invoice}/pay", {}, "pay")
    shop.deliver()
    assert (ada.status()[0], ada.granted(), ada.lots()) == ("active", [100, 100], [100])


def test_a_stranger_to_scrip_is_left_alone(shop: Shop) -> None:
    """A subscription that somebody made in the dashboard: no credits, and nothing that fails."""
    customer = shop.deps.stripe.create_customer({"payment_method": "pm_card_visa"}, key="stranger")["id"]
    price = subscriptions.price_of(shop.deps, "starter-monthly")
    card = shop.deps.stripe.list_payment_methods(customer)[0]["id"]
    made = {"customer": customer, "items": [{"price": price}], "default_payment_method": card}
    shop.deps.stripe._post("/v1/subscriptions", made, "made by hand")
    shop.deliver()
    assert shop.states() == {"ignored"}


def test_metadata_of_another_user_is_refused(shop: Shop) -> None:
    """A subscription on one customer that names another user: parked for somebody to look at, no credit moves."""
    ada, mallory = Subscriber(shop, "starter-monthly"), shop.person()
    shop.stripe.control.pay(ada.session)
    shop.deps.stripe.update_subscription(ada.id, {"metadata": {"user_id": str(mallory.id)}}, key="forged")
    with pytest.raises(AppError, match="not the user"):
        subscriptions.sync(shop.deps, ada.id)
    shop.deliver()
    assert (ada.person.available(), mallory.available(), ada.shown()) == (25, 25, None)


def test_who_pays_between_two_looks_gets_the_period(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The healer looked twice at the page; paid in between, the credits were booked without a period: for ever."""
    ada = Subscriber(shop, "starter-monthly")
    look = shop.deps.stripe.retrieve_checkout_session

    def slow(session_id: str, **other: Any) -> Json:
        found = look(session_id, **other)
        if found["status"] == "open":
            shop.stripe.control.pay(session_id)
        return found

    monkeypatch.setattr(shop.deps.stripe, "retrieve_checkout_session", slow)
    billing.sync(shop.deps, ada.payment_id)
    monkeypatch.undo()
    shop.deliver()
    query = "select expires_at is not null from credit_grants where payment_id = %s"
    assert shop.world.connection.execute(query, [ada.payment_id]).fetchall() == [(True,)]


def test_a_subscription_of_another_installation_is_left_alone(shop: Shop) -> None:
    """Its events were tried a dozen times each, then parked for somebody to look at."""
    ada = Subscriber(shop, "starter-monthly")
    shop.stripe.control.pay(ada.session)
    other = {"metadata": {"project": "https://other.example", "user_id": shop.person().id}}
    shop.deps.stripe.update_subscription(ada.id, other, key="other")
    shop.deliver()
    assert "received" not in shop.states() and "parked" not in shop.states()
    assert ada.person.get("/api/v1/billing/subscription").json == {"subscription": None}
