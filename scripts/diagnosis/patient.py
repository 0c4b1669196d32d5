"""The environment that is examined, and the ways to ask its parts; every way gives up within seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
from psycopg import conninfo

from backend.config import LOOPBACK, ConfigError, Settings, load_settings
from backend.queue import connect as connect_redis
from scripts.migrations.connection import Connection, connect, parse

HTTP_SECONDS = 4.0
REDIS_SECONDS = 2.0
DATABASE_SECONDS = 3
STATEMENT_TIMEOUT = "4s"
SECRET_VARIABLES = ("KEY", "SECRET", "TOKEN", "PASSWORD", "DSN")
TRUSTED = httpx.create_ssl_context()  # made once: reading the certificates takes longer than most questions
KNOWN_TO_ALL = ("SUPABASE_PUBLISHABLE_KEY", "SUPABASE_ANON_KEY")


@dataclass(frozen=True)
class Login:
    """Somebody whom the doctor may sign in as."""

    email: str
    password: str = field(repr=False)


@dataclass
class Patient:
    """What is examined: variables, perhaps an account to sign in as, perhaps the address of a deployed backend."""

    environ: Mapping[str, str]
    url: str = ""
    user_id: str = ""
    login: Login | None = None
    origins: tuple[str, ...] = ()
    now: Callable[[], float] = time.time
    clocks: dict[str, list[float]] = field(default_factory=dict)

    @cached_property
    def problems(self) -> list[str]:
        """What is missing or wrong in the variables."""
        return self._loaded[1]

    @property
    def settings(self) -> Settings:
        """The settings; ask only after the variables were found to be good."""
        settings = self._loaded[0]
        if settings is None:
            raise RuntimeError("there are no settings to work with")
        return settings

    @cached_property
    def _loaded(self) -> tuple[Settings | None, list[str]]:
        try:
            return load_settings(self.environ), []
        except ConfigError as error:
            return None, error.problems

    def given(self, name: str) -> str:
        """The value of a variable, or nothing."""
        return self.environ.get(name, "").strip()

    @property
    def database_url(self) -> str:
        """The database's address, or nothing."""
        return self.given("DATABASE_URL")

    @property
    def secret_key(self) -> str:
        """The key that may do everything."""
        return self.settings.secret_key.get_secret_value()

    def ask(self, method: str, url: str, *, party: str, **options: Any) -> httpx.Response:
        """Send one request, and note what time it is at the other end."""
        trusting = urlsplit(url).hostname not in LOOPBACK
        started = self.now()
        with httpx.Client(verify=TRUSTED, timeout=HTTP_SECONDS, trust_env=trusting, follow_redirects=False) as http:
            answer = http.request(method, url, **options)
        note_date(self.clocks, party, answer, (started + self.now()) / 2)
        return answer

    def supabase(self, method: str, path: str, key: str, *, token: str = "", **options: Any) -> httpx.Response:
        """Ask the project, with one of its keys."""
        headers = {"apikey": key, "Authorization": f"Bearer {token or key}", **options.pop("headers", {})}
        url = f"{self.settings.supabase_url}{path}"
        return self.ask(method, url, party="Supabase", headers=headers, **options)

    def rpc(self, function: str, key: str, **arguments: Any) -> httpx.Response:
        """Call a SQL operation as the app does."""
        return self.supabase("POST", f"/rest/v1/rpc/{function}", key, json=arguments)

    @contextmanager
    def database(self, *, read_only: bool = True) -> Iterator[Connection]:
        """Connect to the database; nothing that a check does there stays."""
        address = parse(self.database_url)
        limits: dict[str, Any] = {
            "connect_timeout": str(DATABASE_SECONDS),
            "application_name": "scrip doctor",
        } | address
        with connect(conninfo.make_conninfo("", **limits)) as connection:
            connection.read_only = read_only
            with connection.transaction(force_rollback=True):
                connection.execute(f"set local statement_timeout = '{STATEMENT_TIMEOUT}'")
                connection.execute("set local lock_timeout = '1s'")
                yield connection

    @contextmanager
    def redis(self) -> Iterator[Any]:
        """Connect to Redis."""
        with connect_redis(self.settings.redis_url, seconds=REDIS_SECONDS) as client:
            yield client

    @cached_property
    def secrets(self) -> list[str]:
        """Everything that must never be shown, the longest first."""
        named = [
            value
            for name, value in self.environ.items()
            if name not in KNOWN_TO_ALL and any(word in name for word in SECRET_VARIABLES)
        ]
        passwords = [_password(value) for name, value in self.environ.items() if name.endswith("_URL")]
        both = [*named, *passwords, *(unquote(one) for one in passwords), self.login.password if self.login else ""]
        return sorted({one.strip() for one in both if len(one.strip()) > 3}, key=len, reverse=True)

    def scrub(self, text: str) -> str:
        """Take every secret out of a text."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


def note_date(clocks: dict[str, list[float]], party: str, answer: httpx.Response, asked_at: float) -> None:
    """Note by how many seconds our clock is ahead of the one that wrote a Date header, which counts whole seconds."""
    try:
        theirs = parsedate_to_datetime(answer.headers["Date"]).timestamp()
    except (KeyError, TypeError, ValueError):
        return
    clocks.setdefault(party, []).append(asked_at - (theirs + 0.5))


def _password(url: str) -> str:
    try:
        return urlsplit(url).password or ""
    except ValueError:
        return url.rpartition("@")[0].rpartition(":")[2]
