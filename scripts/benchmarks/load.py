"""Makes HTTP requests over kept connections, one after the other on each, and takes the time of every answer."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from scripts.benchmarks.figures import percentile
from scripts.benchmarks.ground import CannotMeasure

PATIENCE = 20.0
MakeRequest = Callable[[], bytes]


@dataclass(frozen=True)
class Load:
    """What came of it."""

    seconds: float
    latencies: list[float]

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.latencies) / self.seconds

    def ms(self, share: float) -> float:
        """The time that this share of all answers kept to."""
        return percentile(self.latencies, share) * 1000


class _Closed(Exception):
    """The server closed a kept connection between two answers, as a process of gunicorn does whose time is served."""


@dataclass
class _Connection:
    socket: socket.socket
    sent_at: float = 0.0
    got: bytearray = field(default_factory=bytearray)


def request(method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """A request as it goes over the wire."""
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    lines = [f"{method} {target} HTTP/1.1", f"Host: {parts.netloc}", *(f"{k}: {v}" for k, v in headers.items())]
    if body or method == "POST":
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def drive(url: str, make: MakeRequest, *, connections: int, seconds: float) -> Load:
    """Keep that many connections busy for so long; CannotMeasure when an answer is no success."""
    address = (str(urlsplit(url).hostname), urlsplit(url).port or 80)
    latencies: list[float] = []
    with selectors.DefaultSelector() as selector:
        opened = [_Connection(_connected(address)) for _ in range(connections)]
        try:
            began = time.perf_counter()
            for connection in opened:
                selector.register(connection.socket, selectors.EVENT_READ, connection)
                _send(connection, make())
            while (now := time.perf_counter()) < began + seconds or not latencies:
                if now > began + seconds + PATIENCE:
                    raise CannotMeasure(f"{url} did not answer within {PATIENCE:.0f} s")
                for key, _ in selector.select(timeout=max(0.01, began + seconds - now)):
                    connection = key.data
                    try:
                        whole = _take(connection)
                    except _Closed:
                        selector.unregister(connection.socket)
                        connection.socket.close()
                        connection.socket = _connected(address)
                        selector.register(connection.socket, selectors.EVENT_READ, connection)
                        _send(connection, make())
                        continue
                    if whole:
                        latencies.append(time.perf_counter() - connection.sent_at)
                        _send(connection, make())
            took = time.perf_counter() - began
        finally:
            for connection in opened:
                connection.socket.close()
    return Load(took, latencies)


def _connected(address: tuple[str, int]) -> socket.socket:
    made = socket.create_connection(address, timeout=10)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def _send(connection: _Connection, data: bytes) -> None:
    connection.got.clear()
    connection.sent_at = time.perf_counter()
    connection.socket.sendall(data)


def _take(connection: _Connection) -> bool:
    """Read what has come; True when that is a whole answer."""
    try:
        chunk = connection.socket.recv(262_144)
    except ConnectionResetError:
        chunk = b""
    if not chunk and not connection.got:
        raise _Closed
    if not chunk:
        raise CannotMeasure("the server closed a connection in the middle of an answer")
    connection.got += chunk
    head, end, body = connection.got.partition(b"\r\n\r\n")
    if not end:
        return False
    if not head.startswith(b"HTTP/1.1 2"):
        raise CannotMeasure(f"the server answered {bytes(connection.got[:300])!r}")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return len(body) >= int(line[15:])
    return body.endswith(b"0\r\n\r\n")
