"""Two at once: one waits and says so, and nothing is applied twice."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from scripts.migrate import up
from scripts.migrations import lock
from scripts.migrations.connection import connect
from scripts.migrations.errors import MigrationError
from scripts.migrations.up import Options
from tests.scripts.conftest import Checkout


def test_of_two_runs_one_waits_and_says_so(bare: str, checkout: Checkout) -> None:
    """Five deploys start together: each file is applied once, by one of them."""
    for number in range(3):
        text = f"select pg_sleep(0.2); create table public.t{number} (id int);"
        checkout.migration(f"2026010{number + 1}000000_t{number}.sql", text)
    said: list[str] = []
    with ThreadPoolExecutor(5) as pool:
        runs = [pool.submit(up, bare, checkout.folder, Options(), said.append) for _ in range(5)]
        applied = [name for run in runs for name in run.result().applied]
    assert sorted(applied) == [f"2026010{number + 1}000000_t{number}.sql" for number in range(3)]
    assert any("Another migrate is at work on this database (server process" in line for line in said)


def test_waiting_ends(bare: str, checkout: Checkout) -> None:
    """A run that hangs must not hang every later deploy."""
    with connect(bare) as other, lock.exclusive(other, 1, print):
        with pytest.raises(MigrationError, match=r"Another migrate held the database for 0 s \(server process"):
            up(bare, checkout.folder, Options(wait_seconds=0.3), lambda _: None)
    assert up(bare, checkout.folder, Options(wait_seconds=0), lambda _: None).applied == []


def test_a_waiting_run_does_not_block_a_concurrent_index(bare: str, checkout: Checkout) -> None:
    """Waiting inside pg_advisory_lock() would hold a snapshot that `create index concurrently` waits for, for ever."""
    checkout.migration("20260101000000_a.sql", "create table public.a (id int);")
    checkout.migration("20260102000000_b.sql", "select pg_sleep(0.5);")
    checkout.migration("20260103000000_c.sql", "-- no transaction\ncreate index concurrently a_id on public.a (id);")
    started = time.monotonic()
    threads = [
        threading.Thread(target=up, args=(bare, checkout.folder, Options(), lambda _: None), daemon=True) for _ in "12"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads) and time.monotonic() - started < 20
    with psycopg.connect(bare) as connection:
        row = connection.execute(
            "select indisvalid from pg_index where indexrelid = 'public.a_id'::regclass"
        ).fetchone()
        assert row == (True,)


def test_a_lock_that_got_lost_stops_the_run(bare: str) -> None:
    """Behind a transaction pooler the next statement may run in another session, which holds no lock."""
    with connect(bare) as connection:
        with pytest.raises(MigrationError, match="transaction pooler"):
            lock.assert_held(connection)
        with lock.exclusive(connection, 1, print):
            lock.assert_held(connection)


def test_the_lock_goes_with_a_run_that_fails(bare: str, checkout: Checkout) -> None:
    """Or the next run would wait for nobody."""
    path = checkout.migration("20260101000000_a.sql", "select 1/0;")
    with pytest.raises(MigrationError, match="22012"):
        up(bare, checkout.folder, Options(), lambda _: None)
    path.write_text("select 1;")
    assert up(bare, checkout.folder, Options(wait_seconds=0), lambda _: None).applied == ["20260101000000_a.sql"]


def test_somebody_else_applying_the_same_file_is_told_apart(bare: str, checkout: Checkout) -> None:
    """`supabase db push` takes no lock: if it wins, our transaction fails as a whole and says why."""
    checkout.migration("20260101000000_a.sql", "select 1;")
    up(bare, checkout.folder, Options(), lambda _: None)
    checkout.migration(
        "20260102000000_b.sql",
        "insert into supabase_migrations.schema_migrations (version) values ('20260102000000');",  # as the other did
    )
    with pytest.raises(MigrationError, match="somebody else applied it"):
        up(bare, checkout.folder, Options(), lambda _: None)
