"""The catalogue of operations is complete, and every function keeps the house rules that the database can show."""

from __future__ import annotations

import re
from pathlib import Path

from tests.factories import Sql

README = (Path(__file__).parents[2] / "supabase" / "functions_sql" / "README.md").read_text()
OURS = "select p.oid from pg_proc p where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace)"


def names(sql: Sql, condition: str) -> set[str]:
    """Functions of ours for which the condition holds."""
    query = f"select p.oid::regproc::text from pg_proc p where p.oid in ({OURS}) and {condition}"
    return {row[0] for row in sql.connection.execute(query).fetchall()}  # type: ignore[arg-type]  # constants only


def test_every_public_operation_is_in_the_catalogue(sql: Sql) -> None:
    """And nothing is in it that does not exist."""
    listed = set(re.findall(r"`(\w+)\(", README.partition("## Catalogue")[2].partition("## Invariants")[0]))
    assert names(sql, "p.pronamespace = 'public'::regnamespace") == listed


def test_every_promise_names_a_test_that_exists() -> None:
    """A promise without a proof is an opinion."""
    tests = "".join(path.read_text() + path.name for path in Path(__file__).parent.glob("test_*.py"))
    named = re.findall(r"`(test_\w+)(?:\.py)?`", README)
    assert named
    assert [name for name in named if f"def {name}(" not in tests and f"{name}.py" not in tests] == []


def test_every_function_fixes_its_search_path(sql: Sql) -> None:
    """A function that trusts the caller's search_path runs the caller's code."""
    assert names(sql, "not coalesce('search_path=\"\"' = any(p.proconfig), false)") == set()


def test_nothing_raises_what_belongs_to_postgresql(sql: Sql) -> None:
    """Regression: C6, 40001 raised by hand was retried for ever by older gateways."""
    assert names(sql, "p.prosrc ~ '40001|40P01'") == set()


def test_errors_are_swallowed_in_one_place_only(sql: Sql) -> None:
    """A bonus that fails must not block a sign-up; everything else that fails must be seen."""
    assert names(sql, "p.prosrc ~* 'when\\s+others'") == {"private.ensure_account"}


def test_only_functions_that_take_the_user_from_the_token_are_open_to_users(sql: Sql) -> None:
    """Regression: A1. Nothing is executable by PUBLIC or anon, nor names a user and is executable by one."""
    for_everyone = {"list_models", "list_ledger_keys", "list_packages", "list_plans"}
    assert names(sql, "has_function_privilege('anon', p.oid, 'execute')") == for_everyone
    for_users = names(sql, "has_function_privilege('authenticated', p.oid, 'execute')")
    vaults = {name for name in for_users if name.startswith("private.")}
    assert for_users - vaults == {name.removeprefix("private.") for name in vaults} | for_everyone
    naming = names(
        sql, "has_function_privilege('authenticated', p.oid, 'execute') and 'p_user_id' = any(p.proargnames)"
    )
    assert {name for name in naming if not name.removeprefix("private.").startswith("admin_")} == set()
    definers = names(sql, "p.prosecdef and has_function_privilege('authenticated', p.oid, 'execute')")
    assert definers == vaults, "what runs as the owner lives where PostgREST does not reach"


def test_every_admin_operation_asks_for_the_role(sql: Sql) -> None:
    """Before anything else, in the table of roles: a claim can be an hour old."""
    vaults = names(sql, "p.pronamespace = 'private'::regnamespace and p.proname like 'admin\\_%'")
    assert vaults
    acting = names(sql, "p.prosrc ~ '^\\s*select private\\.run_act\\(''(support|admin|owner)'', '")
    assert acting and "private.run_act" in names(
        sql, "p.prosrc ~ 'perform private\\.require_role\\(p_role\\);\\s+execute'"
    )
    guarded = names(sql, "p.prosrc ~ '^\\s*(declare[^;]*(;[^;]*)*;)?\\s*begin\\s+perform private\\.require_role\\('")
    assert vaults - guarded - acting == set()


def test_every_act_of_an_admin_is_written_down(sql: Sql) -> None:
    """What writes goes through run_act; these only read, by helpers that writers use as well."""
    reading = {f"private.admin_{name}" for name in ("check_role", "get_user", "list_adjustments")}
    writing = names(sql, "p.pronamespace = 'private'::regnamespace and p.proname ~ '^admin_' and p.provolatile = 'v'")
    acting = names(sql, "p.prosrc ~ '^\\s*select private\\.run_act\\('")
    assert writing - acting == reading
