"""What the random histories stand on: three connections, a clock that only the test moves, and the comparison."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import psycopg
from hypothesis.stateful import RuleBasedStateMachine, invariant

from tests.factories import Json, Sql
from tests.sql.books import DEBT_LIMIT, NEVER, Hold, Refused, Wallet
from tests.sql.works import HOLD_SECONDS, MAX_ATTEMPTS, SLOTS, Work

T = TypeVar("T")
TICK = 1  # millisecond
POLICIES = ("collect", "debt", "absorb")
SETUP = f"""
    create table private.test_clock (milliseconds bigint not null);
    insert into private.test_clock values (0);
    update private.settings set debt_limit = {DEBT_LIMIT}, user_concurrency = {SLOTS},
      gift_daily_credits = 1000000, gift_daily_count = 1000000;
    create or replace function private.clock() returns timestamptz language sql stable set search_path = '' as
      $$ select timestamptz 'epoch' + c.milliseconds * interval '1 millisecond' from private.test_clock c $$;
"""
MODEL = """
    insert into models (id, provider, kind, title, base_credits, unit, unit_credits, max_credits, max_attempts,
      hold_seconds, late_settle, params_schema)
    values ('test/' || %(policy)s, 'local', 'image', 'Test', 0, 'images', 2, 100, %(attempts)s, %(hold)s, %(policy)s,
      '{"type": "object", "properties": {"num_images": {"type": "integer", "minimum": 1, "maximum": 4}}}')
"""
LOOK = """
    select private.credit_figures(w),
      w.balance = (select sum(t.amount) from credit_transactions t where t.wallet_id = w.id)
      and w.held = (select coalesce(sum(r.amount), 0) from credit_reservations r
                    where r.wallet_id = w.id and r.status = 'held')
      and greatest(0, w.balance - w.held) = (select coalesce(sum(g.remaining), 0) from credit_grants g
                                             where g.wallet_id = w.id and g.open),
      (select count(*) from generations g where g.user_id = w.user_id and g.dispatch_at = 'infinity')
    from unnest(%s::uuid[]) with ordinality as u (id, n) join wallets w on w.user_id = u.id order by u.n
"""


class Direct(Sql):
    """Calls operations as their owner, in one round trip; who may call what is tested elsewhere."""

    def _call(self, role: str, claims: Json, function: str, arguments: Json) -> list[Json]:
        sub = claims.get("sub")
        if sub:
            self.connection.execute("select set_config('request.jwt.claims', %s, false)", [json.dumps({"sub": sub})])
        return [row[0] for row in self.connection.execute(*self.statement(function, arguments)).fetchall()]


class Comparison(RuleBasedStateMachine):
    """Two users in the database, the same two in the model, and the rule that both must always agree."""

    url: ClassVar[str]
    pool: ClassVar[list[Sql]]
    moment: ClassVar[int]

    @classmethod
    def use(cls, url: str, pool: list[Sql]) -> None:
        """Prepare a database for any number of histories; its time only goes forward."""
        cls.url, cls.pool, Comparison.moment = url, pool, 0
        pool[0].connection.execute(SETUP)
        for policy in POLICIES:
            values = {"policy": policy, "attempts": MAX_ATTEMPTS, "hold": HOLD_SECONDS}
            pool[0].connection.execute(MODEL, values)

    def __init__(self) -> None:
        """Two users with 20 credits that last and 6 that soon expire."""
        super().__init__()
        self.users = [self.pool[0].new_user(credits=20) for _ in range(2)]
        confirm = "update auth.users set email_confirmed_at = now() where id = any(%s)"
        self.pool[0].connection.execute(confirm, [self.users])
        self.wallets = [Wallet(now=Comparison.moment) for _ in self.users]
        for wallet in self.wallets:
            wallet.grant(20, paid=True, ends=NEVER)
        self.tick()
        for user, wallet in zip(self.users, self.wallets, strict=True):
            row = self.pool[0].grant(user, 6, source="promotion", lasts=50)
            wallet.grant(6, paid=False, ends=Comparison.moment + 50_000).id = row["lots"][0]["grant_id"]
        self.lines: list[list[Work]] = [[] for _ in self.users]

    def tick(self, duration: int = TICK) -> None:
        """Let milliseconds pass, for the database and for the model."""
        Comparison.moment += duration
        self.pool[0].connection.execute("update private.test_clock set milliseconds = %s", [Comparison.moment])
        for wallet in self.wallets:
            wallet.pass_time(Comparison.moment)

    def run(
        self, fate: str, at: int, call: Callable[[Sql], Json], predict: Callable[[], Any], read: Callable[[Json], Any]
    ) -> Json:
        """Call once, twice, or after a try that died before its commit; every answer must be the predicted one.

        Returns the answer, None when the operation was refused as predicted.
        """
        if fate == "dies first":
            doomed = psycopg.connect(self.url)
            doomed.execute("select 1")
            self.attempt(call, Direct(doomed))
            doomed.rollback()  # what the server does when a client is gone, without waiting for it to notice
            doomed.close()
            self.figures_are_as_predicted()
        answer = None
        for _ in range(2 if fate == "twice" else 1):
            self.tick()
            try:
                expected = predict()
            except Refused as refusal:
                expected = str(refusal)
            refused, answer = self.attempt(call, self.pool[at])
            assert (refused or read(answer)) == expected
        return answer

    def keyed(
        self, fate: str, at: int, call: Callable[..., Json], request: Json, other: Json, make: Callable[[], T],
        expect: Callable[[T], Any], read: Callable[[Json], Any],
    ) -> tuple[T, Json] | None:  # fmt: skip
        """Run an operation under a new key: it has its effect once, and another request under the key is refused."""
        request = {**request, "p_idempotency_key": uuid.uuid4().hex}
        made: list[T] = []

        def predict() -> Any:
            if not made:
                made.append(make())
            return expect(made[0])

        answer = self.run(fate, at, lambda sql: call(sql, **request), predict, read)
        if answer is None:
            return None
        if fate == "twice":
            refused, _ = self.attempt(lambda sql: call(sql, **(request | other)), self.pool[at])
            assert refused == "idempotency_key_reused"
        return made[0], answer

    @staticmethod
    def attempt(call: Callable[[Sql], Json], sql: Sql) -> tuple[str | None, Json]:
        """(code, None) when it was refused, (None, answer) when not."""
        try:
            return None, call(sql)
        except psycopg.Error as error:
            assert (error.sqlstate or "").startswith("PT4"), f"{error.sqlstate}: {error}"
            return error.diag.message_primary, None

    def find_usage(self, hold: Hold) -> None:
        """Learn the id of the ledger row that a settle wrote."""
        if hold.usage and hold.usage.id is None:
            query = "select id from credit_transactions where reservation_id = %s and kind = 'usage'"
            hold.usage.id = self.pool[0].one(query, hold.id)

    @invariant()
    def figures_are_as_predicted(self) -> None:
        """What users read, and the sums that must agree, after each step."""
        found = self.pool[1].connection.execute(LOOK, [self.users]).fetchall()
        for (shown, sums_agree, waiting), wallet, line in zip(found, self.wallets, self.lines, strict=True):
            predicted = (wallet.balance, wallet.held, wallet.available)
            assert (shown["balance"], shown["held"], shown["available"]) == predicted
            assert [entry["credits"] for entry in shown["expiring"]] == wallet.expiring()
            assert sums_agree
            assert waiting == sum(work.waiting for work in line)

    def lose_workers(self) -> list[str]:
        """What a sweep makes of the attempts whose lease has run out."""
        works = [work for line in self.lines for work in line]
        lost = [work for work in works if work.status == "running" and work.lease_ends <= self.moment]
        return sorted(work.lose() for work in lost)

    def teardown(self) -> None:
        """In the end every lot holds what the model says, every row proves itself, and the books balance."""
        self.tick(1_000_000)
        self.lose_workers()
        for sweep in ("sweep_generations", "sweep_credits"):
            self.pool[0].as_service(sweep)
        self.figures_are_as_predicted()
        for user, wallet in zip(self.users, self.wallets, strict=True):
            wallet_id = self.pool[0].wallet(user)
            query = "select id::text, remaining from credit_grants where wallet_id = %s"
            left = dict(self.pool[0].connection.execute(query, [wallet_id]).fetchall())
            named = {lot.id: lot.left for lot in wallet.lots if lot.id}
            assert named == {lot_id: left[lot_id] for lot_id in named}
            assert self.pool[0].problems(wallet_id) == []
        assert self.pool[0].trial_balance()[-1]["credits"] == 0
