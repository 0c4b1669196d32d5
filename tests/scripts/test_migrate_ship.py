"""`ship` and `check`: functions_sql is what people edit, migrations are what databases get, and both agree."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from scripts.migrations.errors import MigrationError
from scripts.migrations.files import load_functions, load_migrations
from scripts.migrations.rules import check
from scripts.migrations.ship import ship
from tests.scripts.conftest import FUNCTION, Checkout

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_ship_copies_changed_functions_into_a_migration(checkout: Checkout) -> None:
    """The ordinary case: what was not shipped is, byte for byte, and check agrees afterwards."""
    source = checkout.function("greet")
    assert "functions_sql/greetings/greet.sql" in check(checkout.folder)[0]
    path, shipped = ship("hello", checkout.folder, now=NOON)
    assert path is not None and path.name == "20261120120000_hello_functions.sql"
    assert shipped == ["functions_sql/greetings/greet.sql"]
    copy = f"-- begin {shipped[0]}\n{source.read_text()}-- end {shipped[0]}\n"
    assert copy in path.read_text() and "set check_function_bodies = off;" in path.read_text()
    assert check(checkout.folder) == []


def test_ship_takes_only_what_differs_from_its_newest_copy(checkout: Checkout) -> None:
    """A second ship without an edit writes nothing; an edit ships that file alone; going back ships again."""
    checkout.function("greet")
    checkout.function("part")
    ship("hello", checkout.folder, now=NOON)
    assert ship("hello", checkout.folder, now=NOON) == (None, [])
    checkout.function("greet", "two")
    assert ship("again", checkout.folder, now=NOON)[1] == ["functions_sql/greetings/greet.sql"]
    checkout.function("greet", "one")
    assert ship("back", checkout.folder, now=NOON)[1] == ["functions_sql/greetings/greet.sql"]
    assert check(checkout.folder) == []


def test_a_version_is_always_later_than_the_newest_one(checkout: Checkout) -> None:
    """A clock behind, or two ships in one second, must not make an older migration."""
    checkout.migration("20271231235959_future.sql", "select 1;")
    checkout.function("greet")
    path, _ = ship("hello", checkout.folder, now=NOON)
    assert path is not None and path.name.startswith("20280101000000_")


def test_a_file_can_name_what_must_come_before_it(checkout: Checkout) -> None:
    """Files go by path, except where `-- needs` says otherwise."""
    checkout.function_text(
        "a/first.sql", "-- needs functions_sql/z/last.sql\n" + FUNCTION.format(name="first", answer=1)
    )
    checkout.function("last", subject="z")
    names = [Path(one.path).stem for one in load_functions(checkout.folder)]
    assert names == ["last", "first"]
    checkout.function_text(
        "z/last.sql", "-- needs functions_sql/a/first.sql\n" + FUNCTION.format(name="last", answer=1)
    )
    with pytest.raises(MigrationError, match="need each other"):
        load_functions(checkout.folder)


def test_ship_refuses_a_file_that_breaks_the_rules(checkout: Checkout) -> None:
    """What check would complain about is never written."""
    checkout.function_text(
        "greetings/greet.sql", FUNCTION.format(name="greet", answer=1).replace("revoke", "-- revoke")
    )
    with pytest.raises(MigrationError, match="revoke all on function"):
        ship("hello", checkout.folder)
    assert load_migrations(checkout.folder) == []


@pytest.mark.parametrize("name", ["Hello", "two words", "../x", "", "é"])
def test_ship_refuses_a_name_that_makes_no_good_file(checkout: Checkout, name: str) -> None:
    """The Supabase CLI skips odd names silently."""
    checkout.function("greet")
    with pytest.raises(MigrationError, match="no name"):
        ship(name, checkout.folder)


def test_an_unshipped_edit_is_named_with_what_to_run(checkout: Checkout) -> None:
    """The message is the recipe."""
    checkout.function("greet")
    ship("hello", checkout.folder, now=NOON)
    checkout.function("greet", "two")
    (problem,) = check(checkout.folder)
    assert "functions_sql/greetings/greet.sql" in problem
    assert "20261120120000_hello_functions.sql" in problem
    assert "migrate.py ship <name>" in problem


def test_a_deleted_file_needs_its_drop(checkout: Checkout) -> None:
    """Otherwise old databases keep a function that new ones lack; the message gives the two lines to write."""
    source = checkout.function("greet")
    ship("hello", checkout.folder, now=NOON)
    source.unlink()
    (problem,) = check(checkout.folder)
    assert "-- dropped functions_sql/greetings/greet.sql" in problem
    assert "drop function if exists public.greet();" in problem
    drop = "-- dropped functions_sql/greetings/greet.sql\ndrop function if exists public.greet();\n"
    checkout.migration("20261121000000_drop_greet.sql", drop)
    assert check(checkout.folder) == []
    checkout.function("greet")
    assert "dropped by 20261121000000_drop_greet.sql and back" in check(checkout.folder)[0]


def test_a_generated_file_holds_nothing_else(checkout: Checkout) -> None:
    """A statement slipped into it would be missed by readers, for it is hidden in reviews."""
    checkout.function("greet")
    path, _ = ship("hello", checkout.folder, now=NOON)
    assert path is not None
    path.write_text(path.read_text() + "drop table public.t;\n")
    assert any("something of its own" in problem for problem in check(checkout.folder))
