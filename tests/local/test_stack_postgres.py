"""The embedded PostgreSQL and the platform in it, on every version that is here."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from scripts.local import binaries
from scripts.local.postgres import SUPERUSER, Postgres, find_all_bin_dirs


@pytest.fixture(scope="module", params=(15, 16, 17, 18))
def any_postgres(request: pytest.FixtureRequest) -> Iterator[Postgres]:
    bin_dir = find_all_bin_dirs().get(request.param)
    if bin_dir is None:
        pytest.skip(f"PostgreSQL {request.param} is not on this machine")
    with Postgres(bin_dir=bin_dir) as server:
        server.create_platform("first")
        yield server


def snapshot(url: str) -> list[tuple[object, ...]]:
    """Everything the platform decides: roles, memberships, settings, owners, grants, defaults."""
    queries = (
        "select rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolbypassrls from pg_roles",
        "select roleid::regrole, member::regrole, admin_option from pg_auth_members",
        "select setdatabase, setrole::regrole, setconfig from pg_db_role_setting",
        "select nspname, nspowner::regrole, nspacl::text from pg_namespace where nspname !~ '^pg_temp|^pg_toast'",
        "select oid::regclass, relowner::regrole, relacl::text, relrowsecurity from pg_class where oid >= 16384",
        "select oid::regprocedure, proowner::regrole, proacl::text from pg_proc where oid >= 16384",
        "select defaclrole::regrole, defaclnamespace::regnamespace, defaclobjtype, defaclacl::text from pg_default_acl",
        "select evtname, evtowner::regrole from pg_event_trigger",
    )
    with psycopg.connect(url) as connection:
        return [(query, *map(str, row)) for query in queries for row in sorted(connection.execute(query), key=str)]


def test_the_platform_can_be_applied_twice(any_postgres: Postgres) -> None:
    before = snapshot(any_postgres.url("first"))
    any_postgres.create_platform("first")
    assert snapshot(any_postgres.url("first")) == before


def test_postgres_is_no_superuser_and_may_do_what_migrations_need(any_postgres: Postgres) -> None:
    with psycopg.connect(any_postgres.url("first")) as connection:
        assert connection.execute("select rolsuper from pg_roles where rolname = current_user").fetchone() == (False,)
        connection.execute("create schema private")
        connection.execute("create table public.t (id uuid references auth.users, o uuid default auth.uid())")
        connection.execute("create function public.f() returns trigger language plpgsql as 'begin return new; end'")
        connection.execute("create trigger t after insert on auth.users for each row execute function public.f()")
        connection.execute("create policy p on storage.objects for select to authenticated using (owner_id = 'x')")
        connection.execute("set local role authenticated")
        connection.rollback()


def test_postgres_may_not_change_auth(any_postgres: Postgres) -> None:
    for statement in ("create table auth.x (a int)", "alter table auth.users add x int", "create role x superuser"):
        with psycopg.connect(any_postgres.url("first")) as connection, pytest.raises(psycopg.Error) as refusal:
            connection.execute(statement)
        assert refusal.value.sqlstate == "42501"


@pytest.mark.parametrize(("default_grants", "may_read"), [("new", False), ("old", True)])
def test_new_tables_are_born_with_the_grants_of_their_time(
    any_postgres: Postgres, default_grants: str, may_read: bool
) -> None:
    any_postgres.create_platform("grants", default_grants="old" if default_grants == "old" else "new")
    with psycopg.connect(any_postgres.url("grants")) as connection:
        connection.execute("create table public.t (a int)")
        for role in ("anon", "authenticated", "service_role"):
            query = "select has_table_privilege(%s, 'public.t', 'select')"
            assert connection.execute(query, [role]).fetchone() == (may_read,)
        connection.rollback()


def test_not_even_the_service_role_reads_auth_tables(any_postgres: Postgres) -> None:
    with psycopg.connect(any_postgres.url("first")) as connection:
        connection.execute("set role service_role")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select * from auth.users")


def test_files_are_not_deleted_by_sql(any_postgres: Postgres) -> None:
    with psycopg.connect(any_postgres.url("first")) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="Use the Storage API"):
            connection.execute("delete from storage.objects")


def test_claims_reach_the_auth_functions(any_postgres: Postgres) -> None:
    claims = '{"sub": "5b0ab2a4-1f0b-4a0e-9a49-8a2f6f8f0a11", "role": "authenticated", "email": "a@example.com"}'
    query = "select auth.uid()::text, auth.role(), auth.email(), auth.jwt() ->> 'role'"
    with psycopg.connect(any_postgres.url("first"), autocommit=True) as connection:
        with connection.transaction():
            connection.execute("select set_config('request.jwt.claims', %s, true)", [claims])
            assert connection.execute(query).fetchone() == (
                "5b0ab2a4-1f0b-4a0e-9a49-8a2f6f8f0a11",
                "authenticated",
                "a@example.com",
                "authenticated",
            )
        assert connection.execute(query).fetchone() == (None, None, None, None)


def test_without_postgresql_the_message_names_three_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PG_BINDIR", raising=False)
    monkeypatch.setattr(binaries, "_candidates", lambda: iter(()))
    with pytest.raises(binaries.PostgresMissing) as refusal:
        binaries.find_bin_dir()
    assert all(way in str(refusal.value) for way in ("scripts/start", "apt-get install postgresql", "PG_BINDIR"))


def test_a_wrong_pg_bindir_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("PG_BINDIR", str(tmp_path))
    with pytest.raises(binaries.PostgresMissing, match=f"PG_BINDIR is {tmp_path}"):
        binaries.find_bin_dir()


def test_settings_of_postgresql_can_be_given() -> None:
    """As a measurement does that needs memory for many rows; they come last."""
    with (
        Postgres(settings={"work_mem": "7MB", "fsync": "on"}) as server,
        psycopg.connect(server.url(user=SUPERUSER)) as connection,
    ):
        found = connection.execute("select current_setting('work_mem'), current_setting('fsync')").fetchone()
    assert found == ("7MB", "on")
