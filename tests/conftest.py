"""What tests stand on: a real PostgreSQL that looks like Supabase, a real Valkey, and databases by the dozen."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString, cast

import psycopg
import pytest
import redis

from scripts import migrate
from scripts.local.postgres import Postgres
from scripts.local.valkey import Valkey

ROOT = Path(__file__).parent.parent
ROOM = 4 * 2**30  # each pytest worker has a cluster, which takes a few hundred MB
OURS = ("APP_ENV", "TESTING_MODE", "SUPABASE_", "DATABASE_URL", "REDIS_URL", "SITE_URL", "CORS_ORIGINS", "LOG_LEVEL")
OURS += (
    "WEB_CONCURRENCY",
    "PORT",
    "STRIPE_",
    "FAL_",
    "PUBLIC_",
    "SMTP_URL",
    "MAIL_FROM",
    "TRUSTED_PROXIES",
    "METRICS_TOKEN",
)
OURS += ("SENTRY_DSN", "S3_", "RATE_LIMIT_", "PROMETHEUS_", "WORKER_", "SCHEDULE_", "LEDGER_", "ALERT_", "FLAG_")
LIBPQ = ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGSERVICE", "PGSSLMODE", "PGOPTIONS", "PGPASSFILE")

# The developer's shell must not leak into tests, nor tests into a proxy.
for name in list(os.environ):
    if (name.startswith(OURS) or name in LIBPQ) and name != "STRIPE_TEST_KEY":
        del os.environ[name]
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"


def memory() -> Path | None:
    """Where files are kept in memory, if there is room: a database of many files is copied there in no time."""
    shm = Path("/dev/shm")  # a container may have 64 MB of it
    return shm if shm.is_dir() and shutil.disk_usage(shm).free > ROOM else None


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A throw-away cluster, one for each pytest worker."""
    with Postgres(durable=False, settings={"max_wal_size": "256MB"}, parent=memory()) as server:
        yield server


@pytest.fixture(scope="session")
def template(postgres: Postgres) -> str:
    """Name of a database with the platform and every migration, to be cloned and never connected to."""
    name = "template_scrip"
    postgres.create_platform(name)
    migrate.up(postgres.url(name), say=lambda line: None)
    with psycopg.connect(postgres.url(name)) as connection:
        connection.execute(cast(LiteralString, (ROOT / "supabase" / "seed.sql").read_text()))
    return name


@pytest.fixture
def database(postgres: Postgres, template: str) -> Iterator[str]:
    """URL (as role postgres) of a fresh database of the test's own."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    postgres.clone(template, name)
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture(scope="session")
def shared_database(postgres: Postgres, template: str) -> str:
    """URL of one database for all tests that roll back what they do."""
    postgres.clone(template, "shared")
    return postgres.url("shared")


@pytest.fixture
def db(shared_database: str) -> Iterator[psycopg.Connection]:
    """A connection as role postgres whose work is rolled back; for everything that needs a single connection."""
    with psycopg.connect(shared_database) as connection:
        yield connection
        connection.rollback()


@pytest.fixture(scope="session")
def valkey() -> Iterator[Valkey]:
    """A throw-away server, one for each pytest worker."""
    with Valkey() as server:
        yield server


@pytest.fixture
def redis_url(valkey: Valkey) -> str:
    """URL of an empty Redis."""
    with redis.Redis.from_url(valkey.url) as client:
        client.flushall()
    return valkey.url
