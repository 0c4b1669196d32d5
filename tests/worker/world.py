"""Everything around a worker, for real: PostgreSQL, Valkey, the local Supabase, and processes of ours."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg.abc import Buffer
from psycopg.rows import dict_row
from psycopg.types.datetime import TimestamptzLoader
from werkzeug.serving import make_server

from backend.config import load_settings
from backend.core import generations
from backend.deps import Deps, build_deps
from backend.rpc.client import Caller
from scripts.local.supabase import Keys, Settings, create_app
from scripts.local.supabase.tokens import Tokens
from tests.factories import Sql
from tests.patience import LONG
from tests.patience import eventually as eventually

ROOT = Path(__file__).parents[2]
ORIGIN = "http://127.0.0.1:3000"
Json = dict[str, Any]


class _Endless(TimestamptzLoader):
    """Reads a time that never comes as the last one that Python knows; psycopg refuses it."""

    def load(self, data: Buffer) -> datetime:
        return datetime.max.replace(tzinfo=UTC) if bytes(data) == b"infinity" else super().load(data)


@dataclass
class User:
    """Somebody with 25 sign-up credits."""

    id: str
    token: str
    caller: Caller


class Supabase:
    """The local Supabase in a thread, with a switch that makes paths answer as a gateway whose service is down."""

    def __init__(self, database_url: str, storage_dir: Path, keys: Keys) -> None:
        self.keys = keys
        self.down: tuple[str, ...] = ()
        self.calls: list[str] = []
        self.loses: Callable[[str], object] = lambda path: False  # whether a call is not to arrive
        self.after: Callable[[str], object] = lambda path: None
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._app = create_app(Settings(database_url=database_url, storage_dir=storage_dir, keys=keys, url=self.url))
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def environ(self, redis_url: str) -> dict[str, str]:
        """Return the variables that a process of ours needs, with this Supabase and a Redis."""
        return {
            "APP_ENV": "local",
            "SUPABASE_URL": self.url,
            "SUPABASE_PUBLISHABLE_KEY": self.keys.publishable_key,
            "SUPABASE_SECRET_KEY": self.keys.secret_key,
            "REDIS_URL": redis_url,
            "SITE_URL": ORIGIN,
        }

    @contextmanager
    def outage(self, *prefixes: str) -> Iterator[None]:
        """Answer 503 to every path that starts so."""
        self.down = prefixes
        try:
            yield
        finally:
            self.down = ()

    def stop(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        self.calls.append(path)
        if self.down and path.startswith(self.down):
            start_response("503 Service Unavailable", [("Content-Type", "text/plain")])
            return [b"upstream connect error"]
        if self.loses(path):
            start_response("503 Service Unavailable", [])
            return []
        answer: Iterable[bytes] = self._app(environ, start_response)
        self.after(path)
        return answer


@dataclass
class Process:
    """A worker or scheduler of ours, its log lines kept in a file."""

    child: subprocess.Popen[bytes]
    log: Path

    def lines(self) -> str:
        """What it has said so far."""
        return self.log.read_text()

    def says(self, word: str, *, seconds: float = LONG) -> None:
        """Wait until it has said something."""
        eventually(lambda: word in self.lines(), seconds=seconds, why=lambda: f"{word!r} not in:\n{self.lines()}")

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.child.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM, *, seconds: float = LONG) -> int:
        """Send it a signal and return its exit code."""
        self.send(number)
        return self.child.wait(seconds)


@dataclass
class World:
    """One project with its queue, and what tests do in it."""

    database_url: str
    superuser_url: str
    environ: dict[str, str]
    keys: Keys
    supabase: Supabase
    log_dir: Path
    deps: Deps = field(init=False)
    processes: list[Process] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.deps = build_deps(load_settings(self.environ))
        self.connection = psycopg.connect(self.database_url, autocommit=True)
        self.sql = Sql(self.connection)

    def variant(self, **environ: str) -> Deps:
        """Return what a process with other settings would have."""
        return build_deps(load_settings(self.environ | environ))

    def new_user(self) -> User:
        """Sign somebody up."""
        user_id, now = str(uuid.uuid4()), int(time.time())
        self.connection.execute(
            "insert into auth.users (id, email) values (%s, %s)", [user_id, f"{user_id}@example.test"]
        )
        claims = {"sub": user_id, "role": "authenticated", "aud": "authenticated", "iat": now, "exp": now + 3600}
        token = Tokens(self.keys).sign(claims | {"iss": f"{self.supabase.url}/auth/v1"})
        return User(user_id, token, self.deps.rpc.as_user(token))

    def start(self, user: User, model: str = "local/picture", *, prompt: str = "a red fox", **params: Any) -> str:
        """Start a generation as the API does, and return its id."""
        key = uuid.uuid4().hex
        asked = {"model_id": model, "prompt": prompt, "params": params, "key": key, "request_id": f"request-{key}"}
        return str(generations.start(self.deps, user.caller, **asked)["id"])

    def run(self, generation_id: str, *, deps: Deps | None = None, **options: Any) -> None:
        """Do here what a work horse does."""
        generations.run(deps or self.deps, generation_id, worker="test", **options)

    def row(self, generation_id: str) -> Json:
        """Return the whole row."""
        with psycopg.connect(self.database_url, row_factory=dict_row) as connection:
            connection.adapters.register_loader("timestamptz", _Endless)
            row = connection.execute("select * from public.generations where id = %s", [generation_id]).fetchone()
        assert row is not None
        return row

    def becomes(self, generation_id: str, *statuses: str, seconds: float = LONG) -> Json:
        """Wait until a generation has one of these states, and return its row."""
        eventually(
            lambda: self.row(generation_id)["status"] in statuses,
            seconds=seconds,
            why=lambda: str(self.row(generation_id)),
        )
        return self.row(generation_id)

    def let_retry_wait_pass(self, generation_id: str) -> None:
        """Make a queued row due now."""
        self.connection.execute(
            "update public.generations set dispatch_at = private.clock() where id = %s and status = 'queued'",
            [generation_id],
        )

    def let_slow_work_end(self, generation_id: str) -> None:
        """Make local/slow look as if it had begun long ago, for whichever attempt asks for it next."""
        self.connection.execute(
            "update public.generations set provider_request_id = regexp_replace(provider_request_id, '\\d+$', '0')"
            " where id = %s",
            [generation_id],
        )

    def let_lease_run_out(self, generation_id: str) -> None:
        """Let a running row look as if its worker had been silent for the whole lease; then sweep."""
        self.connection.execute(
            "update public.generations set lease_until = private.clock() where id = %s and status = 'running'",
            [generation_id],
        )
        generations.sweep(self.deps)

    def figures(self, user: User) -> tuple[int, int, int]:
        """Return (balance, held, available)."""
        return self.sql.balance(uuid.UUID(user.id))

    def ledger(self, user: User) -> list[tuple[str, int]]:
        """Return (kind, amount) of every ledger row."""
        return self.sql.ledger(uuid.UUID(user.id))

    @contextmanager
    def database_outage(self) -> Iterator[None]:
        """Refuse connections to the database and cut those that are open, as a restart does."""
        name = psycopg.conninfo.conninfo_to_dict(self.database_url)["dbname"]
        with psycopg.connect(self.superuser_url, autocommit=True) as boss:
            try:
                boss.execute(f'alter database "{name}" with allow_connections false')
                boss.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name])
                yield
            finally:
                boss.execute(f'alter database "{name}" with allow_connections true')
        self.connection = psycopg.connect(self.database_url, autocommit=True)
        self.sql = Sql(self.connection)

    def spawn(self, module: str, *, tree: Path = ROOT, **environ: str) -> Process:
        """Start a process of ours, of this version or of the one whose tree is given."""
        log = self.log_dir / f"{module}-{uuid.uuid4().hex[:6]}.log"
        with log.open("wb") as file:
            child = subprocess.Popen(
                [sys.executable, "-m", module],
                cwd=tree,
                env=self._inherited() | self.environ | environ,
                stdout=file,
                stderr=file,
            )
        process = Process(child, log)
        self.processes.append(process)
        return process

    def spawn_worker(self, *, tree: Path = ROOT, **environ: str) -> Process:
        """Start a worker."""
        return self.spawn("backend.worker", tree=tree, **environ)

    def spawn_scheduler(self, *, tree: Path = ROOT, **environ: str) -> Process:
        """Start a scheduler."""
        return self.spawn("backend.worker.schedule", tree=tree, **environ)

    def clear(self) -> None:
        """End what a test left running, and empty what it left lying."""
        for process in self.processes:
            if process.child.poll() is None:
                process.end(signal.SIGKILL)
        self.processes.clear()
        self.deps.redis.flushall()

    def _inherited(self) -> dict[str, str]:
        return {
            name: value
            for name, value in os.environ.items()
            if name in ("PATH", "HOME", "LANG", "TMPDIR", "NO_PROXY", "no_proxy")
        }
