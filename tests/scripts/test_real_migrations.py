"""Scrip's own migrations on real databases: they agree with functions_sql, and run on every PostgreSQL we promise."""

from __future__ import annotations

import psycopg
import pytest

from scripts.local.postgres import Postgres, find_all_bin_dirs
from scripts.migrate import Options, up
from scripts.migrations.files import SUPABASE_DIR, load_functions
from scripts.migrations.function_rules import created_functions
from scripts.migrations.rules import check
from tests.conftest import memory


def quiet(_: str) -> None:
    """Say nothing."""


def test_the_migrations_ship_what_functions_sql_says() -> None:
    """`migrate.py check`, as CI runs it."""
    assert check(SUPABASE_DIR) == []


def function_names(database: str) -> list[str]:
    query = """
    select format('%s.%s', n.nspname, p.proname)
      from pg_proc p join pg_namespace n on n.oid = p.pronamespace
     where n.nspname in ('public', 'private')
    """
    with psycopg.connect(database) as connection:
        return sorted(str(row[0]) for row in connection.execute(query))


def test_the_database_has_the_functions_of_the_files_and_no_other(database: str) -> None:
    """One signature each: an overload makes a call by name ambiguous. A function in no file can't be reviewed."""
    statements = (statement for file in load_functions(SUPABASE_DIR) for statement in file.statements)
    created = sorted(one.name for statement in statements for one in created_functions(statement))
    assert function_names(database) == created


def test_the_database_from_migrations_alone_equals_the_one_with_functions_on_top(database: str) -> None:
    """The template came from `up`; neither the shipped copies nor the files change anything in it."""
    for options in (Options(), Options(dev=True)):
        result = up(database, SUPABASE_DIR, options, quiet)
        assert (result.applied, result.functions_changed, result.not_shipped) == ([], [], [])


def test_every_function_body_passes_the_strict_checks(database: str) -> None:
    """Bodies load unchecked, so that order doesn't matter; here all of them are checked, shadowed names included."""
    with psycopg.connect(database) as connection:
        connection.execute("set plpgsql.extra_errors = 'all'; set check_function_bodies = on")
        for file in load_functions(SUPABASE_DIR):
            connection.execute(file.text.encode())
        connection.rollback()


@pytest.mark.parametrize("major", [15, 16, 17, 18])
def test_the_migrations_run_on_every_major_version(major: int) -> None:
    """As the non-superuser, on old default grants and new ones, twice."""
    bin_dirs = find_all_bin_dirs()
    if major not in bin_dirs:
        pytest.skip(f"PostgreSQL {major} is not on this machine (found: {sorted(bin_dirs)})")
    with Postgres(bin_dir=bin_dirs[major], parent=memory()) as server:
        for grants in ("old", "new"):
            server.create_platform(grants, default_grants=grants)  # type: ignore[arg-type]
            first = up(server.url(grants), SUPABASE_DIR, Options(), quiet)
            assert first.applied and first.functions_changed == []
            second = up(server.url(grants), SUPABASE_DIR, Options(dev=True), quiet)
            assert (second.applied, second.functions_changed) == ([], [])
