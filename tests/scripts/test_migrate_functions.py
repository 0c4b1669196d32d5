"""Functions in the database follow what was shipped: healed when edited by hand, left alone when right."""

from __future__ import annotations

import psycopg
import pytest

from scripts.migrations.errors import MigrationError
from scripts.migrations.ship import ship
from tests.scripts.conftest import FUNCTION, Checkout, Up

GREET = "functions_sql/greetings/greet.sql"


def answer(sql: psycopg.Connection) -> object:
    row = sql.execute("select public.greet()").fetchone()
    return row[0] if row else None


@pytest.fixture
def shipped(checkout: Checkout, run_up: Up) -> Checkout:
    """A checkout with one shipped function that says `one`, applied."""
    checkout.function("greet")
    ship("greet", checkout.folder)
    run_up()
    return checkout


def test_a_function_edited_in_the_dashboard_is_put_back(
    shipped: Checkout, run_up: Up, sql: psycopg.Connection, said: list[str]
) -> None:
    """The next deploy heals it and says so."""
    sql.execute("create or replace function public.greet() returns text language sql as $$ select 'hacked' $$")
    assert run_up(dry_run=True).functions_changed == ["function public.greet()"]
    assert answer(sql) == "hacked"
    assert run_up().functions_changed == ["function public.greet()"]
    assert answer(sql) == "one" and said[-1] == "mended       function public.greet()"


@pytest.mark.parametrize(
    "damage",
    [
        "grant execute on function public.greet() to anon",
        "revoke execute on function public.greet() from service_role",
        "alter function public.greet() security definer",
        "alter function public.greet() reset search_path",
        "drop function public.greet()",
    ],
)
def test_rights_and_settings_are_put_back_too(
    shipped: Checkout, run_up: Up, sql: psycopg.Connection, damage: str
) -> None:
    """A grant to anon is as dangerous as another body."""
    sql.execute(damage)  # type: ignore[call-overload]
    assert run_up().functions_changed == ["function public.greet()"]
    assert run_up().functions_changed == []


def test_a_right_database_is_not_touched(shipped: Checkout, run_up: Up, sql: psycopg.Connection) -> None:
    """Not even a new row version in the catalog: the check is rolled back when nothing differs."""
    query = "select xmin, ctid from pg_proc where proname = 'greet'"
    before = sql.execute(query).fetchone()
    assert run_up().functions_changed == []
    assert sql.execute(query).fetchone() == before


def test_an_edit_that_was_not_shipped_stays_out_of_the_database(
    shipped: Checkout, run_up: Up, sql: psycopg.Connection, said: list[str]
) -> None:
    """Only migrations reach a database; the edit is named, with what to run."""
    shipped.function("greet", "two")
    result = run_up()
    assert answer(sql) == "one" and result.not_shipped == [GREET]
    assert any(GREET in line and "left out" in line for line in said)


def test_development_loads_the_files_as_they_are(
    shipped: Checkout, run_up: Up, sql: psycopg.Connection, said: list[str]
) -> None:
    """Edit, `up`, test: and then ship, which changes nothing any more."""
    shipped.function("greet", "two")
    assert run_up(dev=True).functions_changed == ["function public.greet()"]
    assert answer(sql) == "two" and any("in no migration" in line for line in said)
    ship("again", shipped.folder)
    assert run_up().functions_changed == []
    assert answer(sql) == "two"


def test_development_checks_the_bodies(shipped: Checkout, run_up: Up, sql: psycopg.Connection) -> None:
    """A slip in a body shows at the next `up`, with its line, and not at the first call."""
    shipped.function("greet", "two' || missing_column || '")
    with pytest.raises(MigrationError, match=r"greet\.sql:7: column \"missing_column\" does not exist"):
        run_up(dev=True)
    assert answer(sql) == "one"


def test_functions_can_be_left_alone(shipped: Checkout, run_up: Up, sql: psycopg.Connection) -> None:
    """For an operator who knows why."""
    sql.execute("create or replace function public.greet() returns text language sql as $$ select 'hot fix' $$")
    assert run_up(functions=False).functions_changed == []
    assert answer(sql) == "hot fix"


def test_a_dropped_function_does_not_come_back(shipped: Checkout, run_up: Up, sql: psycopg.Connection) -> None:
    """Its newest mention in the migrations is the drop."""
    (shipped.folder / GREET).unlink()
    shipped.migration("20991231000000_drop.sql", f"-- dropped {GREET}\ndrop function public.greet();")
    run_up()
    assert run_up().functions_changed == []
    assert sql.execute("select to_regproc('public.greet')").fetchone() == (None,)


def test_a_changed_signature_leaves_one_function(shipped: Checkout, run_up: Up, sql: psycopg.Connection) -> None:
    """The drop line in the file takes the old form away; an overload would make named calls ambiguous."""
    text = "drop function if exists public.greet();\n" + FUNCTION.format(name="greet", answer="new")
    shipped.function_text(
        "greetings/greet.sql",
        text.replace("greet()\nreturns", "greet(p_who text default '')\nreturns")
        .replace("public.greet() from", "public.greet(text) from")
        .replace("public.greet() to", "public.greet(text) to"),
    )
    ship("who", shipped.folder)
    run_up()
    assert sql.execute("select count(*) from pg_proc where proname = 'greet'").fetchone() == (1,)
    assert run_up().functions_changed == []


def test_functions_load_in_any_order(checkout: Checkout, run_up: Up) -> None:
    """A caller may come before what it calls: bodies are not checked while they load."""
    checkout.function_text(
        "a/caller.sql", FUNCTION.format(name="caller", answer="").replace("select ''", "select public.zcalled()")
    )
    checkout.function("zcalled", subject="z")
    ship("both", checkout.folder)
    run_up()
    assert run_up().functions_changed == []


def test_a_trigger_in_a_function_file_is_put_back(checkout: Checkout, run_up: Up, sql: psycopg.Connection) -> None:
    """Trigger functions carry their trigger."""
    sql.execute("create table public.watched (id int)")
    body = "begin return new; end"
    text = (
        FUNCTION.format(name="watch", answer="").replace("select ''", body).replace("returns text", "returns trigger")
    )
    text = text.replace("language sql", "language plpgsql")
    text += "create or replace trigger watch before insert on public.watched for each row"
    text += " execute function public.watch();\n"
    checkout.function_text("a/watch.sql", text)
    ship("watch", checkout.folder)
    run_up()
    assert run_up().functions_changed == []
    sql.execute("alter table public.watched disable trigger watch")
    sql.execute("drop trigger watch on public.watched")
    assert run_up().functions_changed == ["trigger watch on public.watched"]


def test_a_function_that_cannot_be_put_back_changes_nothing(
    shipped: Checkout, run_up: Up, sql: psycopg.Connection
) -> None:
    """All in one transaction: the first stays as it was when the second fails, and the message says where we stand."""
    shipped.function("again")
    ship("again", shipped.folder)
    run_up()
    sql.execute("create or replace function public.greet() returns text language sql as $$ select 'hacked' $$")
    sql.execute("drop function public.again()")
    sql.execute("create function public.again() returns int language sql as $$ select 1 $$")
    sql.execute("create view public.uses as select public.greet() as g, public.again() as a")
    with pytest.raises(MigrationError, match="changed nothing") as failure:
        run_up()
    assert "functions_sql/greetings/again.sql" in failure.value.message and "42P13" in failure.value.message
    assert answer(sql) == "hacked"
