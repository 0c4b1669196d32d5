"""The rules that `check` holds, each with a file that breaks it and no other."""

from __future__ import annotations

import pytest

from scripts.migrations.rules import check
from scripts.migrations.ship import ship
from tests.scripts.conftest import FUNCTION, Checkout

GOOD = FUNCTION.format(name="greet", answer="one")


@pytest.mark.parametrize(
    ("file_name", "text", "complaint"),
    [
        ("2026_short.sql", "select 1;", "not named"),
        ("20260101000000_Upper.sql", "select 1;", "not named"),
        ("00000000000000_init.sql", "select 1;", "skips"),
        ("20260101000000_a.sql", "begin;\nselect 1;\ncommit;", "begins or ends a transaction"),
        ("20260101000000_a.sql", "select 1;\nCOMMIT;", "20260101000000_a.sql:2 begins or ends"),
        ("20260101000000_a.sql", "start transaction; select 1;", "begins or ends a transaction"),
        ("20260101000000_a.sql", "\\i other.sql\n", "psql command"),
        ("20260101000000_a.sql", "create index concurrently i on t (a);", "-- no transaction"),
        ("20260101000000_a.sql", "drop index concurrently i;", "-- no transaction"),
        ("20260101000000_a.sql", "-- no transaction\nselect 1; select 2;", "has 2 statements"),
        ("20260101000000_a.sql", "-- only words\n", "no statement"),
        ("20260101000000_a.sql", "\ufeffselect 1;", "byte order mark"),
        ("20260101000000_a.sql", GOOD, "put it in functions_sql"),
    ],
)
def test_a_bad_migration_is_refused(checkout: Checkout, file_name: str, text: str, complaint: str) -> None:
    """Each of these runs differently here and under `supabase db push`, or leaves half of itself behind."""
    checkout.migration(file_name, text)
    assert any(complaint in problem for problem in check(checkout.folder)), check(checkout.folder)


@pytest.mark.parametrize(
    "text",
    [
        "select 1 as commit, 2 as begin_at;",
        "do $$ begin perform 1; end $$;",
        "savepoint a; rollback to a;",
        "-- no transaction\nset lock_timeout = '1s';\ncreate index concurrently if not exists i on t (a);",
        "-- begin; commit;\nselect 1;",
        "select 1;\n-- rollback:\n-- begin of the end\n",
    ],
)
def test_a_good_migration_is_not_refused(checkout: Checkout, text: str) -> None:
    """Words that only look like trouble."""
    checkout.migration("20260101000000_a.sql", text)
    assert check(checkout.folder) == []


TABLE = """create table public.t (id bigint generated always as identity primary key);
alter table public.t enable row level security;
revoke all on public.t from public, anon, authenticated, service_role;
grant select on public.t to authenticated;
"""


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (
            "revoke all on public.t from public, anon, authenticated, service_role;\n",
            "",
            "without `revoke all on public.t",
        ),
        ("anon, authenticated, service_role;\ngrant", "anon;\ngrant", "without `revoke all on public.t"),
        ("revoke all on public.t", "revoke all on public.other", "without `revoke all on public.t"),
        ("alter table public.t enable row level security;\n", "", "without `alter table public.t enable row level"),
        (
            "alter table",
            "grant select on table public.t to anon;\nalter table",
            "20260101000000_t.sql:2 grants on public.t",
        ),
        ("public.t", "t", "without its schema"),
        ("create table", "create view public.v as select 1;\ncreate table", "creates view public.v without `revoke"),
    ],
)
def test_a_table_left_open_is_refused(checkout: Checkout, old: str, new: str, complaint: str) -> None:
    """Old projects grant everything on a new table to everybody, and no advisor reports it while RLS is on."""
    assert old in TABLE
    checkout.migration("20260101000000_t.sql", TABLE.replace(old, new))
    assert any(complaint in problem for problem in check(checkout.folder)), check(checkout.folder)


def test_a_table_in_good_form_is_not_refused(checkout: Checkout) -> None:
    """Several at once, or a whole schema, are fine as well."""
    two = "create table private.u (id int);\nalter table private.u enable row level security;\n"
    checkout.migration("20260101000000_t.sql", TABLE)
    checkout.migration(
        "20260102000000_u.sql", two + "revoke all on private.u, private.v from anon, authenticated, service_role;"
    )
    all_tables = "revoke all on all tables in schema private from anon, authenticated, service_role;"
    checkout.migration("20260103000000_w.sql", two.replace(".u", ".w") + all_tables)
    assert check(checkout.folder) == []


def test_two_files_of_one_version_are_refused(checkout: Checkout) -> None:
    """The history table has one row for each version."""
    checkout.migration("20260101000000_a.sql", "select 1;")
    checkout.migration("20260101000000_b.sql", "select 1;")
    assert any("same version" in problem for problem in check(checkout.folder))


def test_a_file_in_a_sub_folder_is_refused(checkout: Checkout) -> None:
    """The Supabase CLI ignores it without a word."""
    (checkout.folder / "migrations" / "old").mkdir()
    checkout.migration("old/20260101000000_a.sql", "select 1;")
    assert any("sub-folder" in problem for problem in check(checkout.folder))


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (
            "revoke all on function public.greet() from public, anon, authenticated, service_role;\n",
            "",
            "lacks `revoke",
        ),
        (", service_role;\ngrant", ";\ngrant", "lacks `revoke"),
        ("from public, anon", "from anon", "lacks `revoke"),
        ("set search_path = ''\n", "", "without `set search_path"),
        ("create or replace", "create", "must be `create or replace`"),
        ("public.greet()\nreturns", "greet()\nreturns", "without its schema"),
        ("as $$\n  select 'one'\n$$", "begin atomic select 'one'; end", "begin atomic"),
        ("-- greet() -> text", "create table public.t ();", "not repeatable"),
        ("-- greet() -> text", "-- end functions_sql/greetings/greet.sql", "marker line"),
        ("-- greet() -> text", "-- needs functions_sql/a/b.sql", "does not exist"),
        ("public.greet()", "public.meet()", "creates no function named greet"),
        ("to service_role;\n", "to service_role;", "newline at its end"),
        ("select 'one'", "select 1; delete from public.t; select 2", "changes a whole table (`delete from public.t`)"),
        ("select 'one'", "update public.t as x set a = 1", "changes a whole table"),
    ],
)
def test_a_bad_function_file_is_refused(checkout: Checkout, old: str, new: str, complaint: str) -> None:
    """One change to a good file, one complaint that says it."""
    assert old in GOOD
    checkout.function_text("greetings/greet.sql", GOOD.replace(old, new))
    assert any(complaint in problem for problem in check(checkout.folder)), check(checkout.folder)


def test_granting_before_revoking_is_refused(checkout: Checkout) -> None:
    """The revoke below would take the grant away again, or never come."""
    revoke, grant = GOOD.rstrip().splitlines()[-2:]
    checkout.function_text("greetings/greet.sql", GOOD.replace(f"{revoke}\n{grant}", f"{grant}\n{revoke}"))
    assert any("grants on public.greet before it revokes" in problem for problem in check(checkout.folder))


def test_a_search_path_in_the_body_does_not_count(checkout: Checkout) -> None:
    """Only the function's own setting protects a definer."""
    text = GOOD.replace("set search_path = ''\n", "").replace("select 'one'", "select 'set search_path'")
    checkout.function_text("greetings/greet.sql", text)
    assert any("without `set search_path" in problem for problem in check(checkout.folder))


def test_words_that_only_look_like_a_whole_table_change_pass(checkout: Checkout) -> None:
    """Upserts, locks, strings and changes with a condition."""
    body = """select 'delete from public.t';
  insert into public.t values (1) on conflict (id) do update set id = 2;
  select id from public.t for update skip locked;
  select id from public.t for update of t;
  update public.t set id = 1 where true"""
    checkout.function_text("greetings/greet.sql", GOOD.replace("select 'one'", body))
    ship("hello", checkout.folder)
    assert check(checkout.folder) == []


def test_door_and_vault_may_share_a_file(checkout: Checkout) -> None:
    """One operation per file: its door in public, its vault in private, one revoke for both."""
    text = GOOD + GOOD.replace("public.", "private.")
    checkout.function_text("greetings/greet.sql", text)
    ship("hello", checkout.folder)
    assert check(checkout.folder) == []


def test_a_function_file_outside_a_subject_is_refused(checkout: Checkout) -> None:
    """Subjects are how people find things."""
    checkout.function_text("greet.sql", GOOD)
    assert any("subject's folder" in problem for problem in check(checkout.folder))
