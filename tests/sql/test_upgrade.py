"""Upgrade equals fresh: a database from an earlier set of migrations, lived in and migrated forward, lacks nothing."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from scripts.local.postgres import Postgres
from scripts.migrate import up
from scripts.migrations.files import SUPABASE_DIR, load_migrations
from tests.factories import Sql

FIRST_RELEASE = "20261121100500"  # before it there is no operation, so no data either
VERSIONS = [migration.version for migration in load_migrations(SUPABASE_DIR)]
CUTS = [version for version in VERSIONS if FIRST_RELEASE <= version < VERSIONS[-1]] or [FIRST_RELEASE]
OURS = "in ('public'::regnamespace, 'private'::regnamespace)"

# Everything of ours that the catalog knows, one row each: what it is, and all there is to say about it.
SCHEMA = f"""
select 'table', c.oid::regclass::text, concat_ws(' ', c.relkind, c.relrowsecurity, c.relforcerowsecurity,
       c.reloptions::text, obj_description(c.oid, 'pg_class'))
  from pg_class c where c.relnamespace {OURS} and c.relkind in ('r', 'p', 'v', 'm', 'S')
union all
select 'column', a.attrelid::regclass || '.' || a.attname, concat_ws(' ', a.attnum,
       format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
       pg_get_expr(d.adbin, d.adrelid), col_description(a.attrelid, a.attnum))
  from pg_attribute a join pg_class c on c.oid = a.attrelid
       left join pg_attrdef d on (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
 where c.relnamespace {OURS} and c.relkind in ('r', 'p', 'v', 'm') and a.attnum > 0 and not a.attisdropped
union all
select 'grant', o.name, r.rolname || ' ' || string_agg(g.privilege_type, ' ' order by g.privilege_type)
  from (select c.oid::regclass::text as name, coalesce(c.relacl, acldefault('r', c.relowner)) as acl
          from pg_class c where c.relnamespace {OURS} and c.relkind in ('r', 'p', 'v', 'm')
        union all
        select c.oid::regclass::text, coalesce(c.relacl, acldefault('s', c.relowner))
          from pg_class c where c.relnamespace {OURS} and c.relkind = 'S'
        union all
        select a.attrelid::regclass || '.' || a.attname, a.attacl
          from pg_attribute a join pg_class c on c.oid = a.attrelid where c.relnamespace {OURS}
        union all
        select p.oid::regprocedure::text, coalesce(p.proacl, acldefault('f', p.proowner))
          from pg_proc p where p.pronamespace {OURS}
        union all
        select n.nspname, n.nspacl from pg_namespace n where n.oid {OURS}) o,
       aclexplode(o.acl) g left join pg_roles r on r.oid = g.grantee
 group by o.name, r.rolname
union all
select 'constraint', c.conrelid::regclass || '.' || c.conname,
       concat_ws(' ', pg_get_constraintdef(c.oid), c.convalidated)
  from pg_constraint c where c.connamespace {OURS}
union all
select 'index', i.indexrelid::regclass::text, concat_ws(' ', pg_get_indexdef(i.indexrelid), i.indisvalid)
  from pg_index i join pg_class c on c.oid = i.indexrelid where c.relnamespace {OURS}
union all
select 'policy', p.schemaname || '.' || p.tablename || '.' || p.policyname,
       concat_ws(' ', p.permissive, p.roles, p.cmd, p.qual, p.with_check)
  from pg_policies p where p.schemaname in ('public', 'private', 'storage')
union all
select 'trigger', t.tgrelid::regclass || '.' || t.tgname, concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled)
  from pg_trigger t join pg_proc p on p.oid = t.tgfoid where p.pronamespace {OURS} and not t.tgisinternal
union all
select 'function', p.oid::regprocedure::text,
       pg_get_functiondef(p.oid) || coalesce(obj_description(p.oid, 'pg_proc'), '')
  from pg_proc p where p.pronamespace {OURS}
union all
select 'bucket', b.id, to_jsonb(b)::text from (
  select id, name, public, file_size_limit, allowed_mime_types from storage.buckets) b
"""
TABLES = f"select c.oid::regclass::text from pg_class c where c.relnamespace {OURS} and c.relkind = 'r'"
Rows = dict[str, list[dict[str, Any]]]


def schema(connection: psycopg.Connection[Any]) -> set[tuple[str, str, str]]:
    """What the catalog says: kind, name and all the rest."""
    return set(connection.execute(SCHEMA.encode()).fetchall())


def contents(connection: psycopg.Connection[Any]) -> Rows:
    """Every row of every table of ours."""
    return {
        table: [row[0] for row in connection.execute(f"select to_jsonb(t) from {table} t".encode()).fetchall()]
        for (table,) in connection.execute(TABLES.encode()).fetchall()
    }


def lost(before: Rows, after: Rows) -> list[str]:
    """Rows that are not there any more as they were; a new column may stand beside the old ones."""
    missing = []
    for table, rows in before.items():
        columns = rows[0].keys() if rows else ()
        kept = [{name: row.get(name) for name in columns} for row in after.get(table, [])]
        missing += [f"{table}: {row}" for row in rows if row not in kept]
    return missing


def as_of(then: Any, now: Any) -> Any:
    """What is answered today, without the keys that answers did not have then."""
    if isinstance(then, dict) and isinstance(now, dict):
        return {key: as_of(then[key], now[key]) for key in then if key in now}
    if isinstance(then, list | tuple) and isinstance(now, list | tuple) and len(then) == len(now):
        return type(now)(as_of(*pair) for pair in zip(then, now, strict=True))
    return now


def supabase_until(folder: Path, version: str) -> Path:
    """A checkout of the past: the migrations up to this one, and no function files, which are read from them."""
    migrations = folder / version / "migrations"
    migrations.mkdir(parents=True)
    for migration in load_migrations(SUPABASE_DIR):
        if migration.version <= version:
            shutil.copy(migration.path, migrations)
    return migrations.parent


def live(sql: Sql) -> None:
    """What a project has after a while: every kind of row that the operations make, settled and open."""
    alice, bob = sql.new_user(credits=50), sql.new_user(credits=20, source="promotion")
    sql.grant(alice, 5, lasts=60)
    sql.grant(bob, 5, lasts=60)
    taken = sql.reserve(alice, 8)
    sql.as_service("confirm_reservation", p_reservation_id=taken["id"], p_amount=6)
    usage = sql.one("select id from credit_transactions where reservation_id = %s", taken["id"])
    request = {"p_transaction_id": usage, "p_amount": 2, "p_idempotency_key": uuid.uuid4().hex}
    sql.as_service("refund_transaction", **request)
    sql.as_service("release_reservation", p_reservation_id=sql.reserve(bob, 3)["id"])
    late = sql.reserve(bob, 25, lasts=30, late_settle="debt")
    claim = sql.claim(sql.generate(alice))
    ours = {"p_generation_id": claim["id"], "p_attempt": claim["attempt"]}
    sql.as_service("complete_generation", **ours, p_outputs=[{"path": "x"}], p_cost_micros=1200)
    sql.claim(sql.generate(alice))
    sql.as_user(alice, "cancel_generation", p_generation_id=sql.generate(alice)["id"])
    sql.move_time(61)
    sql.as_service("sweep_credits")
    sql.as_service("confirm_reservation", p_reservation_id=late["id"], p_amount=40)
    sql.reserve(alice, 4, lasts=600)
    sql.generate(alice)
    sql.connection.execute("insert into private.user_roles (user_id, role) values (%s, 'admin')", [alice])
    sql.move_time(-61)


def figures(sql: Sql, user: uuid.UUID) -> Any:
    """What a user reads."""
    return sql.balance(user), sql.ledger(user), sql.as_user(user, "list_generations")


@pytest.fixture
def make(postgres: Postgres, bare: str) -> Iterator[Callable[[Path], str]]:
    """Makes databases from checkouts."""
    names: list[str] = []

    def make(supabase_dir: Path) -> str:
        names.append(f"upgrade_{uuid.uuid4().hex[:8]}")
        postgres.clone(bare, names[-1])
        up(postgres.url(names[-1]), supabase_dir, say=lambda _: None)
        return postgres.url(names[-1])

    yield make
    for name in names:
        postgres.drop(name)


@pytest.fixture(scope="module")
def bare(postgres: Postgres) -> str:
    """Name of a database with the platform and nothing of ours."""
    postgres.create_platform("upgrade_bare")
    return "upgrade_bare"


def test_a_database_of_every_past_becomes_the_one_of_today(make: Callable[[Path], str], tmp_path: Path) -> None:
    """It is lived in after each migration, and each next one keeps every row, the sums and what users read; in the end
    its schema is that of a new one, the books are sound, and it goes on working."""
    fresh, url = make(SUPABASE_DIR), make(supabase_until(tmp_path, CUTS[0]))
    read: dict[uuid.UUID, Any] = {}
    with psycopg.connect(url, autocommit=True) as connection:
        sql = Sql(connection)
        for following in [*CUTS[1:], VERSIONS[-1]]:
            live(sql)
            users = [row[0] for row in connection.execute("select user_id from public.wallets").fetchall()]
            read |= {user: figures(sql, user) for user in users if user not in read}
            before, sums = contents(connection), sql.trial_balance()
            up(url, supabase_until(tmp_path, following), say=lambda _: None)
            assert lost(before, contents(connection)) == [], following
            assert as_of(sums, sql.trial_balance()) == sums, following
        assert all(before[table] for table in ("wallets", "credit_transactions", "generations", "usage_logs"))
        assert len(read) == 2 * len(CUTS)
        for user, then in read.items():
            assert as_of(then, figures(sql, user)) == then
        with psycopg.connect(fresh) as new:
            assert schema(connection) == schema(new)
        live(sql)
        assert sql.problems() == []
    assert up(url, say=lambda _: None).applied == []


@pytest.mark.parametrize(
    "drift",
    [
        "alter table public.wallets add column extra int",
        "alter table public.wallets alter column low_balance_threshold set default 6",
        "alter table public.wallets drop constraint wallets_debt_is_declared",
        "drop index public.generations_queued",
        "create policy extra on public.wallets for select to anon using (true)",
        "grant update (held) on public.wallets to service_role",
        "grant execute on function public.grant_credits to authenticated",
        "alter function private.clock() stable",
        "alter table public.credit_transactions disable trigger ledger_is_append_only",
        "alter table public.profiles disable row level security",
        "update storage.buckets set public = true",
        "comment on table public.wallets is 'other'",
    ],
)
def test_a_difference_of_any_kind_is_seen(db: psycopg.Connection[Any], drift: str) -> None:
    """A comparison that sees nothing would agree with everything."""
    before = schema(db)
    db.execute(drift.encode())
    assert schema(db) != before


@pytest.mark.parametrize(
    ("loss", "table"),
    [
        ("update profiles set marketing_consent = true", "profiles"),
        ("delete from usage_logs", "usage_logs"),
        ("alter table generations drop column cost_micros", "generations"),
        ("drop table private.user_roles cascade", "private.user_roles"),
    ],
)
def test_a_loss_of_any_kind_is_seen(sql: Sql, loss: str, table: str) -> None:
    """A row that changed, a row that went, a column, a table."""
    live(sql)
    before = contents(sql.connection)
    sql.connection.execute(loss.encode())
    assert {one.partition(":")[0] for one in lost(before, contents(sql.connection))} == {table}
