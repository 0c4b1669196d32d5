"""A sound environment with everything running, and ways to examine it after something was broken."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from werkzeug.serving import make_server

from scripts import migrate
from scripts.diagnosis.command import examine
from scripts.diagnosis.findings import Finding
from scripts.diagnosis.patient import Patient
from scripts.local.postgres import SUPERUSER, Postgres
from scripts.local.supabase.keys import make_keys
from scripts.local.valkey import Valkey
from tests.worker.fal import KEYS as FAL_KEYS
from tests.worker.fal import running_fal
from tests.worker.world import ORIGIN as ORIGIN
from tests.worker.world import Supabase, World, eventually

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


@dataclass
class Clinic:
    """One sound environment, shared by all tests; each undoes what it broke."""

    world: World
    valkey: Valkey
    user_id: str
    superuser_url: str
    secrets: list[str] = field(default_factory=list)

    @property
    def environ(self) -> dict[str, str]:
        """The variables of the sound environment."""
        return self.world.environ | {"DATABASE_URL": self.world.database_url}

    def examine(self, *, hook: bool = False, **changed: str | None) -> list[Finding]:
        """Examine it with some variables changed (None takes one out); no secret may ever be told."""
        environ = {name: value for name, value in (self.environ | changed).items() if value is not None}
        return self.look_at(Patient(environ, user_id=self.user_id if hook else ""))

    def look_at(self, patient: Patient) -> list[Finding]:
        """Examine any patient."""
        found = examine(patient)
        told = json.dumps([(one.cause, one.mend) for one in found])
        assert not [secret for secret in self.secrets if secret in told], "a secret was told"
        return found

    @contextmanager
    def broken(self, sql: LiteralString, mend: LiteralString, *, as_superuser: bool = False) -> Iterator[None]:
        """Break something in the database, and mend it afterwards; migrate.py mends functions."""
        url = self.superuser_url if as_superuser else self.world.database_url
        with psycopg.connect(url, autocommit=True) as connection:
            try:
                connection.execute(sql)
                yield
            finally:
                connection.execute(mend) if mend else migrate.up(self.world.database_url, say=lambda line: None)


def blamed(findings: list[Finding]) -> dict[str, list[str]]:
    """Return what failed, by check."""
    return _by_check(findings, "failure")


def warned(findings: list[Finding]) -> dict[str, list[str]]:
    """Return what was warned of, by check."""
    return _by_check(findings, "warning")


def skipped(findings: list[Finding]) -> dict[str, list[str]]:
    """Return what was not looked at, by check."""
    return _by_check(findings, "skipped")


def only(findings: list[Finding], check: str) -> str:
    """Return the one cause that is blamed, which must be this check's, have a mend, and stand alone."""
    failed = blamed(findings)
    assert list(failed) == [check], failed
    assert len(failed[check]) == 1, failed
    assert all(one.mend for one in findings if one.state == "failure")
    return failed[check][0]


@contextmanager
def serving(app: Wsgi, host: str = "127.0.0.1") -> Iterator[str]:
    """Serve a WSGI application in a thread."""
    server = make_server(host, 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://{host}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def sound_clinic(postgres: Postgres, template: str, folder: Path) -> Iterator[Clinic]:
    """Start it all: database, Redis, the local Supabase, a worker and a scheduler."""
    keys = make_keys()
    postgres.clone(template, "clinic")
    with Valkey() as valkey, running_fal() as fal:
        supabase = Supabase(postgres.url("clinic"), folder / "storage", keys)
        environ = {
            **supabase.environ(valkey.url),
            "CORS_ORIGINS": ORIGIN,
            "SCHEDULE_ALERT_SECONDS": "3600",  # so that no incident of a test ends before it was looked at
            **fal.environ,
        }
        world = World(postgres.url("clinic"), postgres.url("postgres", SUPERUSER), environ, keys, supabase, folder)
        start_worker(world)
        start_scheduler(world)
        secrets = [keys.secret_key, keys.service_role_key, keys.jwt_secret, valkey.password, postgres.password]
        secrets += FAL_KEYS
        user_id = world.new_user().id
        owner = [world.new_user().id]
        world.connection.execute("insert into private.user_roles values (%s, 'owner')", owner)
        yield Clinic(world, valkey, user_id, postgres.url("clinic", SUPERUSER), secrets)
        world.clear()
        supabase.stop()


def start_worker(world: World) -> None:
    """Start a worker, and wait until Redis shows it."""
    world.spawn_worker()
    eventually(lambda: world.deps.redis.scard("rq:workers"))


def start_scheduler(world: World) -> None:
    """Start a scheduler, and wait until it leads and has done everything once."""
    world.spawn_scheduler()
    eventually(lambda: world.deps.redis.exists("scrip:scheduler"))
    jobs = "select count(*) filter (where last_outcome is not null), count(*) from private.scheduled_jobs where planned"
    eventually(lambda: _all_done(*world.connection.execute(jobs).fetchone()))


def _all_done(done: int, planned: int) -> bool:
    return done == planned > 0


def _by_check(findings: list[Finding], state: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in findings:
        if one.state == state:
            found.setdefault(one.check, []).append(one.cause)
    return found
