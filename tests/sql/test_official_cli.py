"""The official Supabase CLI agrees with us: it can ship our migrations alone, and finds nothing to complain about."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from scripts import migrate
from scripts.local.postgres import Postgres
from scripts.migrations.files import SUPABASE_DIR, load_migrations
from scripts.migrations.statements import same_text
from tests.scripts.official_cli import Cli, NotAvailable, install

pytestmark = pytest.mark.timeout(180)  # the first run on a machine downloads 65 MB

# An index that no query has used yet: true of every fresh database. Tables that only functions read: as intended.
EXPECTED_INFOS = {"unused_index", "rls_enabled_no_policy"}
FUNCTIONS = """
select p.oid::regprocedure::text, pg_get_functiondef(p.oid),
       (select array_agg(a::text order by a::text) from unnest(p.proacl) a)
  from pg_proc p where p.pronamespace in ('public'::regnamespace, 'private'::regnamespace) order by 1
"""


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """The CLI in a folder of its own with the real migrations and nothing else."""
    folder = tmp_path_factory.mktemp("official")
    shutil.copytree(SUPABASE_DIR / "migrations", folder / "supabase" / "migrations")
    try:
        return Cli(install(), folder)
    except NotAvailable as reason:
        pytest.skip(f"the official Supabase CLI is not available: {reason}")


@pytest.fixture(scope="module")
def pushed(cli: Cli, postgres: Postgres) -> str:
    """URL of a database on today's default grants that only `supabase db push` has touched."""
    postgres.create_platform("pushed_new", default_grants="new")
    cli.push(postgres.url("pushed_new"))
    return postgres.url("pushed_new")


@pytest.fixture(scope="module")
def pushed_old(cli: Cli, postgres: Postgres) -> str:
    """The same on the default grants that projects had before 2026."""
    postgres.create_platform("pushed_old", default_grants="old")
    cli.push(postgres.url("pushed_old"))
    return postgres.url("pushed_old")


@pytest.fixture(scope="module")
def ours(cli: Cli, postgres: Postgres) -> str:
    """The same by `migrate.py up`."""
    postgres.create_platform("by_migrate")
    migrate.up(postgres.url("by_migrate"), cli.folder / "supabase", say=lambda _: None)
    return postgres.url("by_migrate")


@pytest.fixture
def spoiled(postgres: Postgres, pushed: str, pushed_old: str) -> Iterator[tuple[str, str]]:
    """Copies of both databases for a canary to spoil."""
    for grants in ("new", "old"):
        postgres.clone(f"pushed_{grants}", f"spoiled_{grants}")
    yield postgres.url("spoiled_old"), postgres.url("spoiled_new")
    for grants in ("new", "old"):
        postgres.drop(f"spoiled_{grants}")


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)  # type: ignore[call-overload]


def rows(url: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()  # type: ignore[call-overload,no-any-return]


def advisors(cli: Cli, url: str) -> tuple[int, list[dict[str, str]]]:
    arguments = (f"--remote={url}", "--type", "all", "--level", "info", "--fail-on", "warn")
    result = cli.run("db", "advisors", *arguments, check=False)
    return result.returncode, json.loads(result.stdout[result.stdout.index("[") :] if "[" in result.stdout else "[]")


def test_push_as_non_superuser_applies_everything_once(cli: Cli, pushed: str) -> None:
    """The role is the one of a hosted project; a second push finds nothing; every version matches."""
    assert rows(pushed, "select rolsuper from pg_roles where rolname = current_user") == [(False,)]
    assert "up to date" in cli.push(pushed)
    listed = json.loads(cli.run("migration", "list", f"--remote={pushed}", "--output-format", "json").stdout)
    versions = [migration.version for migration in load_migrations(cli.folder / "supabase")]
    assert [(one["local"], one["remote"]) for one in listed["migrations"]] == [(one, one) for one in versions]


def test_both_tools_write_the_same_history(pushed: str, ours: str) -> None:
    """Version, name and every statement: whichever was used, the other understands what is there."""
    query = "select version, name, statements from supabase_migrations.schema_migrations order by version"
    assert rows(pushed, query) == rows(ours, query)


def test_both_tools_can_be_used_on_one_database(cli: Cli, pushed: str, ours: str) -> None:
    """Each finds nothing to do after the other; migrate.py sees no edited file and no function to mend."""
    assert "up to date" in cli.push(ours)
    result = migrate.up(pushed, cli.folder / "supabase", say=lambda _: None)
    assert (result.applied, result.functions_changed) == ([], [])


def test_both_tools_make_the_same_database(cli: Cli, pushed: str, ours: str) -> None:
    """Tables, policies, grants: nothing to turn one into the other. Functions: equal to the letter and the right."""
    assert cli.diff(pushed, ours) == []
    assert cli.diff(ours, pushed) == []
    assert rows(pushed, FUNCTIONS) == rows(ours, FUNCTIONS) != []


def test_old_and_new_projects_end_the_same(cli: Cli, pushed: str, pushed_old: str) -> None:
    """What we create has the rights that we gave, whatever the project grants by default."""
    statements = cli.diff(pushed_old, pushed)
    assert statements, "the two platforms must differ in their defaults, or this proves nothing"
    assert [one for one in statements if not one.startswith("ALTER DEFAULT PRIVILEGES")] == []
    assert rows(pushed, FUNCTIONS) == rows(pushed_old, FUNCTIONS)


def test_canary_a_table_without_revoke_makes_old_and_new_differ(cli: Cli, spoiled: tuple[str, str]) -> None:
    """If this one passed unseen, the test above would prove nothing."""
    for url in spoiled:
        execute(url, "create table public.canary (id int primary key); alter table canary enable row level security")
    statements = cli.diff(*spoiled)
    assert any(re.search(r"REVOKE .* ON .*canary", one) for one in statements), statements


def test_advisors_find_nothing(cli: Cli, pushed: str) -> None:
    """No error, no warning; the INFO ones are of a kind that we expect."""
    code, findings = advisors(cli, pushed)
    assert code == 0, findings
    assert {one["name"] for one in findings} <= EXPECTED_INFOS, findings


def test_only_tables_of_functions_have_no_policy(cli: Cli, pushed: str) -> None:
    """RLS without a policy is right where no client reads at all: outside the exposed schema, nowhere else."""
    _, findings = advisors(cli, pushed)
    exposed = [
        one["detail"] for one in findings if one["name"] == "rls_enabled_no_policy" and "`public." in one["detail"]
    ]
    assert exposed == []


def test_canary_a_bad_table_makes_the_advisors_fail(cli: Cli, spoiled: tuple[str, str]) -> None:
    """If this one passed unseen, the test above would prove nothing."""
    _, url = spoiled
    execute(url, "create table public.canary (id int primary key); grant all on public.canary to anon")
    code, findings = advisors(cli, url)
    assert code == 1
    assert any(one["name"] == "rls_disabled_in_public" and "canary" in one["detail"] for one in findings)


def test_the_history_gives_the_files_back(cli: Cli, ours: str, tmp_path: Path) -> None:
    """`migration fetch` from a database that migrate.py made: every file, comments included."""
    (tmp_path / "supabase").mkdir()
    Cli(cli.program, tmp_path).run("migration", "fetch", f"--remote={ours}", "--yes")
    for migration in load_migrations(cli.folder / "supabase"):
        fetched = (tmp_path / "supabase" / "migrations" / migration.path.name).read_text()
        assert same_text(fetched, [one.text for one in migration.statements]), migration.path.name
