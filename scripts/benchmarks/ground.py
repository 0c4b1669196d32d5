"""Where books are measured: a durable PostgreSQL of our own with users, and pgbench to drive it."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import psycopg

from scripts import migrate
from scripts.local.postgres import SUPERUSER, Postgres

Tell = Callable[[str], None]
HERE = Path(__file__).parent
SCRIPTS = HERE / "pgbench"
CREDITS = 1_000_000_000
PATIENCE = 120
TPS = re.compile(r"tps = ([0-9.]+) \(without")

# User n has a name that pgbench can work out, one lot of credits, and the same in the books of the floor.
USERS = """
insert into auth.users (id, email)
select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, n || '@example.test' from generate_series(1, %s) n;
"""
GRANT = "select public.grant_credits(u.id, %s, 'purchase', 'bench', null, 'bench', null) from auth.users u"
FLOOR_WALLETS = "insert into floor.wallets (id, balance) select u.id, %s from auth.users u"


class CannotMeasure(RuntimeError):
    """Something that a measurement needs is not here; says what."""


@dataclass(frozen=True)
class Ground:
    """A database with everything in place."""

    postgres: Postgres
    database: str
    users: int
    credits: int = CREDITS

    def url(self, user: str = "postgres") -> str:
        """Where to connect."""
        return self.postgres.url(self.database, user)

    def execute(self, statement: str) -> None:
        """Run a statement as the owner of the server."""
        with psycopg.connect(self.url(SUPERUSER), autocommit=True) as connection:
            connection.execute(statement.encode())

    @cached_property
    def _pgbench(self) -> Path:
        program = self.postgres.bin_dir / "pgbench"
        if not program.exists():
            raise CannotMeasure(f"there is no pgbench beside {self.postgres.bin_dir}/postgres")
        return program

    def rate(self, script: str, *, clients: int, seconds: float, variables: Mapping[str, int] | None = None) -> float:
        """Run a script of pgbench/ with so many clients; how often a second it went through."""
        return self.rate_of((SCRIPTS / f"{script}.sql").read_text(), clients, seconds, variables or {})

    def rate_of(self, text: str, clients: int, seconds: float, variables: Mapping[str, int]) -> float:
        """The same for the text of a script."""
        return self._run(text, clients, [f"--time={max(1, round(seconds))}"], variables)

    def times(self, script: str, *, clients: int, count: int, variables: Mapping[str, int]) -> float:
        """Run a script so many times in all."""
        text = (SCRIPTS / f"{script}.sql").read_text()
        return self._run(text, clients, [f"--transactions={-(-count // clients)}"], variables)

    def _run(self, text: str, clients: int, how_long: list[str], variables: Mapping[str, int]) -> float:
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
            file.write(text)
            file.flush()
            options = ["--no-vacuum", "--protocol=prepared", f"--client={clients}", "--jobs=1", f"--file={file.name}"]
            options += how_long
            options += [f"--define={name}={value}" for name, value in variables.items()]
            # As PostgREST does: it logs in as a role without rights and becomes the caller's role in each transaction.
            options += ["--host=127.0.0.1", f"--port={self.postgres.port}", "--username=authenticator", self.database]
            env = {**os.environ, "PGPASSWORD": self.postgres.password, "PGSSLMODE": "disable"}
            command = [str(self._pgbench), *options]
            result = subprocess.run(command, capture_output=True, text=True, env=env, timeout=PATIENCE)
        found = TPS.search(result.stdout)
        if result.returncode or not found:
            raise CannotMeasure(f"pgbench failed: {result.stderr.strip()[-500:]}")
        return float(found.group(1))


@contextmanager
def prepared(users: int, tell: Tell) -> Iterator[Ground]:
    """A ground of our own that vanishes; durable, because a commit that need not last costs nothing to compare."""
    with Postgres(durable=True) as postgres:
        yield lay(postgres, "bench", users, tell)


def lay(postgres: Postgres, database: str, users: int, tell: Tell) -> Ground:
    """Make a database ready on a server that runs."""
    tell(f"a database with {users:,} users")
    ground = empty(postgres, database)
    with psycopg.connect(ground.url(SUPERUSER), autocommit=True) as connection:
        connection.execute((HERE / "floor.sql").read_bytes())
        connection.execute(USERS.replace("%s", str(users)).encode())
        connection.execute(GRANT, [CREDITS])
        connection.execute(FLOOR_WALLETS, [CREDITS])
        connection.execute("vacuum analyze")
    return Ground(postgres, database, users)


def empty(postgres: Postgres, database: str) -> Ground:
    """A database with every migration and nobody in it."""
    postgres.create_platform(database)
    migrate.up(postgres.url(database), say=lambda line: None)
    return Ground(postgres, database, users=0)
