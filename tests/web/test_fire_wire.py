"""HTTP under fire, on the wire: bytes that only a real socket can send, against gunicorn as it is run."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.web.fire import rows
from tests.web.test_gunicorn import gunicorn
from tests.worker.world import User, World

BODY = b'{"model": "local/picture", "prompt": "a red fox"}'


@dataclass(frozen=True)
class Shot:
    """Bytes for the server, and the statuses that they may get; TOKEN becomes a good token."""

    name: str
    statuses: tuple[int, ...]
    content: bytes


def read(name: str, statuses: tuple[int, ...], *lines: bytes, first: bytes = b"GET /api/v1/me HTTP/1.1") -> Shot:
    """Return a signed-in read with more header lines."""
    own = (b"Host: here", b"Connection: close", b"Authorization: Bearer TOKEN")
    return Shot(name, statuses, b"\r\n".join([first, *own, *lines]) + b"\r\n\r\n")


def spend(name: str, statuses: tuple[int, ...], *lines: bytes, body: bytes = BODY, sized: bool = True) -> Shot:
    """Return a signed-in request that would spend, if it were good."""
    length = (b"Content-Length: %d" % len(body),) if sized else ()
    first = b"POST /api/v1/generations HTTP/1.1"
    shot = read(name, statuses, b"Content-Type: application/json", *length, *lines, first=first)
    return Shot(name, statuses, shot.content + body)


def chunks(size: int) -> bytes:
    """Return a chunked body."""
    return b"10000\r\n" + b"\r\n10000\r\n".join([b" " * 65_536] * (size // 65_536)) + b"\r\n0\r\n\r\n"


CHUNKED = b"Transfer-Encoding: chunked"
SHOTS = [
    read("a good one", (200,)),
    read("101 headers", (400, 431), *(b"X-Flood-%d: x" % n for n in range(101))),
    read("64 kB in one header", (400, 431), b"X-Flood: " + b"x" * 65_536),
    read("97 headers of 1 kB, which are fine", (200,), *(b"X-Flood-%d: %s" % (n, b"x" * 1000) for n in range(97))),
    read("NUL in a header", (400,), b"X-Flood: a\0b"),
    read("NUL in a header's name", (400,), b"X-\0: a"),
    read("a header without a colon", (400,), b"rubbish"),
    read("a header that goes on in the next line", (400,), b"X-Flood: a\r\n b"),
    read("a space before the colon", (400,), b"X-Flood : a"),
    read("invalid UTF-8 in a header", (200,), b"X-Request-Id: \xff\xfe"),
    read("a header with underscores", (200,), b"X_Request_Id: mine"),
    read("two tokens", (401,), b"Authorization: Bearer other"),
    read("a line of 10 kB", (400, 414), first=b"GET /" + b"a" * 10_000 + b" HTTP/1.1"),
    read("a query of 10 kB", (400, 414), first=b"GET /api/v1/me?" + b"a" * 10_000 + b" HTTP/1.1"),
    read("NUL in the path", (400, 404), first=b"GET /api/v1/\0 HTTP/1.1"),
    read("invalid UTF-8 in the path", (400, 404), first=b"GET /api/v1/\xff\xfe HTTP/1.1"),
    read("percent garbage", (400, 404), first=b"GET /api/v1/%%%00%zz HTTP/1.1"),
    read("an absolute address", (200,), first=b"GET http://evil.example.com/api/v1/me HTTP/1.1"),
    read("a path without a slash", (400, 404), first=b"GET api/v1/me HTTP/1.1"),
    read("a method in small letters", (400, 405), first=b"get /api/v1/me HTTP/1.1"),
    read("an unknown method", (400, 405), first=b"BREW /api/v1/me HTTP/1.1"),
    read("TRACE", (405,), first=b"TRACE /api/v1/me HTTP/1.1"),
    read("CONNECT", (400, 404, 405), first=b"CONNECT evil.example.com:443 HTTP/1.1"),
    read("HTTP/9.9", (400, 505), first=b"GET /api/v1/me HTTP/9.9"),
    read("no version", (400, 505), first=b"GET /api/v1/me"),
    Shot("no HTTP at all", (400,), b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    spend("two keys", (422,), b"Idempotency-Key: a", b"Idempotency-Key: b"),
    spend("two lengths", (400,), b"Content-Length: 1"),
    spend("length and chunks at once", (400,), CHUNKED),
    spend("a negative length", (400,), b"Content-Length: -1", sized=False),
    spend("a length of rubbish", (400,), b"Content-Length: ten", sized=False),
    spend("a length of 10 GB", (413,), b"Content-Length: 10000000000", sized=False),
    spend("an unknown encoding", (400, 501), b"Transfer-Encoding: rot13", sized=False),
    spend("chunks of rubbish", (422,), CHUNKED, body=b"zz\r\nrubbish\r\n0\r\n\r\n", sized=False),
    spend("a chunk that is cut off", (400, 422), CHUNKED, body=b"ff\r\n" + BODY, sized=False),
    spend("less than announced", (422,), b"Content-Length: 500", sized=False),
    spend("10 MB", (413,), body=b" " * 10_000_000),
    spend("10 MB in chunks", (413,), CHUNKED, body=chunks(10_000_000), sized=False),
    spend("400 kB in chunks, bad at first", (413,), CHUNKED, body=chunks(400_000).replace(b" ", b"{", 1), sized=False),
]


@dataclass(frozen=True)
class Target:
    """The running server, and somebody signed in."""

    url: str
    user: User
    log: Path


@pytest.fixture(scope="module")
def target(whole_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """gunicorn with its own configuration."""
    log = tmp_path_factory.mktemp("wire") / "log"
    with gunicorn(whole_world, log) as (_, url):
        yield Target(url, whole_world.new_user(), log)


def answer(target: Target, content: bytes) -> bytes:
    """Send bytes and return what comes back; a server that hangs up in the middle may still have answered."""
    host, port = target.url.removeprefix("http://").split(":")
    received = b""
    with socket.create_connection((host, int(port)), timeout=20) as wire:
        try:
            wire.sendall(content.replace(b"TOKEN", target.user.token.encode()))
            wire.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        try:
            while part := wire.recv(65_536):
                received += part
        except ConnectionResetError:
            pass
    return received


@pytest.mark.parametrize("shot", SHOTS, ids=lambda shot: shot.name)
def test_it_is_refused_and_nothing_is_written(shot: Shot, target: Target, whole_world: World) -> None:
    """One answer with one of the named statuses; the database is as before, and no bug shows in the log."""
    before = rows(whole_world)
    received = answer(target, shot.content)
    assert received[:9] in (b"HTTP/1.1 ", b"HTTP/1.0 "), received[:200]
    assert int(received[9:12]) in shot.statuses, received[:500]
    assert received.count(b"HTTP/1.1 ") <= 1
    assert rows(whole_world) == before
    assert not {"unforeseen_error", "Traceback"} & set(target.log.read_text().replace('"', " ").split())


def test_a_good_request_is_served_after_all_that(target: Target) -> None:
    """And it tells neither what serves it nor which version."""
    served = httpx.get(f"{target.url}/api/v1/me", headers={"Authorization": f"Bearer {target.user.token}"})
    assert (served.status_code, served.headers["Server"]) == (200, "scrip")
