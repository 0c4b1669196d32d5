"""One world per pytest process, shared by its tests: each test brings users and generations of its own."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from scripts.local.postgres import SUPERUSER, Postgres
from scripts.local.supabase.keys import make_keys
from scripts.local.valkey import Valkey
from tests.worker.fal import Fal, running_fal
from tests.worker.scripted import SCRIPTED_MODELS
from tests.worker.world import ROOT, Supabase, World


@pytest.fixture(scope="session")
def whole_world(
    postgres: Postgres, template: str, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """The shared world; use `world`."""
    name, folder, keys = "worker_world", tmp_path_factory.mktemp("world"), make_keys()
    postgres.clone(template, name)
    with psycopg.connect(postgres.url(name), autocommit=True) as connection:
        connection.execute((ROOT / "supabase" / "seed.sql").read_bytes())
        connection.execute(SCRIPTED_MODELS)
    supabase = Supabase(postgres.url(name), folder / "storage", keys)
    environ = {
        **supabase.environ(valkey.url),
        "WORKER_LEASE_SECONDS": "4",
        "WORKER_HEARTBEAT_SECONDS": "0.3",
        "WORKER_GRACE_SECONDS": "5",
        "SCHEDULE_DISPATCH_SECONDS": "0.3",
        "SCHEDULE_SWEEP_SECONDS": "0.3",
    }
    world = World(postgres.url(name), postgres.url("postgres", SUPERUSER), environ, keys, supabase, folder)
    yield world
    world.clear()
    supabase.stop()


@pytest.fixture
def world(whole_world: World) -> Iterator[World]:
    """The world, tidied after each test."""
    whole_world.clear()
    yield whole_world
    whole_world.clear()


@pytest.fixture(scope="session")
def one_fal() -> Iterator[Fal]:
    """The stand-in for fal; use `fal`."""
    with running_fal() as fal:
        yield fal


@pytest.fixture
def fal(one_fal: Fal) -> Fal:
    """A stand-in for fal, quick and without a past."""
    one_fal.control(reset=True, always="slow=0.05")
    return one_fal
