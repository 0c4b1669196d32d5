"""`up` on a real database: what it applies, what it refuses, and that a failure leaves no trace."""

from __future__ import annotations

import psycopg
import pytest

from scripts.migrate import up
from scripts.migrations.errors import MigrationError
from scripts.migrations.up import Options
from tests.scripts.conftest import Checkout, Up


def versions(sql: psycopg.Connection) -> list[str]:
    rows = sql.execute("select version from supabase_migrations.schema_migrations order by version")
    return [row[0] for row in rows]


def exists(sql: psycopg.Connection, relation: str) -> bool:
    row = sql.execute("select to_regclass(%s) is not null", [relation]).fetchone()
    return bool(row and row[0])


def test_up_applies_pending_files_once(
    checkout: Checkout, run_up: Up, sql: psycopg.Connection, said: list[str]
) -> None:
    """The ordinary case, with the row that the Supabase CLI would have written."""
    checkout.migration(
        "20260101000000_one.sql", "-- first\ncreate table public.a (id int);\ncreate table public.b (id int);"
    )
    checkout.migration("20260102000000_two.sql", "alter table public.a add column x int;")
    assert run_up().applied == ["20260101000000_one.sql", "20260102000000_two.sql"]
    rows = sql.execute(
        "select version, name, statements from supabase_migrations.schema_migrations order by 1"
    ).fetchall()
    assert rows[0] == (
        "20260101000000",
        "one",
        ["-- first\ncreate table public.a (id int)", "create table public.b (id int)"],
    )
    assert run_up().applied == []
    assert said[-1] == "The database is up to date."


def test_a_failing_file_leaves_no_trace(checkout: Checkout, run_up: Up, sql: psycopg.Connection) -> None:
    """Files before it stay, nothing of it does, and after the mend it goes on from there."""
    checkout.migration("20260101000000_one.sql", "create table public.a (id int);")
    bad = checkout.migration(
        "20260102000000_two.sql", "create table public.b (id int);\ninsert into public.nowhere values (1);"
    )
    checkout.migration("20260103000000_three.sql", "create table public.c (id int);")
    with pytest.raises(MigrationError):
        run_up()
    assert versions(sql) == ["20260101000000"]
    assert (exists(sql, "public.b"), exists(sql, "public.c")) == (False, False)
    bad.write_text("create table public.b (id int);")
    assert len(run_up().applied) == 2


def test_an_error_names_file_line_state_message_and_hint(checkout: Checkout, run_up: Up) -> None:
    """Everything that the person at the terminal needs, in one message."""
    text = "create table public.a (id int);\n\n-- why\ninsert into public.a\n  values ('no number');\n"
    checkout.migration("20260101000000_one.sql", text)
    with pytest.raises(MigrationError) as failure:
        run_up()
    assert "20260101000000_one.sql:5: invalid input syntax for type integer" in failure.value.message
    assert "(SQLSTATE 22P02)" in failure.value.message
    assert "insert into public.a values" in failure.value.message
    checkout.migration(
        "20260101000000_one.sql", "create function pg_catalog.f() returns int language sql as 'select 1';"
    )
    checkout.migration("20260101000000_one.sql", "select lenght('x');")
    with pytest.raises(MigrationError) as failure:
        run_up()
    assert "SQLSTATE 42883" in failure.value.message and "type casts" in failure.value.mend


def test_each_file_starts_from_clean_settings(checkout: Checkout, run_up: Up, sql: psycopg.Connection) -> None:
    """What one file sets (role, search_path, time-outs) must not reach the next; no file waits long for a lock."""
    checkout.migration(
        "20260101000000_one.sql",
        "set lock_timeout = '9s'; set search_path = nowhere; set statement_timeout = '1h'; set role anon;",
    )
    settings = "current_setting('lock_timeout') a, current_setting('search_path') b, current_setting('role') c"
    checkout.migration("20260102000000_two.sql", f"create table public.seen as select {settings};")
    run_up()
    assert sql.execute("select a, b, c from public.seen").fetchone() == ("4s", '"$user", public, extensions', "none")


def test_a_busy_table_is_not_waited_for(checkout: Checkout, run_up: Up, sql: psycopg.Connection) -> None:
    """A migration that waits for a lock makes everybody queue behind it: it gives up and says so."""
    sql.execute("create table public.busy (id int)")
    checkout.migration(
        "20260101000000_one.sql", "set lock_timeout = '100ms';\nalter table public.busy add column x int;"
    )
    with sql.transaction():
        sql.execute("lock table public.busy in access share mode")
        with pytest.raises(MigrationError, match="55P03") as failure:
            run_up()
    assert "Another session held a lock" in failure.value.mend


def test_a_file_that_was_edited_after_it_was_applied_shows(
    checkout: Checkout, run_up: Up, sql: psycopg.Connection, said: list[str]
) -> None:
    """Refused until the old text is back, or the new one was accepted for what it is."""
    path = checkout.migration("20260101000000_one.sql", "create table public.a (id int);")
    run_up()
    path.write_text("create table public.a (id int); -- more")
    with pytest.raises(MigrationError, match=r"not what this database ran.*20260101000000_one"):
        run_up()
    run_up(accept_edited=True)
    assert "recorded     20260101000000_one.sql as it is now" in said
    assert run_up().applied == []


def test_a_row_without_text_is_trusted(checkout: Checkout, run_up: Up, sql: psycopg.Connection) -> None:
    """Old CLIs and `migration repair` may record a version alone: nothing to compare, and no reason to stop."""
    checkout.migration("20260101000000_one.sql", "create table public.a (id int);")
    run_up()
    sql.execute("update supabase_migrations.schema_migrations set statements = null")
    assert run_up().applied == []


def test_a_history_table_of_an_old_cli_is_completed(checkout: Checkout, run_up: Up, sql: psycopg.Connection) -> None:
    """It had the version column only."""
    sql.execute("create schema supabase_migrations")
    sql.execute("create table supabase_migrations.schema_migrations (version text not null primary key)")
    sql.execute("insert into supabase_migrations.schema_migrations values ('20260101000000')")
    checkout.migration("20260101000000_one.sql", "select 1;")
    checkout.migration("20260102000000_two.sql", "select 2;")
    assert run_up().applied == ["20260102000000_two.sql"]


def test_a_version_that_the_checkout_lacks_is_refused(checkout: Checkout, run_up: Up, sql: psycopg.Connection) -> None:
    """An old checkout against a newer database: nothing may be applied on top of what it does not know."""
    newer = checkout.migration("20260102000000_newer.sql", "select 1;")
    run_up()
    newer.unlink()
    checkout.migration("20260103000000_mine.sql", "create table public.mine (id int);")
    with pytest.raises(MigrationError, match="20260102000000_newer") as failure:
        run_up()
    assert "newer version was deployed" in failure.value.mend
    assert not exists(sql, "public.mine")


def test_a_pending_file_older_than_the_last_applied_is_refused(checkout: Checkout, run_up: Up) -> None:
    """Two branches merged in the other order: the message gives the rename that mends it."""
    checkout.migration("20260102000000_two.sql", "select 1;")
    run_up()
    checkout.migration("20260101000000_one.sql", "select 1;")
    with pytest.raises(MigrationError, match=r"older than the newest applied one: 20260101000000_one\.sql") as failure:
        run_up()
    assert "git mv 20260101000000_one.sql" in failure.value.mend


def test_a_file_with_its_own_transaction_never_starts(checkout: Checkout, run_up: Up, sql: psycopg.Connection) -> None:
    """`commit` inside a file would leave half of it behind without its row."""
    checkout.migration("20260101000000_one.sql", "create table public.a (id int); commit; select 1/0;")
    with pytest.raises(MigrationError, match="begins or ends a transaction"):
        run_up()
    assert not exists(sql, "public.a")


def test_an_index_can_be_built_concurrently(checkout: Checkout, run_up: Up, sql: psycopg.Connection) -> None:
    """A file marked `-- no transaction` runs without one."""
    checkout.migration("20260101000000_one.sql", "create table public.a (id int);")
    concurrently = "-- no transaction\ncreate unique index concurrently if not exists a_id on public.a (id);"
    checkout.migration("20260102000000_two.sql", concurrently)
    run_up()
    assert exists(sql, "public.a_id") and len(versions(sql)) == 2


def test_a_half_built_index_is_not_taken_for_done(checkout: Checkout, run_up: Up, sql: psycopg.Connection) -> None:
    """A failed concurrent build leaves an invalid index, which `if not exists` would then be content with."""
    sql.execute("create table public.a (id int)")
    sql.execute("insert into public.a values (1), (1)")
    concurrently = "-- no transaction\ncreate unique index concurrently if not exists a_id on public.a (id);"
    checkout.migration("20260101000000_one.sql", concurrently)
    with pytest.raises(MigrationError, match="23505"):
        run_up()
    sql.execute("delete from public.a")
    with pytest.raises(MigrationError, match=r"a_id is invalid") as failure:
        run_up()
    assert "drop index concurrently" in failure.value.mend
    sql.execute("drop index a_id")
    assert run_up().applied == ["20260101000000_one.sql"]


def test_a_dry_run_writes_nothing(checkout: Checkout, run_up: Up, sql: psycopg.Connection, said: list[str]) -> None:
    """Not even the history table."""
    checkout.migration("20260101000000_one.sql", "create table public.a (id int);")
    run_up(dry_run=True)
    assert said == ["would apply  20260101000000_one.sql"]
    assert not exists(sql, "public.a") and not exists(sql, "supabase_migrations.schema_migrations")


def test_warnings_of_a_migration_are_shown(checkout: Checkout, run_up: Up, said: list[str]) -> None:
    """A warning is meant for the operator; notices such as `does not exist, skipping` are noise."""
    text = "drop table if exists public.nothing;\ndo $$ begin raise warning 'look here'; end $$;"
    checkout.migration("20260101000000_one.sql", text)
    run_up()
    assert said[0] == "warning      look here" and not any("skipping" in line for line in said)


def test_sql_with_percent_signs_and_other_alphabets_runs_as_it_is(
    checkout: Checkout, run_up: Up, sql: psycopg.Connection
) -> None:
    """The file goes to the server byte for byte, past every placeholder syntax."""
    checkout.migration("20260101000000_one.sql", "create table public.a as select '100 % für 日本 %s' as t;")
    run_up()
    assert sql.execute("select t from public.a").fetchone() == ("100 % für 日本 %s",)


def test_an_empty_folder_is_up_to_date(checkout: Checkout, bare: str, said: list[str]) -> None:
    """A fresh start is no error; a folder that is not there is one."""
    assert up(bare, checkout.folder, Options(), said.append).applied == []
    with pytest.raises(MigrationError, match="no folder"):
        up(bare, checkout.folder / "nowhere", Options(), said.append)
