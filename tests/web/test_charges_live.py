"""Prices around views of a real gunicorn: the client leaves, or the process is killed, in the middle of it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.patience import LONG
from tests.web.test_gunicorn import _is_ready, environment
from tests.web.test_outages import closed_port
from tests.worker.world import ROOT, User, World, eventually

STALL = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "tests.web.stall:app"]


class Stall:
    """A running gunicorn, and what clients do to it."""

    def __init__(self, url: str, notes: Path, world: World) -> None:
        self.url, self.notes, self.world = url, notes, world

    def open(self, user: User, path: str) -> socket.socket:
        """Send a request and return once the view is at work."""
        for name in ("started", "go"):
            (self.notes / name).unlink(missing_ok=True)
        where = urlsplit(self.url)
        client = socket.create_connection((where.hostname, where.port), timeout=15)
        head = f"POST {path} HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {user.token}\r\nContent-Length: 0\r\n"
        client.sendall(f"{head}Connection: close\r\n\r\n".encode())
        eventually(lambda: (self.notes / "started").exists() and (self.notes / "started").read_text())
        assert self.world.figures(user) == (25, 5, 20)
        return client

    def let_go(self) -> None:
        """Let the view go on."""
        (self.notes / "go").touch()

    def settles(self, user: User, *figures: int) -> None:
        """Wait until the wallet shows (balance, held, available)."""
        eventually(lambda: self.world.figures(user) == figures, seconds=8, why=lambda: str(self.world.figures(user)))


@pytest.fixture(scope="module")
def running(whole_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stall]:
    """One web process for all tests here."""
    folder, port = tmp_path_factory.mktemp("stall"), closed_port()
    environ = environment(whole_world, PORT=str(port), WEB_CONCURRENCY="1", SHOP_DIR=str(folder))
    log = folder / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(STALL, cwd=ROOT, env=environ, stdout=file, stderr=file)
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: _is_ready(url), seconds=20, why=log.read_text)
        yield Stall(url, folder, whole_world)
    finally:
        process.terminate()
        process.wait(LONG)


@pytest.fixture
def stall(running: Stall, world: World) -> Stall:
    """The same, in a tidy world."""
    return running


def answer(client: socket.socket) -> bytes:
    """All that the server sends."""
    got = b""
    while piece := client.recv(1 << 20):
        got += piece
    return got


def usages(world: World, user: User) -> list[tuple[str, int]]:
    """What usage_logs says."""
    query = "select action, credits from public.usage_logs where user_id = %s"
    return world.connection.execute(query, [user.id]).fetchall()


@pytest.mark.parametrize("path", ["/slow", "/stream"])
def test_a_client_that_stays_pays_once(stall: Stall, world: World, path: str) -> None:
    """The ordinary case, plain and streamed: the price, and a line in the usage."""
    user = world.new_user()
    with stall.open(user, path) as client:
        stall.let_go()
        assert answer(client).startswith(b"HTTP/1.1 200")
    stall.settles(user, 20, 0, 20)
    assert usages(world, user) == [(path[1:], 5)]


@pytest.mark.parametrize("path", ["/slow", "/stream"])
def test_a_client_that_leaves_does_not_pay(stall: Stall, world: World, path: str) -> None:
    """It hangs up while the view works, or in the middle of the stream. (regression: H2)"""
    user = world.new_user()
    with stall.open(user, path) as client:
        if path == "/stream":
            client.recv(1000)
    stall.let_go()
    stall.settles(user, 25, 0, 25)
    assert (usages(world, user), len(world.ledger(user))) == ([], 1)


def test_who_only_pretends_to_leave_gets_no_answer(stall: Stall, world: World) -> None:
    """A connection closed half-way still reads: it reads a refusal, not what it did not pay for."""
    user = world.new_user()
    with stall.open(user, "/slow") as client:
        client.shutdown(socket.SHUT_WR)
        stall.let_go()
        got = answer(client)
    assert got.startswith(b"HTTP/1.1 409")
    assert b"nothing was charged" in got
    assert b"done" not in got
    stall.settles(user, 25, 0, 25)


def test_a_process_that_is_killed_in_the_view_costs_nothing(stall: Stall, world: World) -> None:
    """kill -9: nobody is left to give the hold back, so it runs out; the next request works. (regression: H2)"""
    user = world.new_user()
    with stall.open(user, "/slow") as client:
        os.kill(int((stall.notes / "started").read_text()), signal.SIGKILL)
        assert answer(client) == b""
    assert world.figures(user) == (25, 5, 20)
    stall.settles(user, 25, 0, 25)
    assert usages(world, user) == []
    eventually(lambda: _is_ready(stall.url))
    with stall.open(user, "/slow") as client:
        stall.let_go()
        assert answer(client).startswith(b"HTTP/1.1 200")
    stall.settles(user, 20, 0, 20)
