"""The whole of Scrip on one machine: data stores, local Supabase, web, worker and scheduler."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Self

import httpx
import psycopg

from scripts import migrate
from scripts.local import environment
from scripts.local.payments import local_keys, own_account
from scripts.local.places import ROOT, Places, demo_email, set_old_logs_aside
from scripts.local.ports import Ports
from scripts.local.postgres import Postgres
from scripts.local.processes import Child, ProcessFailed, start
from scripts.local.secrets import load_signing_key
from scripts.local.supabase.keys import Keys, load_or_create_keys
from scripts.local.supervisor import Supervisor, Tell
from scripts.local.valkey import Valkey

READY_TIMEOUT = 60.0
SEEDS = [ROOT / "supabase" / name for name in ("seed.sql", "prompts.sql")]


class Stack:
    """Everything that runs. `with Stack(...) as stack:` starts it in order and stops it in reverse."""

    def __init__(self, places: Places, ports: Ports, tell: Tell, *, durable: bool = True) -> None:
        self.places = places
        self.tell = tell
        self.postgres = Postgres(places.postgres, port=ports.database, durable=durable)
        self.valkey = Valkey(places.valkey, port=ports.redis)
        self.ports = ports
        self.web_url = f"http://127.0.0.1:{ports.web}"
        self.supabase_url = f"http://127.0.0.1:{ports.supabase}"
        self.mail_url = f"http://127.0.0.1:{ports.mail}"
        self.fal_url = f"http://127.0.0.1:{ports.fal}"
        self.stripe_account = own_account()
        self.stripe_url = None if self.stripe_account else f"http://127.0.0.1:{ports.stripe}"
        self.keys: Keys = load_or_create_keys(places.supabase / "keys.json")
        self.supervisor = Supervisor(tell)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def database_url(self) -> str:
        """The database, as the role that migrations run as."""
        return self.postgres.url()

    def start(self) -> None:
        """Start what is needed, each once the one before answers."""
        set_old_logs_aside(self.places)
        self.tell("starting PostgreSQL")
        self.supervisor.run("PostgreSQL", lambda: self.postgres.start().child, rank=1)
        self.postgres.create_platform("postgres")
        self.tell("starting Valkey")
        self.supervisor.run("Valkey", lambda: self.valkey.start().child, rank=1)
        self.tell("applying migrations and development data")
        migrate.up(self.database_url, say=lambda line: self.tell(f"  {line}"))
        self._seed()
        self.tell("starting the local Supabase")
        self._run("supabase", "scripts.local.supabase", *self._supabase_options(), env=self._supabase_env(), rank=2)
        self._await_answer(f"{self.supabase_url}/auth/v1/.well-known/jwks.json", "supabase")
        self.tell("starting the stand-in for fal")
        self._run("fal", "scripts.local.fal", "--port", str(self.ports.fal), env={}, rank=2)
        self._await_answer(f"{self.fal_url}/.well-known/jwks.json", "fal")
        if self.stripe_url:
            self.tell("starting the local Stripe")
            self._run("stripe", "scripts.local.stripe", *self._stripe_options(), env=local_keys(self.places), rank=2)
            self._await_answer(self.stripe_url, "stripe")
        self.tell("starting the API, a worker and the scheduler")
        self._run("web", "gunicorn", "-c", "gunicorn.conf.py", *self._web_options(), "wsgi:app", rank=3)
        self._run("worker", "backend.worker", rank=3)
        self._run("scheduler", "backend.worker.schedule", rank=3)
        self._await_answer(f"{self.web_url}/ready", "web")

    def stop(self) -> None:
        """Stop everything that was started."""
        if self.supervisor.services:
            self.tell("stopping")
        self.supervisor.stop()

    def app_environment(self) -> dict[str, str]:
        """What Scrip's own processes are told."""
        return {
            "APP_ENV": "local",
            "SUPABASE_URL": self.supabase_url,
            "SUPABASE_PUBLISHABLE_KEY": self.keys.publishable_key,
            "SUPABASE_SECRET_KEY": self.keys.secret_key,
            "REDIS_URL": self.valkey.url,
            "SITE_URL": self.web_url,
            "CORS_ORIGINS": f"{self.web_url},http://localhost:3000",
            "LEDGER_SIGNING_KEY": load_signing_key(self.places.supabase / "ledger_key"),
            "FAL_KEY_1": "fal-local-key-1",
            "FAL_KEY_2": "fal-local-key-2",
            "FAL_QUEUE_URL": self.fal_url,
            "FAL_JWKS_URL": f"{self.fal_url}/.well-known/jwks.json",
            "PUBLIC_API_URL": self.web_url,
            "SMTP_URL": f"smtp://127.0.0.1:{self.ports.smtp}",
            "MAIL_FROM": "Scrip <scrip@example.com>",
            "ALERT_EMAILS": demo_email("admin"),
            "PORT": str(self.ports.web),
            "WORKER_GRACE_SECONDS": "5",
            **self._stripe_environment(),
        }

    def operator_environment(self) -> dict[str, str]:
        """The same with the database, for scripts."""
        return self.app_environment() | {"DATABASE_URL": self.database_url}

    def _stripe_environment(self) -> dict[str, str]:
        if self.stripe_url is None:
            return self.stripe_account
        return local_keys(self.places) | {"STRIPE_API_BASE": self.stripe_url}

    def _stripe_options(self) -> list[str]:
        webhook = f"{self.web_url}/api/v1/webhooks/stripe"
        file = self.places.home / "stripe" / "objects.db"
        return ["--port", str(self.ports.stripe), "--webhook-url", webhook, "--file", str(file)]

    def _supabase_env(self) -> dict[str, str]:
        return {"PGPASSWORD": self.postgres.password}  # on the command line everybody could read it

    def _supabase_options(self) -> list[str]:
        options = {
            "--database-url": f"postgresql://postgres@127.0.0.1:{self.ports.database}/postgres?sslmode=disable",
            "--storage-dir": str(self.places.supabase / "storage"),
            "--keys": str(self.places.supabase / "keys.json"),
            "--port": str(self.ports.supabase),
            "--inbox-port": str(self.ports.mail),
            "--smtp-port": str(self.ports.smtp),
            "--site-url": self.web_url,
        }
        return [part for option in options.items() for part in option]

    def _web_options(self) -> list[str]:
        return ["--bind", f"127.0.0.1:{self.ports.web}", "--graceful-timeout", "5", "--no-control-socket"]

    def _run(self, name: str, module: str, *arguments: str, rank: int, env: Mapping[str, str] | None = None) -> None:
        def launch() -> Child:
            return start(
                [sys.executable, "-m", module, *arguments],
                name=name,
                log=self.places.logs / f"{name}.log",
                env=environment.for_child(self.app_environment() if env is None else env),
                cwd=ROOT,
            )

        self.supervisor.run(name, launch, rank=rank)

    def _seed(self) -> None:
        with psycopg.connect(self.database_url) as connection:
            for seed in SEEDS:
                connection.execute(seed.read_bytes())

    def _await_answer(self, url: str, name: str) -> None:
        """Wait until a server answers 200; show what it said when it does not."""
        child = next(service.child for service in self.supervisor.services if service.name == name)
        deadline = time.monotonic() + READY_TIMEOUT
        said = "no answer"
        while time.monotonic() < deadline:
            if not child.is_alive():
                raise child.failure("did not start")
            try:
                response = httpx.get(url, timeout=5)
            except httpx.HTTPError as error:
                said = str(error)
            else:
                if response.status_code == 200:
                    return
                said = f"{response.status_code} {response.text[:500]}"
            time.sleep(0.1)
        raise ProcessFailed(f"{name}: {url} was not ready within {READY_TIMEOUT:.0f} s: {said}\n{child.log_tail()}")
