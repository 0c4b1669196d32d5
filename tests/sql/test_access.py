"""Access is a matrix made from the catalog: every cell of access.md is tried, and what is not listed there fails.

Regression: A1 (functions that anybody may call with anybody's id) and A5 (checks that cannot fail): see the canaries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from scripts.local.postgres import Postgres
from tests.sql import matrix
from tests.sql.access_file import differences, expected
from tests.sql.project import Person, populated

Connection = psycopg.Connection[Any]
People = dict[str, Person]
Find = Callable[[Connection, People], list[tuple[str, ...]]]

SECTIONS: dict[str, Find] = {
    "Tables": matrix.table_lines,
    "Columns": lambda connection, people: matrix.column_lines(connection),
    "Functions": matrix.function_lines,
    "Sequences": matrix.sequence_lines,
    "Schemas": matrix.schema_lines,
}
BOOKS = ("wallets", "credit_grants", "credit_reservations", "credit_transactions")

# Each query lists what breaks a rule of the house.
RULES = {
    "row level security is on for every table": """
        select c.oid::regclass::text from pg_class c
        where c.relnamespace in ('public'::regnamespace, 'private'::regnamespace)
          and c.relkind in ('r', 'p') and not c.relrowsecurity""",
    "every policy names its roles": """
        select p.polname || ' on ' || p.polrelid::regclass from pg_policy p where 0 = any(p.polroles)""",
    "nothing is open to PUBLIC": """
        select o.name from (
          select p.oid::regprocedure::text as name, coalesce(p.proacl, acldefault('f', p.proowner)) as acl
            from pg_proc p where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace)
          union all
          select c.oid::regclass::text, c.relacl from pg_class c
           where c.relnamespace in ('public'::regnamespace, 'private'::regnamespace)) o
        where exists (select from aclexplode(o.acl) a where a.grantee = 0)""",
    "nothing of ours lives in the platform's schemas": """
        select n.nspname || '.' || o.name
        from (select c.relname as name, c.relnamespace as schema, c.relowner as owner from pg_class c
              union all select p.proname, p.pronamespace, p.proowner from pg_proc p
              union all select t.typname, t.typnamespace, t.typowner from pg_type t) o
        join pg_namespace n on n.oid = o.schema
        where n.nspname in ('auth', 'storage', 'realtime') and o.owner = 'postgres'::regrole""",
    "views see what their reader may see": """
        select c.oid::regclass::text from pg_class c
        where c.relnamespace in ('public'::regnamespace, 'private'::regnamespace) and c.relkind in ('v', 'm')
          and not coalesce('security_invoker=true' = any(c.reloptions), false)""",
    "the API runs nothing as its owner unless only the service may call it": """
        select p.oid::regprocedure::text from pg_proc p
        where p.pronamespace = 'public'::regnamespace and p.prosecdef
          and p.proname not in ('custom_access_token_hook', 'before_user_created_hook')
          and (has_function_privilege('anon', p.oid, 'execute')
               or has_function_privilege('authenticated', p.oid, 'execute'))""",
}


@pytest.fixture(scope="module", params=["new", "old"])
def project(request: pytest.FixtureRequest, postgres: Postgres) -> Iterator[tuple[Connection, People]]:
    """A project with today's default grants, and one with those that projects had before 2026."""
    with populated(postgres, request.param) as opened:
        yield opened


def found(section: str, project: tuple[Connection, People]) -> list[str]:
    """What differs from the file."""
    return differences(section, SECTIONS[section](*project))


def broken(rule: str, connection: Connection) -> list[str]:
    """What breaks a rule."""
    return [row[0] for row in connection.execute(RULES[rule].encode()).fetchall()]


@pytest.mark.parametrize("section", SECTIONS)
def test_everybody_may_do_what_the_file_says_and_nothing_else(project: tuple[Connection, People], section: str) -> None:
    """Every cell, tried on one's own rows and on somebody else's. (regression: A1)"""
    problems = found(section, project)
    assert not problems, "\n\n" + "\n\n".join(problems)


@pytest.mark.parametrize("rule", RULES)
def test_the_rules_of_the_house_hold(project: tuple[Connection, People], rule: str) -> None:
    """Whatever the file says."""
    assert broken(rule, project[0]) == [], rule


def test_not_even_the_secret_key_writes_the_books() -> None:
    """The file itself is held to it: a leaked service key reads, and calls operations, and that is all."""
    lines = {line[0]: line for line in expected("Tables")}
    for table in BOOKS:
        assert lines[f"public.{table}"][1:] == ("-", *["select own"] * 4, "select all", "-")
    writable = [name for name, line in lines.items() if not name.startswith(("storage.", "files ")) and _writes(line)]
    assert writable == [], "a table that somebody writes past the operations: is that meant?"


def _writes(line: tuple[str, ...]) -> bool:
    return any(verb in cell for cell in line[1:] for verb in ("insert", "update", "delete", "truncate"))


def test_a_claim_alone_opens_no_operation(project: tuple[Connection, People]) -> None:
    """A token that says owner, of somebody who is none (any more): SQL asks the table, not the token."""
    connection, people = project
    pretender = {**people, "owner": replace(people["owner"], user_id=people["user"].user_id)}
    for line in matrix.function_lines(connection, pretender):
        assert line[5] == line[2], f"{line[0]} believes the claim"
