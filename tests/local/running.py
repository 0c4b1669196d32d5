"""A local Supabase in a thread, and short ways to call it."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString, cast

import httpx
import psycopg
from werkzeug.serving import WSGIRequestHandler, make_server

from scripts.local.supabase import Keys, Settings, create_app
from scripts.local.supabase.inbox import Inbox

PASSWORD = "correct horse"


@dataclass(frozen=True)
class Person:
    """A signed-in user."""

    id: str
    email: str
    token: str
    refresh_token: str


@dataclass(frozen=True)
class Running:
    """A stack that answers."""

    url: str
    database_url: str
    keys: Keys
    inbox: Inbox
    http: httpx.Client

    def call(
        self, method: str, path: str, *, token: str | None = None, key: str | None = None, **kwargs: Any
    ) -> httpx.Response:
        """Send a request as the clients do: with a key, and as a user when there is a token."""
        key = key or self.keys.publishable_key
        headers = {"apikey": key, "Authorization": f"Bearer {token or key}", **kwargs.pop("headers", {})}
        return self.http.request(method, path, headers=headers, **kwargs)

    def rpc(self, name: str, arguments: Any = None, **kwargs: Any) -> httpx.Response:
        """Call a function."""
        return self.call("POST", f"/rest/v1/rpc/{name}", json={} if arguments is None else arguments, **kwargs)

    def service(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        """Send a request with the secret key."""
        return self.call(method, path, key=self.keys.secret_key, **kwargs)

    def sign_up(self, **body: Any) -> Person:
        """Make a user who is signed in."""
        email = f"user-{uuid.uuid4().hex[:12]}@example.com"
        response = self.call("POST", "/auth/v1/signup", json={"email": email, "password": PASSWORD, **body})
        assert response.status_code == 200, response.text
        session = response.json()
        return Person(session["user"]["id"], email, session["access_token"], session["refresh_token"])

    def sql(self, statements: str, *params: Any) -> list[tuple[Any, ...]]:
        """Run SQL as the role postgres."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            cursor = connection.execute(cast(LiteralString, statements), params or None)
            return cursor.fetchall() if cursor.description else []


@contextmanager
def running(database_url: str, storage_dir: Path, keys: Keys, **settings: Any) -> Iterator[Running]:
    """Serve a local Supabase on a free port."""
    server = make_server("127.0.0.1", 0, lambda environ, start: app(environ, start), True, request_handler=_Quiet)
    url = f"http://127.0.0.1:{server.server_port}"
    app = create_app(Settings(database_url=database_url, storage_dir=storage_dir, keys=keys, url=url, **settings))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    stack = app.extensions["supabase"]
    try:
        with httpx.Client(base_url=url, timeout=20) as http:
            yield Running(url, database_url, keys, stack.inbox, http)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        stack.close()


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Keep successful requests out of the test's output."""
