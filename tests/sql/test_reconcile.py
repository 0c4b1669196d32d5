"""Looking over the books bit by bit: what moved is verified once, what is wrong is kept once."""

from __future__ import annotations

import uuid

from tests.factories import Json, Sql

OPEN = "select problem from private.ledger_problems where resolved_at is null order by problem"


def reconcile(sql: Sql) -> Json:
    """One look."""
    return sql.as_service("reconcile_wallets", p_limit=1000)


def open_problems(sql: Sql) -> list[str]:
    """The problems that are there now."""
    return [row[0] for row in sql.connection.execute(OPEN).fetchall()]


def tamper(sql: Sql, statement: str, *values: object) -> None:
    """Do what only somebody with the keys to the database can."""
    sql.connection.execute("alter table public.credit_transactions disable trigger ledger_is_append_only")
    sql.connection.execute(statement.encode(), values)
    sql.connection.execute("alter table public.credit_transactions enable trigger ledger_is_append_only")


def spend(sql: Sql, user: uuid.UUID, amount: int = 1) -> None:
    """Move a wallet."""
    sql.as_service("confirm_reservation", p_reservation_id=sql.reserve(user, amount)["id"])


def test_sound_wallets_are_found_sound_once(sql: Sql) -> None:
    """Every page of the ledger, also one row at a time; later looks begin where the last one ended."""
    user = sql.new_user(credits=10)
    spend(sql, user)
    page, seen = sql.as_service("reconcile_wallets", p_limit=1), 0
    while page["next"]:
        seen += page["rows"]
        page = sql.as_service("reconcile_wallets", p_after=page["next"], p_limit=1)
    assert seen >= 2 and open_problems(sql) == []
    assert reconcile(sql)["rows"] == seen, "young rows are looked at again"
    sql.move_time(121)
    reconcile(sql)
    assert reconcile(sql) == {"rows": 0, "wallets": 0, "found": 0, "next": None}
    spend(sql, user)
    assert reconcile(sql) == {"rows": 1, "wallets": 1, "found": 0, "next": None}


def test_a_row_that_turns_up_late_is_still_looked_at(sql: Sql) -> None:
    """Its transaction was open while rows with higher ids were visible already: the cursor stays behind young rows."""
    user = sql.new_user(credits=10)
    reconcile(sql)
    cursor = sql.one("select ledger_id from private.reconciliation")
    newest = sql.one("select max(id) from public.credit_transactions")
    assert cursor < newest
    assert sql.wallet(user) in {
        row[0] for row in sql.connection.execute("select wallet_id from private.reconciled_wallets").fetchall()
    }


def test_a_problem_is_kept_once_and_resolved_when_it_is_gone(sql: Sql) -> None:
    """A superuser gave himself credits; the wallet's next movement shows it, and it stays until it is mended."""
    user = sql.new_user(credits=10)
    reconcile(sql)
    tamper(sql, "update public.wallets set balance = balance + 5 where user_id = %s", user)
    spend(sql, user)
    assert reconcile(sql)["found"] == 3
    assert open_problems(sql) == ["balance_after_wrong", "balance_wrong", "lots_wrong"]
    sql.move_time(300)
    assert reconcile(sql)["found"] == 0
    assert len(open_problems(sql)) == 3, "nothing new moved, and it is still wrong"
    assert sql.as_service("get_alert_facts")["problems"]["open"] == 3
    tamper(sql, "update public.wallets set balance = balance - 5 where user_id = %s", user)
    reconcile(sql)
    assert open_problems(sql) == ["balance_after_wrong"], "the ledger's own row is not mended by that"


def test_changed_and_dropped_rows_show(sql: Sql) -> None:
    """Rows that were written since the last look."""
    changed, dropped, sound = (sql.new_user(credits=10) for _ in range(3))
    reconcile(sql)
    for user in (changed, dropped, sound):
        spend(sql, user)
    last = "(select max(id) from public.credit_transactions where wallet_id = %s)"
    tamper(sql, f"update public.credit_transactions set actor = 'x' where id = {last}", sql.wallet(changed))
    tamper(sql, f"delete from public.credit_transactions where id = {last}", sql.wallet(dropped))
    reconcile(sql)
    found = sql.connection.execute("select wallet_id, problem from private.ledger_problems order by 2").fetchall()
    assert (sql.wallet(changed), "row_changed") in found
    assert (sql.wallet(dropped), "last_row_missing") in found
    assert sql.wallet(sound) not in {wallet for wallet, _ in found}


def test_holds_that_nobody_will_settle_are_found(sql: Sql) -> None:
    """Their generation ended without them, or is gone; an ordinary hold is none."""
    user = sql.new_user(credits=20)
    sql.reserve(user, 1)
    ended, gone, _ = (sql.generate(user) for _ in range(3))
    assert sql.as_service("reconcile_holds") == {"found": 0}
    sql.connection.execute(
        "update public.generations set status = 'failed', dispatch_at = null, finished_at = now() where id = %s",
        [ended["id"]],
    )
    sql.connection.execute("delete from public.generations where id = %s", [gone["id"]])
    assert sql.as_service("reconcile_holds") == {"found": 2}
    assert sql.as_service("reconcile_holds") == {"found": 0}
    assert open_problems(sql) == ["hold_without_owner"] * 2
    sql.move_time(86_401)
    sql.as_service("reconcile_holds")
    assert open_problems(sql) == [], "they have given their credits back by themselves"


def test_books_that_differ_are_found(sql: Sql) -> None:
    """Both sides are summed."""
    user = sql.new_user(credits=10)
    assert sql.as_service("reconcile_books") == {"difference": 0, "found": 0}
    sql.connection.execute("update public.wallets set balance = balance + 5 where user_id = %s", [user])
    assert sql.as_service("reconcile_books") == {"difference": 5, "found": 1}
    assert open_problems(sql) == ["trial_balance"]


def test_only_new_rows_are_read(sql: Sql) -> None:
    """A wallet with 400 old rows: a look after one more movement reads a handful of ledger rows."""
    user = sql.new_user(credits=10)
    for _ in range(200):
        sql.grant(user, 1)
    reconcile(sql)
    sql.move_time(121)
    reconcile(sql)
    spend(sql, user)
    sql.connection.execute("analyze public.credit_transactions")
    sql.connection.execute("set local enable_seqscan = off")  # so few rows are read as quickly without an index
    read = (
        "select seq_tup_read + coalesce(idx_tup_fetch, 0) from pg_stat_xact_user_tables"
        " where relname = 'credit_transactions'"
    )
    before = sql.one(read)
    assert reconcile(sql)["wallets"] == 1
    assert sql.one(read) - before < 20


def notices(sql: Sql, user: uuid.UUID) -> list[Json]:
    """What a user was told."""
    query = "select data from public.notices where user_id = %s and kind = 'credits_expiring' order by id"
    return [row[0] for row in sql.connection.execute(query, [user]).fetchall()]


def test_a_lot_that_expires_soon_is_told_once(sql: Sql) -> None:
    """Seven days before; what is left of it counts, and what is spent, eternal or far away is not told."""
    user, day = sql.new_user(), 86_400.0
    for amount, lasts in ((5, 10 * day), (7, 30 * day), (9, None)):
        sql.grant(user, amount, lasts=lasts)
    sql.as_service("notify_expiring")
    assert notices(sql, user) == []
    sql.move_time(4 * day)
    spend(sql, user, 2)
    for _ in range(3):
        sql.as_service("notify_expiring")
    (told,) = notices(sql, user)
    assert told["credits"] == 3 and told["expires_at"].endswith("Z")
    sql.move_time(20 * day)
    sql.as_service("notify_expiring")
    assert [one["credits"] for one in notices(sql, user)] == [3, 7]


def test_lots_are_told_page_by_page(sql: Sql) -> None:
    """Three that expire at the same moment, one to a page."""
    user = sql.new_user()
    for _ in range(3):
        sql.grant(user, 2, lasts=3600.0)
    sql.connection.execute("update public.credit_grants set expires_at = now() + interval '1 hour' where open")
    page, pages = sql.as_service("notify_expiring", p_limit=1), 0
    while page["next"]:
        pages += 1
        page = sql.as_service(
            "notify_expiring", p_after=page["next"]["expires_at"], p_after_id=page["next"]["grant_id"], p_limit=1
        )
    assert pages >= 3 and len(notices(sql, user)) == 3


def test_nobody_is_told_when_it_is_switched_off(sql: Sql) -> None:
    """expiry_notice_days = 0."""
    user = sql.new_user()
    sql.grant(user, 2, lasts=3600.0)
    sql.connection.execute("update private.settings set expiry_notice_days = 0")
    assert sql.as_service("notify_expiring") == {"lots": 0, "next": None}
