"""How httpx reaches PostgREST: kept connections whose answers are read by httptools, in C.

httpx's own transport takes a third of the time of a whole request here. This one does what a call needs, one request
with its body and one answer read to its end, and leaves proxies and streams to the other (see connect).
"""

from __future__ import annotations

import socket
import ssl
import time
from contextlib import suppress
from selectors import EVENT_READ, DefaultSelector
from urllib.parse import urlsplit

import httpx
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

KEPT_SECONDS = 20.0  # gateways close what is idle for longer
CHUNK = 65_536


class Transport(httpx.BaseTransport):
    """Requests to one origin; any number of threads may use it."""

    def __init__(self, origin: str, trusted: ssl.SSLContext) -> None:
        parts = urlsplit(origin)
        self._tls = trusted if parts.scheme == "https" else None
        self._host, self._port = str(parts.hostname), parts.port or (443 if self._tls else 80)
        self._idle: list[_Connection] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and read its answer; only a connection that may be used again is kept."""
        written, timeout = _written(request), request.extensions["timeout"]
        connection = self._kept() or self._open(timeout["connect"])
        try:
            connection.socket.settimeout(timeout["read"])
            answer = connection.ask(written)
        except (OSError, HttpParserError, HttpParserUpgrade) as error:
            connection.close()
            raise _named(error) from error
        if answer.may_go_on:
            self._idle.append(connection)
        else:
            connection.close()
        return httpx.Response(answer.status, headers=answer.headers, content=bytes(answer.body))

    def close(self) -> None:
        """Close what is kept."""
        while self._idle:
            self._idle.pop().close()

    def _kept(self) -> _Connection | None:
        with suppress(IndexError):
            while True:
                connection = self._idle.pop()
                if connection.is_usable():
                    return connection
                connection.close()
        return None

    def _open(self, seconds: float) -> _Connection:
        try:
            opened = socket.create_connection((self._host, self._port), seconds)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return _Connection(self._tls.wrap_socket(opened, server_hostname=self._host) if self._tls else opened)
        except TimeoutError as error:
            raise httpx.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpx.ConnectError(str(error)) from error


class _Connection:
    def __init__(self, opened: socket.socket) -> None:
        self.socket, self._used_at = opened, 0.0
        self._selector = DefaultSelector()
        self._selector.register(opened, EVENT_READ)

    def ask(self, request: bytes) -> _Answer:
        """Send a request and return the whole answer."""
        answer = _Answer()
        self.socket.sendall(request)
        try:
            while not answer.is_whole:
                answer.feed(self.socket.recv(CHUNK))
        finally:
            del answer.parser  # the two hold each other
        self._used_at = time.monotonic()
        return answer

    def is_usable(self) -> bool:
        """Whether it is young, and the server has neither closed it nor said something that nobody asked for."""
        return time.monotonic() < self._used_at + KEPT_SECONDS and not self._selector.select(0)

    def close(self) -> None:
        self._selector.close()
        self.socket.close()


class _Answer:
    """An answer as far as it has come; httptools calls what begins with on_."""

    def __init__(self) -> None:
        self.parser = HttpResponseParser(self)
        self.status, self.is_whole, self.may_go_on = 0, False, False
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = bytearray()

    def feed(self, received: bytes) -> None:
        """Read on; nothing means that the server has closed the connection."""
        if received:
            self.parser.feed_data(received)
        elif self._lasts_until_closed():
            self.is_whole = True
        else:
            raise HttpParserError("the server closed the connection before its answer was whole")

    def _lasts_until_closed(self) -> bool:
        return self.status > 0 and not {b"content-length", b"transfer-encoding"} & {n.lower() for n, _ in self.headers}

    def on_message_begin(self) -> None:
        if self.is_whole:
            raise ValueError("the server answered twice")
        self.headers.clear()  # those of a 103, which comes before the answer

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self.status = self.parser.get_status_code()

    def on_body(self, part: bytes) -> None:
        self.body += part

    def on_message_complete(self) -> None:
        self.is_whole, self.may_go_on = self.status >= 200, self.parser.should_keep_alive()


def _named(error: Exception) -> httpx.TransportError:
    kind = httpx.ReadError if isinstance(error, OSError) else httpx.RemoteProtocolError
    return httpx.ReadTimeout(str(error)) if isinstance(error, TimeoutError) else kind(str(error))


def _written(request: httpx.Request) -> bytes:
    head = [b"%s %s HTTP/1.1" % (request.method.encode(), request.url.raw_path)]
    head += [b"%s: %s" % pair for pair in request.headers.raw]
    if any(b"\r" in line or b"\n" in line for line in head):
        raise httpx.LocalProtocolError("a header holds a line break")
    return b"\r\n".join([*head, b"", request.read()])
