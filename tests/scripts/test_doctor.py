"""doctor.py on a sound environment, and on broken ones: the cause is named, and nothing else is blamed."""

from __future__ import annotations

import json
import re
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import LiteralString

import httpx
import pytest

from scripts.diagnosis import command
from scripts.diagnosis.patient import Patient
from scripts.local.environment import noted
from scripts.local.places import demo_email
from scripts.local.supabase import Settings, create_app
from scripts.local.supabase.keys import make_keys
from tests.scripts.doctors import (
    Clinic,
    blamed,
    only,
    serving,
    skipped,
    start_scheduler,
    start_worker,
    warned,
)

NOWHERE = "127.0.0.1:9"


def test_a_sound_environment_is_all_green_within_seconds(clinic: Clinic) -> None:
    """Every check says ok, the token hook's too, and none is skipped."""
    started = time.monotonic()
    found = clinic.examine(hook=True)
    sys.stdout.write(f"the doctor took {time.monotonic() - started:.2f} s\n")
    assert {one.state for one in found} == {"ok"}, [one for one in found if one.state != "ok"]
    assert len(found) == 48


def test_the_local_stack_is_examined_with_its_own_variables_and_a_demo_account(
    clinic: Clinic, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--local`, as a command: exit code 0, and the hook is proved by signing in."""
    key, password = clinic.world.keys.secret_key, "demo-password-1"
    made = httpx.post(
        f"{clinic.world.supabase.url}/auth/v1/admin/users",
        headers={"apikey": key, "Authorization": f"Bearer {key}"},
        json={"email": demo_email("user"), "password": password, "email_confirm": True},
    )
    assert made.status_code == 200, made.text
    (tmp_path / "logins.json").write_text(json.dumps({"user": password}))
    with noted(tmp_path / "environment", clinic.environ):
        assert command.main(["--local", str(tmp_path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["sound"] and told["counts"]["ok"] == len(told["findings"])
    assert command.main(["--local", str(tmp_path)]) == 2, "the stack has ended, and its variables with it"


def test_without_a_database_address_the_rest_is_examined_and_the_reason_shows(clinic: Clinic) -> None:
    """Nothing is pretended: what was not looked at says why."""
    found = clinic.examine(DATABASE_URL=None)
    assert not blamed(found)
    unseen = skipped(found)
    assert unseen["database"] == ["DATABASE_URL is not set"]
    assert unseen["functions"] == unseen["grants"] == unseen["ledger"] == ["because database was skipped"]
    assert "newest applied" in next(one.cause for one in found if one.check == "migrations")


def test_both_generations_of_keys_work(clinic: Clinic) -> None:
    """Legacy keys are accepted, with a word on their end."""
    keys = clinic.world.keys
    found = clinic.examine(
        SUPABASE_PUBLISHABLE_KEY=None,
        SUPABASE_SECRET_KEY=None,
        SUPABASE_ANON_KEY=keys.anon_key,
        SUPABASE_SERVICE_ROLE_KEY=keys.service_role_key,
    )
    assert not blamed(found)
    assert len(warned(found)["key generation"]) == 2


@pytest.mark.parametrize(
    ("changed", "causes"),
    [
        ({"REDIS_URL": None}, ["REDIS_URL is missing"]),
        ({"SITE_URL": None, "SUPABASE_URL": ""}, ["SUPABASE_URL is missing", "SITE_URL is missing"]),
        ({"SUPABASE_SECRET_KEY": "sb_secret"}, ["SUPABASE_SECRET_KEY is no key of a Supabase project"]),
        ({"CORS_ORIGINS": "*"}, ["CORS_ORIGINS must list origins"]),
        ({"TESTING_MODE": "1", "APP_ENV": "production"}, ["TESTING_MODE can't be on in production"]),
        (
            {"TESTING_MODE": "1", "SUPABASE_URL": "https://abc.supabase.co"},
            ["SUPABASE_URL is not on this machine, which TESTING_MODE requires"],
        ),
        (
            {"TESTING_MODE": "1", "STRIPE_SECRET_KEY": "sk_live_51Hxyz"},
            ["STRIPE_SECRET_KEY holds a live key, which TESTING_MODE refuses"],
        ),
        ({"SUPABASE_URL": "http://abc.supabase.co"}, ["SUPABASE_URL must be https"]),
    ],
)
def test_bad_variables_are_named(clinic: Clinic, changed: dict[str, str | None], causes: list[str]) -> None:
    """All at once, and what needs them is not blamed."""
    found = clinic.examine(**changed)
    failed = blamed(found)
    assert list(failed) == ["variables"]
    assert [any(told.startswith(cause) for told in failed["variables"]) for cause in causes] == [True] * len(causes)
    assert len(failed["variables"]) == len(causes)
    assert skipped(found)["redis"] == ["because variables failed"]


def test_swapped_keys_are_named(clinic: Clinic) -> None:
    """A publishable key where a secret one belongs, and the other way round."""
    keys = clinic.world.keys
    found = clinic.examine(SUPABASE_PUBLISHABLE_KEY=keys.secret_key, SUPABASE_SECRET_KEY=keys.publishable_key)
    assert blamed(found) == {
        "variables": ["SUPABASE_PUBLISHABLE_KEY holds a SECRET key", "SUPABASE_SECRET_KEY holds the publishable key"]
    }


def test_a_key_of_another_project_is_named(clinic: Clinic) -> None:
    """It looks right, so it has to be tried."""
    other = make_keys()
    assert "does not know SUPABASE_SECRET_KEY" in only(
        clinic.examine(SUPABASE_SECRET_KEY=other.secret_key), "secret key"
    )
    cause = only(clinic.examine(SUPABASE_PUBLISHABLE_KEY=other.publishable_key), "publishable key")
    assert "does not know SUPABASE_PUBLISHABLE_KEY" in cause


def test_a_wrong_legacy_secret_is_named(clinic: Clinic) -> None:
    """The legacy keys are signed with it, so that nobody has to be asked."""
    environ = {"SUPABASE_ANON_KEY": clinic.world.keys.anon_key, "SUPABASE_JWT_SECRET": "x" * 40}
    assert "not the secret that signed SUPABASE_ANON_KEY" in only(clinic.examine(**environ), "signing keys")


def test_a_project_that_is_not_there_is_named(clinic: Clinic) -> None:
    """One cause, and not one for each of its services."""
    assert NOWHERE in only(clinic.examine(SUPABASE_URL=f"http://{NOWHERE}"), "supabase")


@pytest.mark.parametrize(
    ("path", "check"),
    [
        ("/rest/v1", "rest"),
        ("/auth/v1/health", "supabase"),
        ("/storage/v1", "bucket"),
        ("/auth/v1/.well-known", "signing keys"),
    ],
)
def test_a_service_that_is_down_is_named(clinic: Clinic, path: str, check: str) -> None:
    """REST, Auth, Storage or the JWKS."""
    with clinic.world.supabase.outage(path):
        assert "503" in only(clinic.examine(), check)


def test_a_project_without_signing_keys_is_named(clinic: Clinic) -> None:
    """It lists none, so that no token can be verified, unless the legacy secret is given."""
    served = clinic.world.supabase._answer

    def without_keys(environ, start_response):  # type: ignore[no-untyped-def]
        if not environ["PATH_INFO"].endswith("jwks.json"):
            return served(environ, start_response)
        start_response("200 OK", [("Content-Type", "application/json")])
        return [b'{"keys": []}']

    with serving(without_keys) as url:
        assert "lists no key" in only(clinic.examine(SUPABASE_URL=url), "signing keys")
        assert not blamed(clinic.examine(SUPABASE_URL=url, SUPABASE_JWT_SECRET=clinic.world.keys.jwt_secret))


def test_a_hook_that_auth_does_not_call_is_named(clinic: Clinic, tmp_path: Path) -> None:
    """The function alone is not enough."""
    world = clinic.world
    with serving(lambda environ, start: app(environ, start)) as url:
        app = create_app(
            Settings(
                database_url=world.database_url, storage_dir=tmp_path, keys=world.keys, url=url, access_token_hook=""
            )
        )
        assert "no user_role" in only(clinic.examine(hook=True, SUPABASE_URL=url), "token hook")
        app.extensions["supabase"].close()


def test_the_hook_is_not_judged_without_an_account(clinic: Clinic) -> None:
    """No account is made for it: its wallet and ledger row would stay for ever."""
    assert "no account was given" in skipped(clinic.examine())["token hook"][0]
    found = clinic.look_at(Patient(clinic.environ, user_id="00000000-0000-4000-8000-000000000000"))
    assert not blamed(found)
    assert "no account" in warned(found)["token hook"][0]


def test_a_database_that_cannot_be_reached_is_named(clinic: Clinic) -> None:
    """The address is wrong, and the rest of the project is well."""
    found = clinic.examine(DATABASE_URL=f"postgresql://postgres:hunter2secret@{NOWHERE}/postgres?sslmode=disable")
    assert NOWHERE in only(found, "database")
    assert "hunter2secret" not in str(found)
    assert skipped(found)["functions"] == ["because database failed"]


def test_a_database_that_is_down_is_blamed_alone(clinic: Clinic) -> None:
    """Auth, REST and Storage fail with it, and none of them is the cause."""
    with clinic.world.database_outage():
        only(clinic.examine(), "database")


FORGED_BALANCE: LiteralString = """
create or replace function public.trial_balance()
returns table (account text, kind text, entries bigint, credits numeric)
language sql stable security definer set search_path = '' as $$ select 'difference', '', 0::bigint, 0::numeric $$
"""
FORGET: LiteralString = """
create table supabase_migrations.kept as select * from supabase_migrations.schema_migrations where name = 'storage';
delete from supabase_migrations.schema_migrations where name = 'storage'
"""
REMEMBER: LiteralString = """
insert into supabase_migrations.schema_migrations select * from supabase_migrations.kept;
drop table supabase_migrations.kept
"""
EDIT: LiteralString = """
update supabase_migrations.schema_migrations set statements[1] = '-' || statements[1] where name = 'storage'
"""
UNEDIT: LiteralString = """
update supabase_migrations.schema_migrations set statements[1] = substr(statements[1], 2) where name = 'storage'
"""
LATER: LiteralString = """
set session_replication_role = replica;
update public.credit_transactions set created_at = created_at + interval '1 s' where id = (
  select min(id) from public.credit_transactions)
"""
EARLIER: LiteralString = """
update public.credit_transactions set created_at = created_at - interval '1 s' where id = (
  select min(id) from public.credit_transactions)
"""
RICHER: LiteralString = """
set session_replication_role = replica;
update public.wallets set balance = balance + 7 where id = (select id from public.wallets order by id limit 1)
"""
POORER: LiteralString = """
update public.wallets set balance = balance - 7 where id = (select id from public.wallets order by id limit 1)
"""
BROKEN: dict[str, tuple[LiteralString, LiteralString, str, str]] = {
    "a function whose text was edited": (
        FORGED_BALANCE,
        "",
        "functions",
        "function public.trial_balance(): its text",
    ),
    "a function that was opened to all": (
        "grant execute on function public.verify_ledger(uuid) to anon",
        "",
        "functions",
        "function public.verify_ledger(uuid): its grants",
    ),
    "a function of nobody": (
        "create function public.oops() returns int language sql as 'select 1'",
        "drop function public.oops()",
        "functions",
        "function oops() is in no file, and users may call it",
    ),
    "an operation of admins that is not there": (
        "drop function public.admin_adjust_credits",
        "",
        "functions",
        "public.admin_adjust_credits(uuid,bigint,text,text,timestamp with time zone,boolean) is missing",
    ),
    "an operation that admins may not call": (
        "revoke execute on function public.admin_adjust_credits from authenticated",
        "",
        "functions",
        "public.admin_adjust_credits(uuid,bigint,text,text,timestamp with time zone,boolean): its grants",
    ),
    "a token hook that is not there": (
        "drop function public.custom_access_token_hook",
        "",
        "functions",
        "public.custom_access_token_hook(jsonb) is missing",
    ),
    "a token hook that Auth may not call": (
        "revoke execute on function public.custom_access_token_hook from supabase_auth_admin",
        "",
        "functions",
        "public.custom_access_token_hook(jsonb): its grants",
    ),
    "a trigger that was switched off": (
        "alter table public.credit_transactions disable trigger ledger_is_append_only",
        "alter table public.credit_transactions enable trigger ledger_is_append_only",
        "functions",
        "trigger ledger_is_append_only",
    ),
    "a grant too many": (
        "grant insert on public.wallets to authenticated",
        "revoke insert on public.wallets from authenticated",
        "grants",
        "authenticated may insert on public.wallets",
    ),
    "a column too many": (
        "grant select (cost_micros) on public.generations to authenticated",
        "revoke select (cost_micros) on public.generations from authenticated",
        "grants",
        "authenticated may select (cost_micros) on public.generations",
    ),
    "a grant that is missing": (
        "revoke select on public.profiles from authenticated",
        "grant select on public.profiles to authenticated",
        "grants",
        "authenticated may not select on public.profiles",
    ),
    "row security that is off": (
        "alter table public.wallets disable row level security",
        "alter table public.wallets enable row level security",
        "row security",
        "row level security is off on public.wallets",
    ),
    "a policy too many": (
        'create policy "all of it" on public.wallets for select to authenticated using (true)',
        'drop policy "all of it" on public.wallets',
        "row security",
        'policy "all of it" on public.wallets is in no migration',
    ),
    "a public bucket": (
        "update storage.buckets set public = true where id = 'images'",
        "update storage.buckets set public = false where id = 'images'",
        "bucket",
        "the bucket images is public",
    ),
    "a public bucket of originals": (
        "update storage.buckets set public = true where id = 'batch-originals'",
        "update storage.buckets set public = false where id = 'batch-originals'",
        "bucket",
        "the bucket batch-originals is public",
    ),
    "a bucket that is missing": (
        "update storage.buckets set id = 'gone' where id = 'batch-originals'",
        "update storage.buckets set id = 'batch-originals' where id = 'gone'",
        "bucket",
        "the bucket batch-originals is missing",
    ),
    "no models": (
        "update public.models set active = false",
        "update public.models set active = true",
        "models",
        "no model is active",
    ),
    "a pending migration": (
        FORGET,
        REMEMBER,
        "migrations",
        "1 pending: 20261121100300_storage.sql",
    ),
    "an edited migration": (
        EDIT,
        UNEDIT,
        "migrations",
        "20261121100300_storage.sql was edited",
    ),
    "a migration that nobody knows": (
        "insert into supabase_migrations.schema_migrations values ('29990101000000', '{}', 'future')",
        "delete from supabase_migrations.schema_migrations where version = '29990101000000'",
        "migrations",
        "29990101000000_future",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_wrong_in_the_database_is_named(clinic: Clinic, what: str) -> None:
    """And nothing beside it."""
    sql, mend, check, cause = BROKEN[what]
    with clinic.broken(sql, mend):
        found = clinic.examine()
    assert cause in only(found, check)


def test_an_open_door_is_named_even_when_something_else_failed(clinic: Clinic) -> None:
    """A pending migration explains a missing bucket, but not a public one, nor row security that is off."""
    open_doors = ["a public bucket", "row security that is off"]
    with ExitStack() as stack:
        for what in [*open_doors, "a pending migration"]:
            sql, mend, *_ = BROKEN[what]
            stack.enter_context(clinic.broken(sql, mend))
        assert set(blamed(clinic.examine())) == {"migrations", "bucket", "row security"}


def test_a_member_too_many_is_named(clinic: Clinic) -> None:
    """A role that inherits the service role's rights passes by everything."""
    with clinic.broken(
        "grant service_role to authenticated", "revoke service_role from authenticated", as_superuser=True
    ):
        assert "authenticated was made a member of service_role" in only(clinic.examine(), "roles")


def test_a_changed_ledger_row_is_named(clinic: Clinic) -> None:
    """The chain shows it."""
    with clinic.broken(LATER, EARLIER, as_superuser=True):
        assert "row_changed" in only(clinic.examine(), "ledger")


def test_books_that_do_not_balance_are_named(clinic: Clinic) -> None:
    """Credits out of nowhere; the ledger's own complaint is the same cause."""
    with clinic.broken(RICHER, POORER, as_superuser=True):
        assert "differ by 7" in only(clinic.examine(), "trial balance")


def test_a_redis_that_is_away_is_named(clinic: Clinic) -> None:
    """Worker and scheduler cannot be seen without it, and are not blamed."""
    found = clinic.examine(REDIS_URL=f"redis://:hunter2secret@{NOWHERE}/0")
    assert NOWHERE in only(found, "redis")
    assert "hunter2secret" not in str(found)
    assert skipped(found)["worker"] == skipped(found)["scheduler"] == ["because redis failed"]
    assert "does not let us in" in only(clinic.examine(REDIS_URL=clinic.valkey.url.replace("@", "x@")), "redis")


def test_a_redis_that_forgets_is_named(clinic: Clinic) -> None:
    """With a limit it will throw work away; without one it only could."""
    client = clinic.world.deps.redis
    try:
        client.config_set("maxmemory-policy", "allkeys-lru")
        assert "allkeys-lru" in warned(clinic.examine())["redis"][0]
        client.config_set("maxmemory", "1gb")
        assert "allkeys-lru" in only(clinic.examine(), "redis")
    finally:
        client.config_set("maxmemory", "0")
        client.config_set("maxmemory-policy", "noeviction")


@pytest.mark.parametrize("ahead", [300, -300])
def test_a_clock_that_is_wrong_is_named(clinic: Clinic, ahead: int) -> None:
    """Once, although two others show it; and workers are not called dead for it."""
    found = clinic.look_at(Patient(clinic.environ, now=lambda: time.time() + ahead))
    side = "ahead of" if ahead > 0 else "behind"
    assert re.search(rf"\b(29|30|31)\d s {side}", only(found, "clock of Supabase")), "a busy machine answers late"


def test_addresses_that_do_not_fit_are_told(clinic: Clinic) -> None:
    """Empty CORS_ORIGINS is allowed and seldom meant; http in production is not."""
    assert "CORS_ORIGINS is empty" in warned(clinic.examine(CORS_ORIGINS=None))["addresses"][0]
    found = clinic.examine(APP_ENV="production")
    assert "not https" in only(found, "addresses")


NO_FAL: dict[str, str | None] = {"FAL_KEY_1": None, "FAL_KEY_2": None}
ACTIVATE: LiteralString = "update public.models set active = true"


def test_models_that_are_refused_are_told(clinic: Clinic) -> None:
    """Active models whose provider is not set up: a warning while others can run, a failure when none can."""
    (cause,) = warned(clinic.examine(**NO_FAL))["models"]
    assert "fal/flux-schnell" in cause and "local/picture" not in cause
    assert "FAL_KEY is not set" in cause
    with clinic.broken("update public.models set active = false where provider = 'local'", ACTIVATE):
        assert "FAL_KEY is not set" in only(clinic.examine(**NO_FAL), "models")
        assert "models" not in warned(clinic.examine()), "with a key they can run"


def test_local_models_alone_are_told_in_production(clinic: Clinic) -> None:
    """Whether the others are not active, or cannot run."""
    told = "all active models that can run here are local"
    assert told in warned(clinic.examine(APP_ENV="production", **NO_FAL))["models"][1]
    with clinic.broken("update public.models set active = false where provider <> 'local'", ACTIVATE):
        assert told in warned(clinic.examine(APP_ENV="production"))["models"][0]
        assert "models" not in warned(clinic.examine())


def test_dead_workers_and_schedulers_are_named(clinic: Clinic) -> None:
    """A worker that was killed is still listed, and a scheduler that left has given its lock back."""
    worker = next(one for one in clinic.world.processes if "schedule" not in one.log.name)
    worker.child.kill()
    worker.child.wait()
    assert "no worker is alive; 1 that died" in only(clinic.examine(), "worker")
    clinic.world.clear()
    start_worker(clinic.world)
    assert "no scheduler leads" in only(clinic.examine(), "scheduler")
    start_scheduler(clinic.world)
    assert not blamed(clinic.examine())
