"""A local Supabase on a database with the platform alone, for the tests of the stand-in itself."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from scripts.local.postgres import Postgres
from scripts.local.supabase import Keys
from scripts.local.supabase.keys import make_keys
from tests.local.running import Running, running


@pytest.fixture(scope="session")
def keys() -> Keys:
    """The keys of every stack of this run."""
    return make_keys()


@pytest.fixture(scope="session")
def bare_template(postgres: Postgres) -> str:
    """Name of a database with the platform and nothing of ours."""
    name = "template_platform"
    postgres.create_platform(name)
    return name


@pytest.fixture(scope="module")
def bare_database(postgres: Postgres, bare_template: str) -> Iterator[str]:
    """URL (as role postgres) of a module's own database with the platform alone."""
    name = f"bare_{uuid.uuid4().hex[:12]}"
    postgres.clone(bare_template, name)
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture(scope="module")
def supabase(bare_database: str, keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A local Supabase with its defaults."""
    with running(bare_database, tmp_path_factory.mktemp("storage"), keys) as stack:
        yield stack
