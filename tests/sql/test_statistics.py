"""Statistics, case by case: what is late, what comes twice, what breaks in the middle, and what a chart costs."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from tests.factories import Json, Sql
from tests.sql import payments
from tests.sql.conftest import refused
from tests.sql.staff import staff

MANY = """
    insert into credit_transactions (
      wallet_id, kind, amount, balance_after, contra, lots, actor, prev_hash, hash, created_at)
    select %s, 'grant', 1, 1, 'promotions', '[]', 'test', '', '', timestamptz '2024-01-01Z' + n * interval '5 minutes'
    from generate_series(1, %s) n
"""


def roll_up(sql: Sql, *, times: int = 1) -> None:
    """Roll up all there is, so and so often, some minutes apart."""
    for _ in range(times):
        sql.move_time(180)
        while sql.as_service("roll_up_statistics")["more"]:
            pass


def end(sql: Sql, user: uuid.UUID) -> Json:
    """A generation that succeeds."""
    claim = sql.claim(sql.generate(user))
    fence = {"p_generation_id": claim["id"], "p_attempt": claim["attempt"]}
    return sql.as_service("complete_generation", **fence, p_outputs=[])


def held(sql: Sql) -> tuple[int, int, int]:
    """What the roll-ups hold: ledger rows, generations, users of days."""
    query = """
        select (select coalesce(sum(entries), 0) from private.daily_credits),
          (select coalesce(sum(generations), 0) from private.daily_generations),
          (select coalesce(sum(wallets), 0) from private.active_counts where period = 'day')
    """
    return tuple(int(n) for n in sql.connection.execute(query).fetchone() or ())  # type: ignore[return-value]


def told(sql: Sql, **asked: Any) -> Json:
    """The total of the last 30 days, as support staff sees it."""
    return sql.as_user(staff(sql, "support"), "admin_get_statistics", **asked)["total"]


def rows(sql: Sql) -> int:
    """Ledger rows that can be seen."""
    return int(sql.one("select count(*) from credit_transactions"))


@pytest.mark.parametrize("ending", ["commit", "rollback"])
def test_what_a_late_transaction_wrote_is_counted_when_it_shows(connect: Callable[[], Sql], ending: str) -> None:
    """It has its ids and times long before others that are rolled up meanwhile; if it fails, its ids are forgotten."""
    sql, slow = connect(), connect()
    alice, bob = sql.new_user(credits=50), sql.new_user(credits=50)
    slow.connection.execute("begin")
    end(slow, bob)
    end(sql, alice)
    roll_up(sql, times=4)
    assert held(sql) == (rows(sql), 0, 1), "generations wait, since one may still come that ended before"
    assert told(sql)["generations"]["succeeded"] == 1
    slow.connection.execute(ending.encode())
    many = 2 if ending == "commit" else 1
    assert (told(sql)["generations"]["succeeded"], told(sql)["credits"]["used"]) == (many, 4 * many)
    roll_up(sql, times=3)
    assert held(sql) == (rows(sql), many, many)
    uncounted = "select ledger_uncounted = int8multirange(int8range(%s + 1, null)) from private.statistics_cursor"
    assert sql.one(uncounted, sql.one("select max(id) from credit_transactions"))


def test_a_roll_up_within_a_longer_transaction_is_no_mark(connect: Callable[[], Sql]) -> None:
    """Its number is older than others that are still open: that it is over says nothing of them."""
    sql, slow, longer = connect(), connect(), connect()
    bob = sql.new_user(credits=50)
    longer.connection.execute("begin")
    longer.connection.execute("select pg_current_xact_id()")
    slow.connection.execute("begin")
    end(slow, bob)
    sql.move_time(180)
    longer.as_service("roll_up_statistics")
    longer.connection.execute("commit")
    roll_up(sql, times=3)
    slow.connection.execute("commit")
    roll_up(sql, times=3)
    assert held(sql) == (rows(sql), 1, 1)


def test_a_roll_up_that_dies_has_done_nothing(connect: Callable[[], Sql]) -> None:
    """Killed before its commit: the sums and the list of what they hold go back together."""
    sql, dying = connect(), connect()
    end(sql, sql.new_user(credits=50))
    roll_up(sql)
    before = held(sql)
    end(sql, sql.new_user(credits=50))
    dying.connection.execute("begin")
    dying.as_service("roll_up_statistics")
    dying.connection.execute("rollback")
    assert held(sql) == before
    roll_up(sql, times=3)
    assert held(sql) == (rows(sql), 2, 2)


def test_roll_ups_at_once_count_everything_once(connect: Callable[[], Sql]) -> None:
    """Two schedulers that both think they lead, while somebody works."""
    sql = connect()
    alice = sql.new_user(credits=200)
    done = threading.Event()

    def run(own: Sql) -> None:
        while not done.is_set():
            own.as_service("roll_up_statistics", p_limit=3)

    threads = [threading.Thread(target=run, args=[connect()]) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(25):
        end(sql, alice)
    done.set()
    for thread in threads:
        thread.join()
    roll_up(sql, times=3)
    assert held(sql) == (rows(sql), 25, 1)


def test_a_cost_that_is_learned_late_counts_on_the_day_of_its_generation(connect: Callable[[], Sql]) -> None:
    """Also while a roll-up waits to count that very generation."""
    sql, late = connect(), connect()
    sql.connection.execute(
        "insert into models (id, provider, kind, title, base_credits, max_credits, cost_base_micros, cost_unit_micros)"
        " values ('test/dear', 'fal', 'image', 'Dear', 1, 9, 900, 0)"
    )
    alice = sql.new_user(credits=50)
    bill = {"p_provider": "fal", "p_attempt": 1, "p_status": "ok", "p_payload": {}}
    ids = []
    for _ in range(2):
        claim = sql.claim(sql.generate(alice, model="test/dear"))
        fence = {"p_generation_id": claim["id"], "p_attempt": 1, "p_error_code": "timeout", "p_error_message": ""}
        sql.as_service("fail_generation", **fence, p_retryable=False)
        ids.append(claim["id"])
    roll_up(sql)
    sql.move_time(300)
    late.connection.execute("begin")
    late.as_service("receive_provider_result", **bill, p_request_id="a", p_generation_id=ids[0])
    counting = threading.Thread(target=lambda own: roll_up(own, times=3), args=[connect()])
    counting.start()
    counting.join(0.5)
    assert counting.is_alive(), "it waits for what was learned, or it would miss it"
    late.connection.execute("commit")
    counting.join()
    assert sql.one("select sum(cost_micros) from private.daily_generations") == 900
    sql.move_time(9 * 86_400)
    sql.as_service("receive_provider_result", **bill, p_request_id="b", p_generation_id=ids[1])
    assert told(sql)["cost_micros"] == 1800
    assert sql.one("select count(*) from private.daily_generations where cost_micros > 0") == 1


def test_a_restored_database_goes_on(connect: Callable[[], Sql]) -> None:
    """Elsewhere transactions are counted anew: a mark of the old ones is never waited for."""
    sql = connect()
    alice = sql.new_user(credits=50)
    roll_up(sql, times=2)
    sql.connection.execute("update private.statistics_cursor set mark_xid = '4000000000000'")
    end(sql, alice)
    roll_up(sql, times=3)
    assert held(sql) == (rows(sql), 1, 1)


def test_money_counts_when_we_learn_of_it(connect: Callable[[], Sql]) -> None:
    """The sale on its day, the refund on a later one; a failed refund comes back; margin is told of dollars only."""
    sql = connect()
    alice, first = sql.new_user(), sql.one("select (private.clock() at time zone 'utc')::date")
    payment = payments.buy(sql, alice)
    sql.move_time(3 * 86_400)
    payments.apply(sql, payment, refunded_cents=500)
    sql.move_time(86_400)
    payments.apply(sql, payment, refunded_cents=0, disputed_cents=100)
    boss = staff(sql, "support")
    last = sql.one("select (private.clock() at time zone 'utc')::date")

    def net() -> list[int]:
        data = sql.as_user(boss, "admin_get_statistics", p_from=first, p_to=last)["data"]
        return [one["revenue"][0]["net_cents"] if one["revenue"] else 0 for one in data]

    assert [cents for cents in net() if cents] == [1499, -500, 400]
    roll_up(sql, times=3)
    assert [cents for cents in net() if cents] == [1499, -500, 400]
    assert told(sql)["margin_micros"] == 1399 * 10_000
    sql.connection.execute("update private.daily_revenue set currency = 'eur' where refunded_cents > 0")
    assert told(sql)["margin_micros"] is None


def test_a_chart_reads_roll_ups_and_never_the_history(connect: Callable[[], Sql]) -> None:
    """Not one rolled up row is read for a year, its top or its cohorts; a roll-up reads what is new, not more."""
    sql = connect()
    alice = sql.new_user(credits=500)
    for _ in range(30):
        end(sql, alice)
        payments.buy(sql, alice)
    roll_up(sql, times=3)
    boss = staff(sql, "support")
    last = sql.one("select (private.clock() at time zone 'utc')::date")
    year = {"p_from": last - timedelta(days=365), "p_to": last}
    for name in ("admin_get_statistics", "admin_get_top", "admin_get_cohorts"):
        assert touched(sql, lambda name=name: sql.as_user(boss, name, **year)) == 0, name
    assert touched(sql, lambda: sql.as_service("roll_up_statistics")) == 0
    end(sql, alice)
    assert 0 < touched(sql, lambda: sql.as_service("roll_up_statistics")) <= 4


def touched(sql: Sql, act: Callable[[], Any]) -> int:
    """How many raw rows an act reads; a scan of a whole table reads all of them."""
    query = (
        "select coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0) from pg_stat_xact_user_tables"
        " where relname in ('credit_transactions', 'generations', 'payment_history', 'payments')"
    )
    with sql.connection.transaction():
        sql.connection.execute("set local enable_seqscan = off")  # tables this small are cheaper to read whole
        before = sql.one(query)
        act()
        return int(sql.one(query) - before)


def test_a_long_history_is_counted_in_portions_and_said_to_be_missing(connect: Callable[[], Sql]) -> None:
    """Until less is left than can be read along, answers hold what is counted so far and say that they lack some."""
    sql = connect()
    sql.connection.execute(MANY, [sql.wallet(sql.new_user()), 120_000])
    asked = {"p_from": date(2024, 1, 1), "p_to": date(2025, 1, 31)}
    boss = staff(sql, "support")
    seen = []
    for _ in range(13):
        answer = sql.as_user(boss, "admin_get_statistics", **asked)
        seen.append((answer["complete"], answer["total"]["credits"]["granted"]))
        sql.as_service("roll_up_statistics", p_limit=10_000)
    within = int(sql.one("select count(*) from credit_transactions where created_at < '2025-02-01Z'"))
    assert seen[:4] == [(False, 0), (False, 10_000), (False, 20_000), (True, within)]
    assert set(seen[3:]) == {(True, within)}


@pytest.mark.parametrize("limit", [0, 10_001, None])
def test_a_portion_is_bounded(sql: Sql, limit: int | None) -> None:
    """422 naming the field."""
    with refused(422, "invalid_params") as data:
        sql.as_service("roll_up_statistics", p_limit=limit)
    assert data == {"field": "limit"}


@pytest.mark.parametrize(
    ("since", "until"), [("2026-01-02", "2026-01-01"), ("2025-01-01", "2026-01-02"), (None, "2026-01-01")]
)
def test_days_are_recounted_within_bounds(sql: Sql, since: str | None, until: str) -> None:
    """422 naming the field."""
    with refused(422, "invalid_params") as data:
        sql.as_service("recount_generations", p_from=since, p_to=until)
    assert data == {"field": "from"}


@pytest.mark.parametrize(
    ("operation", "asked", "field"),
    [
        ("admin_get_statistics", {"p_by": "week"}, "by"),
        ("admin_get_statistics", {"p_by": None}, "by"),
        ("admin_get_statistics", {"p_to": "infinity"}, "to"),
        ("admin_get_statistics", {"p_from": "-infinity"}, "from"),
        ("admin_get_top", {"p_from": "infinity"}, "from"),
        ("admin_get_top", {"p_limit": 0}, "limit"),
        ("admin_get_cohorts", {"p_to": "infinity"}, "to"),
        ("admin_get_cohorts", {"p_from": "2020-01-01", "p_to": "2026-01-01"}, "from"),
    ],
)
def test_what_makes_no_sense_is_refused(sql: Sql, operation: str, asked: Json, field: str) -> None:
    """422 naming the field, also past our API."""
    with refused(422, "invalid_params") as data:
        sql.as_user(staff(sql, "support"), operation, **asked)
    assert data == {"field": field}


@pytest.mark.parametrize("operation", ["admin_get_statistics", "admin_get_top", "admin_get_cohorts"])
def test_statistics_are_for_staff(sql: Sql, operation: str) -> None:
    """The role in the table counts."""
    with refused(403, "forbidden"):
        sql.as_user(sql.new_user(), operation)


def test_it_tells_how_far_it_is_behind(connect: Callable[[], Sql]) -> None:
    """For metrics, alerts and the doctor."""
    sql = connect()
    roll_up(sql)
    sql.move_time(5000)
    for operation in ("get_metrics", "get_alert_facts"):
        assert 5000 <= sql.as_service(operation)["statistics_behind_seconds"] < 5060
    roll_up(sql)
    assert sql.as_service("get_metrics")["statistics_behind_seconds"] < 60
