"""The books after the storm: each line is a figure, what it must be, and what was found."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg

from scripts.storms.blows import KINDS
from scripts.storms.users import Weather
from scripts.storms.wishes import Wish

# Each counts what must not be. They read the tables as their owner, not through what they are to prove.
NEVER: dict[str, LiteralString] = {
    "generations without an end": "select count(*) from public.generations where finished_at is null",
    "ended more than once": """
        select count(*) from (
          select generation_id from storm.history where status in ('succeeded', 'failed', 'canceled')
          group by 1 having count(*) > 1) x""",
    "reservations still held": "select count(*) from public.credit_reservations where status = 'held'",
    "reservations charged twice": """
        select count(*) from (
          select reservation_id from public.credit_transactions where kind = 'usage' and reservation_id is not null
          group by 1 having count(*) > 1) x""",
    "charged without success, or success not charged": """
        select count(*) from public.generations g join public.credit_reservations r on r.id = g.reservation_id
        where (g.status = 'succeeded') <> (r.status = 'confirmed')
          or (g.status = 'succeeded' and g.credits_charged <> g.credits_reserved)
          or (g.status <> 'succeeded' and g.credits_charged <> 0)""",
    "credits held in wallets": "select coalesce(sum(abs(held)), 0) from public.wallets",
    "trial balance difference": "select abs(credits) from public.trial_balance() where account = 'difference'",
    "problems found by verify_ledger": """
        select count(*) from public.wallets w cross join lateral public.verify_ledger(w.id) p""",
    "outputs missing in storage": """
        select count(*) from public.generations g cross join lateral jsonb_array_elements(g.outputs) o
        where not exists (select from storage.objects s where s.name = o ->> 'path')""",
    "items of a batch charged twice": """
        select count(*) from (
          select batch_id, batch_index from public.generations where batch_id is not null and status = 'succeeded'
          group by 1, 2 having count(*) > 1) x""",
    "successes without outputs": """
        select count(*) from public.generations where status = 'succeeded' and outputs = '[]'""",
}
ROWS = """
select g.id::text, coalesce(g.batch_id, g.id)::text, g.user_id::text, coalesce(b.idempotency_key, r.idempotency_key),
  g.status, g.model_id, g.params, g.error_code, g.attempt, coalesce(g.batch_index, 0)
from public.generations g join public.credit_reservations r on r.id = g.reservation_id
  left join public.batches b on b.id = g.batch_id
order by g.created_at"""


@dataclass(frozen=True)
class Finding:
    """One line of the audit."""

    name: str
    found: object
    wanted: object

    @property
    def sound(self) -> bool:
        return self.found == self.wanted


@dataclass(frozen=True)
class Row:
    """What the audit needs to know of a generation."""

    id: str
    answered: str
    user_id: str
    key: str
    status: str
    model: str
    params: Mapping[str, Any]
    error: str | None
    attempt: int
    item: int


def rows_of(connection: psycopg.Connection[Any]) -> list[Row]:
    """Return every generation, oldest first."""
    return [Row(*row) for row in connection.execute(ROWS.encode()).fetchall()]


def audit(
    connection: psycopg.Connection[Any],
    rows: list[Row],
    wishes: Mapping[str, list[Wish]],
    granted: Mapping[str, int],
    prices: Mapping[str, int],
) -> list[Finding]:
    """Return every finding about credits and requests; `wishes` and `granted` are by user, `prices` by price_key."""
    findings = [Finding(name, int(_one(connection, query)), 0) for name, query in NEVER.items()]
    charged = int(
        _one(connection, "select coalesce(-sum(amount), 0) from public.credit_transactions where kind = 'usage'")
    )
    succeeded = [row for row in rows if row.status == "succeeded"]
    findings.append(Finding("credits charged = prices of the succeeded", charged, _price(succeeded, prices)))
    balances = dict(connection.execute("select user_id::text, balance from public.wallets").fetchall())
    expected = {
        user: credits - _price((row for row in succeeded if row.user_id == user), prices)
        for user, credits in granted.items()
    }
    wrong = [user for user, credits in expected.items() if balances.get(user) != credits]
    findings.append(Finding("wallets that differ from what their user was given and delivered", len(wrong), 0))
    return findings + _requests(rows, [wish for plan in wishes.values() for wish in plan])


def _requests(rows: list[Row], wishes: list[Wish]) -> list[Finding]:
    tries = Counter((row.answered, row.item) for row in rows)
    made = Counter(answered for answered, _ in tries)
    allowed = {wish.id: 1 + wish.retries for wish in wishes}
    often = sum(count > allowed.get(answered, 1) for (answered, _), count in tries.items())
    per_key: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in rows:
        per_key[row.user_id, row.key].add(row.answered)
    answered = {wish.id: len(wish.items) for wish in wishes if wish.id}
    refused = [wish for wish in wishes if wish.refused]
    odd = Counter(refusal for wish in refused for refusal in wish.refused if refusal != "402 insufficient_credits")
    return [
        Finding("answered 202 without all their rows", sum(made[one] != size for one, size in answered.items()), 0),
        Finding("items tried more often than asked", often, 0),
        Finding("keys with more than one outcome", sum(len(found) > 1 for found in per_key.values()), 0),
        Finding("keys with two different answers", sum(wish.contradicted for wish in wishes), 0),
        Finding("requests that never got an answer", sum(not wish.id and not wish.refused for wish in wishes), 0),
        Finding("refused for another reason than credits", dict(odd), {}),
        Finding("rows that nobody was answered", len(made.keys() - answered.keys()), 0),
    ]


def weather_findings(weather: Weather, dealt: Mapping[str, int] | None) -> list[Finding]:
    """Return what is to be said about the storm itself; `dealt` is None when there was none."""
    findings = [Finding("answers 500", weather.met["500"], 0)]
    if dealt is not None:
        missing = sorted(set(KINDS) - {kind for kind, count in dealt.items() if count})
        findings.append(Finding("kinds of blow never dealt", missing, []))
    return findings


def price_key(model: str, params: Mapping[str, Any]) -> str:
    """Name what has one price."""
    return f"{model} {sorted(params.items())}"


def _price(rows: Iterable[Row], prices: Mapping[str, int]) -> int:
    return sum(prices[price_key(row.model, row.params)] for row in rows)


def _one(connection: psycopg.Connection[Any], query: LiteralString) -> Any:
    row = connection.execute(query).fetchone()
    return row[0] if row else None
