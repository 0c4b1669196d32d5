"""Canaries for the access matrix: each is a mistake that somebody will make, and must be reported by name.

A check that cannot fail proves nothing, and looks the same as one that holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from scripts.local.postgres import SUPERUSER, Postgres
from tests.sql import matrix
from tests.sql.access_file import differences
from tests.sql.project import populated
from tests.sql.test_access import SECTIONS, Connection, People, broken

NOBODY = "from anon, authenticated, service_role; "
TABLE = "create table public.canary (id int primary key, user_id uuid); "
FILLED = TABLE + "insert into public.canary select row_number() over (), user_id from public.wallets; "
SAFE = FILLED + "alter table public.canary enable row level security; revoke all on public.canary " + NOBODY
VIEW = "create view public.canary as select * from public.wallets; revoke all on public.canary " + NOBODY
FUNCTION = "create function public.canary(p_user_id uuid) returns int language sql security definer as 'select 1'; "
USAGE = "create policy canary on public.usage_logs for insert to authenticated with check "
PROFILE = "grant update (display_name) on public.profiles to authenticated; "
PROFILES = "create policy canary on public.profiles for update to authenticated using (true); "
ADMINS = "create policy canary on public.wallets to authenticated using (auth.jwt() ->> 'user_role' = 'admin')"
BUCKET = "insert into storage.buckets (id, name, public) values ('canary', 'canary', true); "
FILE = "insert into storage.objects (bucket_id, name) values ('canary', 'file'); "
FILES = "create policy canary on storage.objects for insert to authenticated with check "

TABLES = {
    SAFE: "add the line\n    | `public.canary` | - | - | - | - | - | - | - |",
    SAFE + "grant select on public.canary to authenticated": "| - | select none | select none | select none |",
    FILLED + "grant select on public.canary to anon": "| `public.canary` | select all",
    VIEW + "grant select on public.canary to authenticated": "| `public.canary` | - | select all | select all |",
    VIEW.replace(" as ", " with (security_invoker) as ")
    + "grant select on public.canary to authenticated": "| `public.canary` | - | select own | select own |",
    "grant update on public.wallets to service_role": "select all, update all | - |",
    "grant insert on public.credit_grants to service_role": "select all, insert all | - |",
    "grant delete on public.credit_transactions to service_role": "select all, delete all | - |",
    "grant truncate on public.models to authenticated": "| select some | select some, truncate |",
    "grant references on public.models to anon": "| `public.models` | select some, references |",
    "grant insert on public.usage_logs to authenticated; "
    + USAGE
    + "(user_id = auth.uid())": "select own, insert own |",
    "grant insert on public.usage_logs to authenticated; " + USAGE + "(true)": "select own, insert all |",
    PROFILE: "select own, update none |",
    PROFILE + PROFILES: "select own, update own |",
    ADMINS: "| select own | select own | select all | select own |",
    "grant select on public.wallets to dashboard_user": "select all | dashboard_user |",
    FILES + "(true)": "select own, insert all, update none, delete none |",
    FILES + "((storage.foldername(name))[1] = auth.uid()::text)": "select own, insert own, update none, delete none |",
    BUCKET + FILE: "files in canary (public) is not in section Tables",
}
OTHERS = {
    "grant select (cost_micros) on public.generations to authenticated": (
        "Columns",
        "public.generations authenticated select is not as",
    ),
    PROFILE: ("Columns", "public.profiles authenticated update is not in section Columns"),
    FUNCTION: ("Functions", "| `public.canary` | yes | yes | yes | yes | yes | yes | PUBLIC |"),
    FUNCTION.replace("public.", "private."): ("Functions", "private.canary is not in section Functions"),
    "grant execute on function public.grant_credits to authenticated": ("Functions", "public.grant_credits is not as"),
    "drop function public.trial_balance": ("Functions", "public.trial_balance does not exist any more"),
    "grant usage on public.usage_logs_id_seq to anon": ("Sequences", "| `public.usage_logs_id_seq` | usage |"),
    "grant create on schema public to authenticated": ("Schemas", "| usage | usage, create |"),
    "grant usage on schema private to anon": ("Schemas", "| `private` | usage |"),
}
RULES = {
    TABLE: "row level security is on for every table",
    "create policy canary on public.wallets for select using (true)": "every policy names its roles",
    "create policy canary on storage.objects for select using (true)": "every policy names its roles",
    FUNCTION: "nothing is open to PUBLIC",
    TABLE + "grant select on public.canary to public": "nothing is open to PUBLIC",
    VIEW: "views see what their reader may see",
    FUNCTION + "/* an open definer */": "the API runs nothing as its owner unless only the service may call it",
}


@pytest.fixture(scope="module")
def project(postgres: Postgres) -> Iterator[tuple[Connection, People]]:
    """A project that canaries may spoil."""
    with populated(postgres, "new") as opened:
        yield opened


@contextmanager
def spoiled(project: tuple[Connection, People], mistake: str) -> Iterator[tuple[Connection, People]]:
    """The project after somebody's migration, which is undone in the end."""
    connection, people = project
    with connection.transaction(force_rollback=True):
        connection.execute(mistake.encode())
        yield connection, people


@pytest.mark.parametrize(("mistake", "line"), TABLES.items(), ids=range(len(TABLES)))
def test_a_mistake_with_a_table_shows_in_its_line(project: tuple[Connection, People], mistake: str, line: str) -> None:
    """regression: A5, a check must be seen to fail."""
    with spoiled(project, mistake) as (connection, people):
        found = differences("Tables", matrix.table_lines(connection, people, only=mistake))
    assert line in "\n".join(found)


@pytest.mark.parametrize(("mistake", "report"), OTHERS.items(), ids=range(len(OTHERS)))
def test_a_mistake_with_anything_else_shows_in_its_section(
    project: tuple[Connection, People], mistake: str, report: tuple[str, str]
) -> None:
    """regression: A1 and A5, a function that anybody may call among them."""
    section, line = report
    with spoiled(project, mistake) as found:
        assert line in "\n".join(differences(section, SECTIONS[section](*found)))


def test_a_table_without_rows_proves_nothing_and_is_refused(project: tuple[Connection, People]) -> None:
    """Without rows, `nothing is seen` would look like `nothing may be seen`."""
    with spoiled(project, TABLE) as found, pytest.raises(AssertionError, match=r"public\.canary is empty"):
        matrix.table_lines(*found)


@pytest.mark.parametrize(("mistake", "rule"), RULES.items(), ids=range(len(RULES)))
def test_a_broken_rule_is_seen(project: tuple[Connection, People], mistake: str, rule: str) -> None:
    """regression: A5."""
    with spoiled(project, mistake) as (connection, _):
        assert any("canary" in one for one in broken(rule, connection))


def test_something_of_ours_in_the_platforms_schemas_is_seen(postgres: Postgres, database: str) -> None:
    """Only a superuser can still make it. (regression: A5)"""
    with psycopg.connect(database.replace("//postgres:", f"//{SUPERUSER}:")) as connection:
        connection.execute("create table auth.canary (id int); alter table auth.canary owner to postgres")
        assert "auth.canary" in broken("nothing of ours lives in the platform's schemas", connection)
        connection.rollback()
