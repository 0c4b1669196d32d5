"""`down` undoes the last migration if it says how, and never without a yes."""

from __future__ import annotations

import psycopg
import pytest

from scripts.migrations.errors import MigrationError
from scripts.migrations.rollback import Undo, down
from tests.scripts.conftest import Checkout, Up

TEXT = """create table public.a (id int);
create table public.b (id int);
-- rollback:
-- drop table public.b;
-- drop table
--   public.a;

-- this is no part of it
"""


def yes(_: Undo) -> bool:
    return True


def test_down_undoes_the_last_migration(bare: str, checkout: Checkout, run_up: Up, sql: psycopg.Connection) -> None:
    """What it created is gone, with its row, and `up` brings it back."""
    checkout.migration("20260101000000_keep.sql", "create table public.keep (id int);")
    checkout.migration("20260102000000_a.sql", TEXT)
    run_up()
    assert down(bare, yes, checkout.folder)
    assert sql.execute("select to_regclass('public.a'), to_regclass('public.keep')::text").fetchone() == (None, "keep")
    assert run_up().applied == ["20260102000000_a.sql"]


def test_down_asks_and_takes_no_for_an_answer(
    bare: str, checkout: Checkout, run_up: Up, sql: psycopg.Connection
) -> None:
    """The question carries what will be run, where, and that data is lost."""
    checkout.migration("20260102000000_a.sql", TEXT)
    run_up()
    asked: list[Undo] = []
    assert not down(bare, lambda undo: bool(asked.append(undo)), checkout.folder)
    assert [one.code for one in asked[0].statements] == ["drop table public.b", "drop table\n  public.a"]
    assert asked[0].loses_data and "@127.0.0.1" in asked[0].database
    assert sql.execute("select to_regclass('public.a') is null").fetchone() == (False,)


def test_a_migration_without_a_way_back_is_not_undone(bare: str, checkout: Checkout, run_up: Up) -> None:
    """Nothing is guessed."""
    checkout.migration("20260102000000_a.sql", "create table public.a (id int);")
    run_up()
    with pytest.raises(MigrationError, match="has no `-- rollback:` section"):
        down(bare, yes, checkout.folder)


def test_a_rollback_that_fails_leaves_everything(
    bare: str, checkout: Checkout, run_up: Up, sql: psycopg.Connection
) -> None:
    """One transaction; the error points into the file."""
    text = "create table public.a (id int);\n-- rollback:\n-- drop table public.a;\n-- drop table public.nowhere;\n"
    checkout.migration("20260102000000_a.sql", text)
    run_up()
    with pytest.raises(MigrationError, match=r"20260102000000_a\.sql:4: .*42P01"):
        down(bare, yes, checkout.folder)
    assert sql.execute("select to_regclass('public.a') is null").fetchone() == (False,)
    assert run_up().applied == []


def test_down_refuses_what_up_refuses(bare: str, checkout: Checkout, run_up: Up) -> None:
    """An edited file may describe a way back from something else; with nothing applied there is nothing to undo."""
    with pytest.raises(MigrationError, match="nothing to undo"):
        down(bare, yes, checkout.folder)
    path = checkout.migration("20260102000000_a.sql", TEXT)
    run_up()
    path.write_text(TEXT.replace("drop table public.b", "drop schema public cascade"))
    with pytest.raises(MigrationError, match="not what this database ran"):
        down(bare, yes, checkout.folder)


def test_a_harmless_rollback_says_so(bare: str, checkout: Checkout, run_up: Up) -> None:
    """Dropping an index loses no data."""
    checkout.migration(
        "20260102000000_a.sql",
        "create table public.a (id int); create index i on public.a (id);\n-- rollback:\n-- drop index public.i;\n",
    )
    run_up()
    asked: list[Undo] = []
    down(bare, lambda undo: bool(asked.append(undo)), checkout.folder)
    assert not asked[0].loses_data
