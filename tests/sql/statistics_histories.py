"""Random histories for statistics: users, the scheduler, imports, and transactions that end late."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from tests.factories import Json, Sql
from tests.sql import payments
from tests.sql.batching import batch
from tests.sql.recount import Raw, raw
from tests.sql.staff import staff

DAY = 86_400
TABLES = ("daily_credits", "daily_generations", "daily_revenue", "monthly_buyers", "active_wallets", "active_counts")
CHARTS = (("day", None), ("month", None), ("model", None), ("day", "test/cheap"), ("model", "test/unknown"))
MODELS = """
    insert into models (id, provider, kind, title, base_credits, max_credits, cost_base_micros, cost_unit_micros)
    values ('test/cheap', 'fal', 'image', 'Cheap', 1, 100, 900, 0),
      ('test/unknown', 'fal', 'image', 'Unknown', 3, 100, null, null);
    insert into credit_packages (id, title, credits, amount_cents, currency) values ('euros', 'Euros', 30, 450, 'eur');
    update private.settings set user_concurrency = 1000, gift_daily_credits = 1000000, gift_daily_count = 1000000;
    update auth.users set email_confirmed_at = now();
"""


class History:
    """Users who do what users do, over weeks, while the scheduler and late transactions do theirs."""

    def __init__(self, connect: Callable[[], Sql], seed: int) -> None:
        self.dice = random.Random(seed)
        self.sql, self.slow = connect(), connect()
        self.sql.connection.execute("set lock_timeout = '10s'")
        self.boss = staff(self.sql, "owner")
        self.users = [self.sql.new_user(credits=40, source=source) for source in ("purchase", "promotion", "signup")]
        self.late = [self.sql.new_user(credits=400) for _ in range(2)]
        self.sql.connection.execute(MODELS)  # type: ignore[arg-type]
        self.sql.as_user(self.boss, "admin_create_promo_code", p_code="SPRING", p_credits=7, p_max_uses_per_user=1000)
        self.payments: list[Json] = []
        self.open = False

    def run(self, steps: int) -> None:
        """Take so many steps."""
        doing = [
            self.generate, self.generate, self.generate, self.buy, self.reverse, self.grant, self.refund, self.gift,
            self.redeem, self.adjust, self.hold, self.items, self.let_time_pass, self.roll_up, self.roll_up,
            self.begin_late, self.end_late, self.import_old, self.learn_cost,
        ]  # fmt: skip
        for _ in range(steps):
            self.dice.choice(doing)()

    def user(self) -> uuid.UUID:
        return self.dice.choice(self.users)

    def enough(self, sql: Sql, user: uuid.UUID, credits: int) -> uuid.UUID:
        while sql.balance(user)[2] < credits:
            sql.grant(user, 50, source=self.dice.choice(("subscription", "admin", "purchase")))
        return user

    def generate(self, sql: Sql | None = None, user: uuid.UUID | None = None) -> None:
        sql = sql or self.sql
        user = self.enough(sql, user or self.user(), 10)
        model = self.dice.choice(("local/picture", "test/cheap", "test/unknown"))
        generation = sql.generate(user, model=model)
        if self.dice.random() < 0.2:
            sql.as_user(user, "cancel_generation", p_generation_id=generation["id"])
            return
        if sql is self.sql:
            sql.move_time(self.dice.choice((0, 0.3, 3, 40, 400, 4000)))
        claim = sql.claim(generation, lease=3600)
        if claim is None:
            return
        fence = {"p_generation_id": claim["id"], "p_attempt": claim["attempt"]}
        if self.dice.random() < 0.3:
            failed = {"p_error_code": "refused", "p_error_message": "", "p_retryable": False}
            sql.as_service("fail_generation", **fence, **failed, p_cost_micros=self.dice.choice((None, 77)))
            return
        given = {"p_credits": self.dice.choice((None, 0, 1, 9)), "p_cost_micros": self.dice.choice((None, 1234))}
        sql.as_service("complete_generation", **fence, p_outputs=[], **given)

    def buy(self) -> None:
        payment = payments.start(self.sql, self.user(), self.dice.choice(("credits-10", "credits-100", "euros")))
        payments.apply(self.sql, payment, self.dice.choice(("paid", "paid", "paid", "failed", "processing")))
        self.payments.append(payment)

    def reverse(self) -> None:
        if self.payments:
            payment = self.dice.choice(self.payments)
            part = {"refunded_cents": self.dice.choice((0, 50, 199)), "disputed_cents": self.dice.choice((0, 0, 20))}
            payments.apply(self.sql, payment, "paid", **part)

    def grant(self) -> None:
        source = self.dice.choice(("promotion", "admin", "gift", "subscription"))
        lasts = self.dice.choice((None, DAY, 5 * DAY))
        self.sql.grant(self.user(), self.dice.randint(1, 9), source=source, lasts=lasts)

    def refund(self) -> None:
        used = self.sql.one(
            "select t.id from credit_transactions t where t.kind = 'usage' and t.amount < 0 and not exists"
            " (select from credit_transactions r where r.reverses_id = t.id)"
            " and t.wallet_id <> all (%s) order by t.hash limit 1",
            [self.sql.wallet(user) for user in self.late if self.open],  # locked by the late transaction
        )
        if used:
            self.sql.as_service(
                "refund_transaction", p_transaction_id=used, p_amount=1, p_idempotency_key=f"refund {used}"
            )

    def gift(self) -> None:
        giver, to = self.dice.sample(self.users, 2)
        self.sql.grant(giver, 5, source="purchase")
        email = self.dice.choice((f"{to}@example.test", "nobody@example.test"))
        if self.sql.balance(giver)[2] >= 5:
            key = {"p_message": None, "p_idempotency_key": uuid.uuid4().hex}
            self.sql.as_user(giver, "gift_credits", p_email=email, p_credits=1, **key)

    def redeem(self) -> None:
        self.sql.as_user(self.user(), "redeem_promo_code", p_code="SPRING", p_idempotency_key=uuid.uuid4().hex)

    def adjust(self) -> None:
        user = self.enough(self.sql, self.user(), 5)
        asked = {"p_amount": self.dice.choice((-3, 4)), "p_reason": "test", "p_idempotency_key": uuid.uuid4().hex}
        self.sql.as_user(self.boss, "admin_adjust_credits", p_user_id=user, **asked)

    def hold(self) -> None:
        """A usage without a model, sometimes so late that it is absorbed."""
        late = self.dice.choice(("collect", "absorb"))
        hold = self.sql.reserve(self.enough(self.sql, self.user(), 6), 6, lasts=60, late_settle=late)
        self.sql.move_time(self.dice.choice((0, 61)))
        self.sql.as_service("confirm_reservation", p_reservation_id=hold["id"], p_amount=self.dice.choice((None, 0, 2)))

    def items(self) -> None:
        user = self.enough(self.sql, self.user(), 12)
        made = batch(self.sql, user, 2)
        self.sql.as_user(user, "cancel_batch", p_batch_id=made["id"])

    def let_time_pass(self) -> None:
        self.sql.move_time(self.dice.choice((30, 90, 3600, DAY, 9 * DAY)))
        if not self.open:  # it might wait for a wallet that the late transaction has locked
            self.sql.as_service("sweep_credits")
        self.sql.as_service("deliver_gifts")

    def roll_up(self) -> bool:
        limit = self.dice.choice((1, 3, 20, 1000))
        return bool(self.sql.as_service("roll_up_statistics", p_limit=limit)["more"])

    def begin_late(self) -> None:
        """A transaction that has its ids and times, and is not over: what it wrote shows later, or never."""
        if not self.open:
            self.slow.connection.execute("begin")
            self.open = True
        user = self.dice.choice(self.late)
        self.generate(self.slow, user)
        self.slow.grant(user, 3, source=self.dice.choice(("purchase", "promotion")))

    def end_late(self) -> None:
        if self.open:
            self.slow.connection.execute(self.dice.choice(("commit", "commit", "rollback")))
            self.open = False

    def import_old(self) -> None:
        """Rows of former days, as an import brings them."""
        ago = self.dice.randint(1, 40) * DAY
        self.sql.move_time(-ago)
        day = self.sql.one("select (private.clock() at time zone 'utc')::date")
        self.sql.grant(self.user(), 2, source="promotion")
        payments.apply(self.sql, payments.start(self.sql, self.user(), "credits-50"))
        self.generate()
        self.sql.move_time(ago)
        recounted = {"p_from": day, "p_to": day + timedelta(days=1)}
        self.sql.as_service("recount_generations", **recounted)

    def learn_cost(self) -> None:
        """A provider tells late of a request that it bills."""
        ended = self.sql.one(
            "select id from generations where finished_at is not null and model_id = 'test/cheap'"
            " order by md5(id::text || %s) limit 1",
            str(self.dice.random()),
        )
        if ended:
            told = {"p_provider": "fal", "p_request_id": uuid.uuid4().hex, "p_attempt": 1, "p_status": "ok"}
            self.sql.as_service("receive_provider_result", p_generation_id=ended, **told, p_payload={})

    def catch_up(self) -> None:
        """End what is late, and roll up all there is."""
        self.end_late()
        for _ in range(2):
            self.sql.move_time(120)
            while self.sql.as_service("roll_up_statistics", p_limit=50)["more"]:
                pass

    def rolled_up(self) -> Json:
        """The roll-ups themselves."""
        query = "select to_jsonb(array_agg(to_jsonb(t) order by t::text)) from private.{} t"
        return {name: self.sql.one(query.format(name)) for name in TABLES}

    def asked(self, **arguments: Any) -> Json:
        return self.sql.as_user(self.boss, "admin_get_statistics", **arguments)

    def compare(self) -> None:
        """Every figure against the recount."""
        rows = raw(self.sql)
        days = [row.day for row in (*rows.ledger, *rows.ended, *rows.money)]
        asked = {"p_from": min(days), "p_to": max(days)}
        for by, model in CHARTS:
            answer = self.asked(**asked, p_by=by, p_model=model)
            assert answer["complete"]
            self._compare_chart(rows, answer, by, model)
        self._compare_top(rows, asked)
        answer = self.sql.as_user(self.boss, "admin_get_cohorts", **asked)
        assert {row["month"]: _cohort(row) for row in answer["data"]} == rows.cohorts()

    @staticmethod
    def _compare_chart(rows: Raw, answer: Json, by: str, model: str | None) -> None:
        expected = rows.chart(by, model=model)
        nothing = Raw([], [], [])._figures(bool, by, model) | ({} if by == "model" or model else {"active_users": 0})
        told = {row.pop(by): row for row in answer["data"]} | {"": answer["total"]}
        wanted = {model} if by == "model" and model else expected.keys() - {""}
        assert wanted <= told.keys()
        for name, figures in told.items():
            _same(figures, expected.get(name, nothing), f"{by} {name} {model}")

    def _compare_top(self, rows: Raw, asked: Json) -> None:
        inner = {"p_from": asked["p_from"] + timedelta(days=3), "p_to": asked["p_to"] - timedelta(days=2)}
        for days in (asked, inner) if inner["p_from"] <= inner["p_to"] else (asked,):
            answer = self.sql.as_user(self.boss, "admin_get_top", **days, p_limit=200)
            told = [(self.sql.wallet(uuid.UUID(u["user_id"])), u["uses"], u["credits"]) for u in answer["users"]]
            assert told == rows.top("wallet_id", days["p_from"], days["p_to"])
            models = [(one["model"], one["uses"], one["credits"]) for one in answer["models"]]
            assert models == rows.top("model_id", days["p_from"], days["p_to"])


def _cohort(row: Json) -> Json:
    nets = {m["month"]: [(one["currency"], one["net_cents"]) for one in m["revenue"]] for m in row["months"]}
    return row["users"], {m["month"]: (m["buyers"], nets[m["month"]]) for m in row["months"]}


def _same(told: Json, expected: Json, where: str) -> None:
    queue = {name: pytest.approx(value, abs=0.002) for name, value in expected["queue"].items() if value is not None}
    assert told == {**expected, "queue": expected["queue"] | queue}, where


@contextmanager
def history(connect: Callable[[], Sql], seed: int) -> Iterator[History]:
    """A history whose late transaction ends with it."""
    told = History(connect, seed)
    yield told
    told.end_late()
