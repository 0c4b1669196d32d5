"""One call of a SQL operation over the wire: a POST to PostgREST on a connection that is kept.

urllib3 and nothing above it: PostgREST's own client on httpx takes nearly three times its computing time.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass
from uuid import UUID

import urllib3
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError, ProtocolError

from backend.config import LOOPBACK, Settings
from backend.trust import TRUSTED

NoAnswer = HTTPError
Dropped = ProtocolError
JSON = {"Content-Type": "application/json", "Accept": "application/json"}
CONNECTIONS = 32


class Refused(Exception):
    """An answer that is no success, with what PostgREST or the gateway before it said."""

    def __init__(self, status: int, data: bytes) -> None:
        try:
            told = json.loads(data)
        except ValueError:
            told = {}
        self.status = status
        self.told: dict[str, Any] = told if isinstance(told, dict) else {}
        super().__init__(self.message or f"HTTP {status}")

    @property
    def code(self) -> str:
        """The SQLSTATE or PostgREST's own code; the HTTP status where somebody else answered."""
        return str(self.told.get("code") or self.status)

    @property
    def message(self) -> str | None:
        """What it said."""
        return self.told.get("message")


class Wire:
    """The connections of one process towards PostgREST."""

    def __init__(self, settings: Settings, *, seconds: float = 10) -> None:
        url = urlsplit(settings.supabase_url)
        proxy = _proxy(settings.supabase_url)
        options: dict[str, Any] = {
            "maxsize": CONNECTIONS,
            "block": True,
            "timeout": urllib3.Timeout(connect=min(seconds, 3), read=seconds),
            "socket_options": [*HTTPConnection.default_socket_options, *_keepalive()],
            "ssl_context": TRUSTED,
        }
        made = urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)
        self._pool = made.connection_from_url(settings.supabase_url)
        # A proxy has to be told where to; by TLS it is told when the connection is made.
        self._absolute = bool(proxy) and url.scheme == "http"
        self._path = f"{settings.supabase_url if self._absolute else url.path}/rest/v1/rpc/"
        self._patience = int(min(seconds, 5))

    def post(self, function: str, args: Mapping[str, Any], headers: Mapping[str, str]) -> Any:
        """Run an operation; Refused, Dropped (on the way: nobody knows whether it ran) or NoAnswer when it fails."""
        response = self._pool.urlopen(
            "POST",
            self._path + function,
            body=_body(args),
            headers={**JSON, **headers},
            retries=False,
            redirect=False,
            pool_timeout=self._patience,
            assert_same_host=not self._absolute,
        )
        if response.status >= 300:
            raise Refused(response.status, response.data)
        return json.loads(response.data) if response.data else []


def _body(args: Mapping[str, Any]) -> bytes:
    return json.dumps(args, default=_plain, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _plain(value: object) -> str:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, date):  # a datetime is one
        return value.isoformat()
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"  # as PostgreSQL writes bytea
    raise TypeError(f"{type(value).__name__} has no JSON")


def _proxy(url: str) -> str | None:
    """The proxy that the environment names for this address."""
    parts = urlsplit(url)
    if parts.hostname in LOOPBACK or proxy_bypass(parts.netloc):
        return None
    return getproxies().get(parts.scheme)


def _keepalive() -> list[tuple[int, int, int]]:
    """Notice within a minute that a connection which nobody uses was lost on the way."""
    if sys.platform != "linux":
        return [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    times = {socket.TCP_KEEPIDLE: 20, socket.TCP_KEEPINTVL: 10, socket.TCP_KEEPCNT: 3}
    return [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), *((socket.IPPROTO_TCP, k, v) for k, v in times.items())]
