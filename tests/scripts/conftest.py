"""Made-up checkouts, and databases that have the platform and nothing else."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from scripts.local.postgres import Postgres
from scripts.migrate import Options, Result, up
from tests.scripts.doctors import Clinic, sound_clinic

FUNCTION = """-- {name}() -> text
create or replace function public.{name}()
returns text
language sql
set search_path = ''
as $$
  select '{answer}'
$$;

revoke all on function public.{name}() from public, anon, authenticated, service_role;
grant execute on function public.{name}() to service_role;
"""


@dataclass(frozen=True)
class Checkout:
    """A supabase folder that a test writes itself."""

    folder: Path

    def migration(self, file_name: str, sql: str) -> Path:
        """Write a migration."""
        path = self.folder / "migrations" / file_name
        path.write_text(sql)
        return path

    def function(self, name: str, answer: str = "one", *, subject: str = "greetings") -> Path:
        """Write a function file in good form that answers with a word."""
        return self.function_text(f"{subject}/{name}.sql", FUNCTION.format(name=name, answer=answer))

    def function_text(self, path: str, sql: str) -> Path:
        """Write a function file of any text."""
        target = self.folder / "functions_sql" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(sql)
        return target


Up = Callable[..., Result]


@pytest.fixture(scope="session")
def clinic(postgres: Postgres, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    """Everything that the doctor looks at runs, and nothing is wrong."""
    with sound_clinic(postgres, template, tmp_path_factory.mktemp("clinic")) as clinic:
        yield clinic


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """An empty supabase folder."""
    (tmp_path / "supabase" / "migrations").mkdir(parents=True)
    return Checkout(tmp_path / "supabase")


@pytest.fixture(scope="session")
def bare_template(postgres: Postgres) -> str:
    """Name of a database with the platform and no migration."""
    postgres.create_platform("template_bare")
    return "template_bare"


@pytest.fixture
def bare(postgres: Postgres, bare_template: str) -> Iterator[str]:
    """URL (as the non-superuser postgres) of a database with the platform and no migration."""
    name = f"bare_{uuid.uuid4().hex[:12]}"
    postgres.clone(bare_template, name)
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture
def sql(bare: str) -> Iterator[psycopg.Connection]:
    """A connection to the bare database that sees at once what others commit."""
    with psycopg.connect(bare, autocommit=True) as connection:
        yield connection


@pytest.fixture
def said() -> list[str]:
    """What `up` told the operator."""
    return []


@pytest.fixture
def run_up(bare: str, checkout: Checkout, said: list[str]) -> Up:
    """Bring the bare database to what the checkout says; keyword arguments are Options."""

    def run(**options: object) -> Result:
        return up(bare, checkout.folder, Options(**options), said.append)  # type: ignore[arg-type]

    return run
