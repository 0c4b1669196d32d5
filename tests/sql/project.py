"""A project with something of everybody's in every table, and the people who try what they may do with it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import psycopg

from scripts import migrate
from scripts.local.postgres import Postgres
from scripts.migrations.files import SUPABASE_DIR
from tests.factories import Json, Sql
from tests.sql import payments
from tests.sql.batching import batch
from tests.sql.subscribing import subscribe

Key = tuple[str, ...]
ROLES = ("anon", "user", "support", "admin", "owner", "service_role")
REFUSED = ("42501",)

TABLES = """
select n.nspname || '.' || c.relname,
       array(select a.attname::text
             from pg_index i join pg_attribute a on a.attrelid = c.oid and a.attnum = any(i.indkey)
             where i.indrelid = c.oid and i.indisprimary order by a.attnum),
       array(select a.attname::text from pg_attribute a
             where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' order by a.attnum)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where n.nspname in ('public', 'private') and c.relkind in ('r', 'p', 'v', 'm', 'f') order by 1
"""
# Whose a row is, by the first of these columns that its table has.
CHECKPOINTS = """
with made as (insert into public.ledger_keys (key_id, public_key, created_at)
              select left(encode(sha256(k), 'hex'), 16), k, now() from (select sha256('key') k) x returning key_id)
insert into private.ledger_checkpoints
select w.id, current_date, 1, w.ledger_head, w.balance, made.key_id, w.ledger_head || w.ledger_head, now()
  from public.wallets w, made where length(w.ledger_head) = 32
"""
PROVIDER_RESULTS = """
insert into private.provider_results (provider, request_id, generation_id, status, outcome, received_at)
select 'fal', g.id::text, g.id, 'ok', 'expected', now() from public.generations g
"""
TROUBLE = """
insert into private.scheduled_jobs (name, interval_seconds, planned_at) values ('dispatch', 5, now());
insert into private.ledger_problems (source, wallet_id, problem, once_key, found_at)
select 'wallets', w.id, 'balance_wrong', w.id, now() from public.wallets w;
insert into private.incidents (kind, began_at) values ('no_worker', now());
"""
OWNERS = {"user_id": "t.user_id", "wallet_id": "(select w.user_id from public.wallets w where w.id = t.wallet_id)"}


@dataclass(frozen=True)
class Person:
    """One column of the matrix: a database role, and the claims of a token."""

    name: str
    role: str
    user_id: uuid.UUID | None = None

    @property
    def claims(self) -> dict[str, str]:
        """What the token says."""
        claims = {"role": self.role}
        if self.user_id:
            claims |= {"sub": str(self.user_id)}
        return claims | ({"user_role": self.name} if self.name in ("support", "admin", "owner") else {})


@dataclass(frozen=True)
class Refused:
    """An operation refused as data, so that its audit row stays."""

    sqlstate: str


@dataclass(frozen=True)
class Row:
    """One row of a table, and whose it is."""

    key: Key
    owner: uuid.UUID | None
    values: dict[str, Json]


@dataclass(frozen=True)
class Table:
    """A table (or view) with all its rows."""

    name: str
    key: list[str]
    columns: list[str]
    rows: list[Row]

    def sample(self, person: Person) -> list[Row]:
        """One row of the person's own and one of somebody else's, as far as there are such."""
        own = [row for row in self.rows if row.owner and row.owner == person.user_id]
        return own[:1] + [row for row in self.rows if row not in own][:1]


def populate(sql: Sql) -> dict[str, Person]:
    """Sign up somebody for each column and a stranger, and leave rows of each of them in every table."""
    people = {"anon": Person("anon", "anon"), "service_role": Person("service_role", "service_role")}
    for name in ("stranger", "user", "support", "admin", "owner"):
        people[name] = Person(name, "authenticated", _live(sql))
    for name, role in {"stranger": "support", "support": "support", "admin": "admin", "owner": "owner"}.items():
        sql.connection.execute("insert into private.user_roles values (%s, %s)", [people[name].user_id, role])
    sql.connection.execute("update public.models set active = false where id = 'local/slow'")
    sql.connection.execute(CHECKPOINTS)
    sql.connection.execute(TROUBLE)
    admin = people["admin"].user_id
    assert admin
    sql.as_user(admin, "admin_create_promo_code", p_code="WELCOME", p_credits=5)
    prompt = {"key": "watercolor", "category": "style_preset", "content": "watercolor painting"}
    written = {"p_source": "edit", "p_reason": "test", "p_idempotency_key": "prompt"}
    sql.as_user(admin, "admin_write_prompts", p_prompts=[prompt], **written)
    for name in ("stranger", "user", "support", "admin", "owner"):
        user_id = people[name].user_id
        assert user_id
        sql.as_user(user_id, "redeem_promo_code", p_code="welcome", p_idempotency_key="welcome")
    for name in ("stranger", "user", "support", "admin", "owner"):
        asked = {"p_user_id": people[name].user_id, "p_amount": 1, "p_reason": "test", "p_idempotency_key": name}
        sql.as_user(admin, "admin_adjust_credits", **asked)
        limit = {"p_user_id": people[name].user_id, "p_concurrency": 9, "p_reason": "test"}
        sql.as_user(admin, "admin_limit_user", **limit)
    sql.as_service("reconcile_wallets")
    sql.connection.execute(PROVIDER_RESULTS)
    sold = sql.one("select id::text from public.payments where user_id = %s", people["user"].user_id)
    refund = {"p_payment_id": sold, "p_amount_cents": 5, "p_credits": None, "p_reason": "x", "p_idempotency_key": "x"}
    sql.as_user(people["admin"].user_id, "admin_start_refund", **refund)  # type: ignore[arg-type]  # he has an id
    sql.connection.execute("update public.credit_packages set active = false where id = 'credits-10'")
    sql.connection.execute("update public.plans set active = false where id = 'pro-yearly'")
    sql.connection.execute("insert into private.metric_totals values ('generations', '{}', 1)")
    sql.as_service("roll_up_statistics")
    sql.connection.execute(
        "insert into private.daily_generations values ('2026-01-01', 'm', 'failed', 0, 1, 0, 0, 0, 0)"
    )
    return people


def _live(sql: Sql) -> uuid.UUID:
    """Somebody who bought, holds, spent, and keeps a file in every bucket."""
    user = sql.new_user(credits=50)
    payments.apply(sql, payments.buy(sql, user), refunded_cents=1)
    subscribe(sql, user=user)
    topup = {"p_enabled": True, "p_threshold": 1, "p_package_id": "credits-50", "p_monthly_cap_cents": 1000}
    sql.as_user(user, "set_auto_topup", **topup)
    sql.reserve(user, 1)
    claim = sql.claim(sql.generate(user))
    sql.as_service("complete_generation", p_generation_id=claim["id"], p_attempt=claim["attempt"], p_outputs=[])
    made = batch(sql, user, 2)
    sql.as_user(user, "retry_batch", p_batch_id=made["id"], p_idempotency_key="again")
    sql.connection.execute("select private.notify(%s, 'credits_expiring', '{}', 'once')", [user])
    gift = {"p_email": "nobody@example.test", "p_credits": 1, "p_message": None, "p_idempotency_key": "gift"}
    sql.as_user(user, "gift_credits", **gift)
    sql.connection.execute(
        "insert into storage.objects (bucket_id, name, owner_id) select b.id, %s, %s from storage.buckets b",
        [f"{user}/file.png", str(user)],
    )
    return user


def tables(connection: psycopg.Connection[Any]) -> list[Table]:
    """Every table of ours, and storage.objects bucket by bucket."""
    found = [_read(connection, *row) for row in connection.execute(TABLES).fetchall()]
    found.append(_read(connection, "storage.buckets", ["id"], ["id", "name", "public"]))
    for bucket, public in connection.execute("select id, public from storage.buckets order by id").fetchall():
        found.append(_objects(connection, f"files in {bucket} ({'public' if public else 'private'})", bucket))
    return found


def ours(table: Table) -> bool:
    """Whether its grants are ours; those of Storage are the platform's, and only policies speak there."""
    return table.name.startswith(("public.", "private."))


def bucket_of(table: Table) -> str | None:
    """The bucket that a line of files is about."""
    return table.name.split()[2] if table.name.startswith("files in ") else None


def _read(connection: psycopg.Connection[Any], name: str, key: list[str], columns: list[str]) -> Table:
    key = key or columns  # a view has no key
    whose = next((OWNERS[column] for column in OWNERS if column in columns), "null::uuid")
    words = ", ".join(f"t.{column}::text" for column in key)
    query = f"select to_jsonb(t), {whose}, array[{words}] from {name} t"
    rows = connection.execute(query.encode()).fetchall()
    return Table(name, key, columns, [Row(tuple(found), owner, values) for values, owner, found in rows])


def _objects(connection: psycopg.Connection[Any], name: str, bucket: str) -> Table:
    query = "select to_jsonb(o), o.owner_id::uuid from storage.objects o where o.bucket_id = %s"
    rows = connection.execute(query, [bucket]).fetchall()
    return Table(name, ["id"], ["bucket_id", "name"], [Row((v["id"],), owner, v) for v, owner in rows])


@contextmanager
def acting(connection: psycopg.Connection[Any], person: Person) -> Iterator[None]:
    """Be somebody for one statement, as PostgREST and Storage make it so; nothing of it stays."""
    with connection.transaction(force_rollback=True):
        connection.execute(
            "select set_config('role', %s, true), set_config('request.jwt.claims', %s, true),"
            " set_config('storage.allow_delete_query', 'true', true)",
            [person.role, json.dumps(person.claims)],
        )
        yield


def tried(connection: psycopg.Connection[Any], person: Person, statement: Any, *values: Any) -> Any:
    """The rows of a statement (or how many it changed); the error that ended it; None when it was not permitted."""
    try:
        with acting(connection, person):
            cursor = connection.execute(statement, values)
            found = cursor.fetchall() if cursor.description else cursor.rowcount
            status = connection.execute("select current_setting('response.status', true)").fetchone()
            return Refused(f"PT{status[0]}") if status and status[0] else found
    except psycopg.Error as error:
        return None if error.sqlstate in REFUSED else error


@contextmanager
def populated(
    postgres: Postgres, grants: Literal["new", "old"]
) -> Iterator[tuple[psycopg.Connection[Any], dict[str, Person]]]:
    """A project of our own with these default grants, and its people."""
    name = f"project_{uuid.uuid4().hex[:8]}"
    postgres.create_platform(name, default_grants=grants)
    migrate.up(postgres.url(name), say=lambda _: None)
    with psycopg.connect(postgres.url(name), autocommit=True) as connection:
        connection.execute((SUPABASE_DIR / "seed.sql").read_bytes())
        yield connection, populate(Sql(connection))
    postgres.drop(name)
