"""Statistics counted a second time, by other means: from all raw rows, as docs/statistics.md says, one at a time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from math import ceil, inf
from typing import Any

from psycopg.rows import namedtuple_row

from tests.factories import Json, Sql

LEDGER = """
    select t.*, (t.created_at at time zone 'utc')::date as day, g.model_id
    from credit_transactions t left join generations g on g.reservation_id = t.reservation_id
"""
ENDED = """
    select g.*, (g.finished_at at time zone 'utc')::date as day,
      extract(epoch from g.started_at - g.created_at) as waited
    from generations g where g.status in ('succeeded', 'failed', 'canceled')
"""
STEPS = """
    select h.*, (h.created_at at time zone 'utc')::date as day, p.currency, p.wallet_id, p.charged_cents as charged
    from private.payment_history h join payments p on p.id = h.payment_id order by h.id
"""
COLUMNS = {
    "sold": lambda t: t.amount if t.kind == "grant" and t.contra in ("purchases", "subscriptions") else 0,
    "granted": lambda t: t.amount if t.kind == "grant" and t.contra not in ("purchases", "subscriptions") else 0,
    "adjusted": lambda t: t.amount if t.kind == "adjustment" else 0,
    "used": lambda t: -t.amount if t.kind == "usage" else 0,
    "refunded": lambda t: t.amount if t.kind == "refund" else 0,
    "expired": lambda t: -t.amount if t.kind == "expiry" else 0,
    "reversed": lambda t: -t.amount if t.kind in ("clawback", "reinstatement") else 0,
    "gifted": lambda t: t.amount if t.kind.startswith("gift_") else 0,
    "absorbed": lambda t: t.absorbed,
    "change": lambda t: t.amount,
}
OUTCOMES = ("succeeded", "failed", "canceled")
BOUNDS = (0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)
OF_MODELS = ("used", "refunded", "absorbed")


@dataclass(frozen=True)
class Money:
    """What one step of a payment changed."""

    day: date
    currency: str
    wallet: Any
    payments: int
    charged: int
    refunded: int
    disputed: int

    @property
    def net(self) -> int:
        return self.charged - self.refunded - self.disputed


@dataclass(frozen=True)
class Raw:
    """Every raw row."""

    ledger: list[Any]
    ended: list[Any]
    money: list[Money]

    def chart(self, by: str, *, model: str | None = None) -> dict[str, Json]:
        """What each row of a chart must say, and the total under the empty name."""
        keys = {row.day for row in (*self.ledger, *self.ended, *self.money)}
        name: Callable[[Any], str] = {
            "day": lambda row: row.day.isoformat(),
            "month": lambda row: row.day.isoformat()[:7],
            "model": lambda row: row.model_id,
        }[by]
        found: dict[str, Json] = {"": self._figures(lambda row: True, by, model)}
        if by == "model":
            names = {row.model_id for row in (*self.ledger, *self.ended)} - {None}
        else:
            names = {name(row) for row in (*self.ledger, *self.ended, *self.money)}
        assert keys
        for one in names:
            found[one] = self._figures(lambda row, one=one: name(row) == one, by, model)
            if by != "model" and not model:
                users = {row.wallet_id for row in self.ledger if row.kind == "usage" and name(row) == one}
                found[one]["active_users"] = len(users)
        return found

    def _figures(self, here: Callable[[Any], bool], by: str, model: str | None) -> Json:
        narrow = by == "model" or model is not None
        ledger = [row for row in self.ledger if (not narrow or row.model_id) and (not model or row.model_id == model)]
        ledger = [row for row in ledger if here(row)]
        ended = [row for row in self.ended if (not model or row.model_id == model) and here(row)]
        cost = sum(row.cost_micros or 0 for row in ended)
        figures: Json = {
            "credits": {
                column: sum(value(row) for row in ledger)
                for column, value in COLUMNS.items()
                if not narrow or column in OF_MODELS
            },
            "generations": {state: sum(row.status == state for row in ended) for state in OUTCOMES},
            "cost_micros": cost,
            "unknown_costs": sum(row.status == "succeeded" and row.cost_micros is None for row in ended),
            "queue": _queue([row.waited for row in ended if row.waited is not None]),
        }
        if not narrow:
            moved = [one for one in self.money if here(one)]
            figures["revenue"] = [_revenue(c, moved) for c in sorted({one.currency for one in moved})]
            usd = all(one.currency == "usd" for one in moved)
            figures["margin_micros"] = sum(one.net for one in moved) * 10000 - cost if usd else None
        return figures

    def top(self, what: str, since: date, until: date) -> list[tuple[Any, int, int]]:
        """(wallet or model, uses, credits), most credits first."""
        uses: Counter[Any] = Counter()
        credits: Counter[Any] = Counter()
        for row in self.ledger:
            name = getattr(row, what)
            if name and row.kind == "usage" and since <= row.day <= until:
                uses[name] += 1
                credits[name] -= row.amount
        return sorted(((one, uses[one], credits[one]) for one in uses), key=lambda one: (-one[2], -one[1], one[0]))

    def cohorts(self) -> dict[str, Json]:
        """Month of the first payment: how many, and per later month and currency who paid what."""
        bought: dict[Any, Counter[str]] = defaultdict(Counter)
        for one in self.money:
            bought[one.wallet][one.day.isoformat()[:7]] += one.payments
        paid = {w: [month for month, n in months.items() if n > 0] for w, months in bought.items()}
        first = {w: min(months) for w, months in paid.items() if months}
        found: dict[str, Json] = {}
        for cohort in set(first.values()):
            months: dict[str, list[Money]] = defaultdict(list)
            for one in self.money:
                if first.get(one.wallet) == cohort:
                    months[one.day.isoformat()[:7]].append(one)
            rows = {}
            for month, moved in months.items():
                net: Counter[str] = Counter()
                for one in moved:
                    net[one.currency] += one.net
                rows[month] = (sum(bought[w][month] > 0 for w in {one.wallet for one in moved}), sorted(net.items()))
            found[cohort] = (sum(month == cohort for month in first.values()), rows)
        return found


def raw(sql: Sql) -> Raw:
    """Read everything."""
    with sql.connection.cursor(row_factory=namedtuple_row) as cursor:
        ledger, ended, steps = (cursor.execute(query).fetchall() for query in (LEDGER, ENDED, STEPS))  # type: ignore[arg-type]
    return Raw(ledger, ended, list(_money(steps)))


def _money(steps: Iterable[Any]) -> Iterable[Money]:
    before: dict[Any, tuple[int, int, int, int]] = defaultdict(lambda: (0, 0, 0, 0))
    for step in steps:
        paid = step.status == "paid"
        charged = step.charged_cents if step.charged_cents is not None else step.charged
        now = (1, charged, step.refunded_cents, step.disputed_cents) if paid else (0, 0, 0, 0)
        moved = [a - b for a, b in zip(now, before[step.payment_id], strict=True)]
        before[step.payment_id] = now
        if any(moved):
            yield Money(step.day, step.currency, step.wallet_id, *moved)


def _revenue(currency: str, moved: list[Money]) -> Json:
    mine = [one for one in moved if one.currency == currency]
    return {
        "currency": currency,
        "payments": sum(one.payments for one in mine),
        "charged_cents": sum(one.charged for one in mine),
        "refunded_cents": sum(one.refunded for one in mine),
        "disputed_cents": sum(one.disputed for one in mine),
        "net_cents": sum(one.net for one in mine),
    }


def _queue(waits: list[Any]) -> Json:
    if not waits:
        return {"started": 0} | dict.fromkeys(f"{what}_seconds" for what in ("average", "p50", "p95", "longest"))
    return {
        "started": len(waits),
        "average_seconds": float(sum(waits) / len(waits)),
        "p50_seconds": _percentile(waits, 0.5),
        "p95_seconds": _percentile(waits, 0.95),
        "longest_seconds": float(max(waits)),
    }


def _percentile(waits: list[Any], share: float) -> float:
    """The end of the bucket in which it lies, at most the longest wait."""
    value = sorted(waits)[ceil(share * len(waits)) - 1]
    return min(float(max(waits)), next(bound for bound in (*BOUNDS, inf) if value < bound))
