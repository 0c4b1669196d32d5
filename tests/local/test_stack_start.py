"""scripts/start as people meet it: it says where things are, stops cleanly, and leaves nothing behind."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import httpx
import psycopg
import pytest

from backend.config import load_settings
from backend.core import alerts
from backend.deps import build_deps
from scripts.diagnosis.surroundings import from_stack
from scripts.local import environment, ports, watchdog
from scripts.local.places import places_in
from tests.patience import LONG, within

ROOT = Path(__file__).parents[2]


class Starter:
    """One run of the program behind scripts/start, with its output in a file."""

    def __init__(self, home: Path, chosen: ports.Ports, *more: str) -> None:
        self.output = home / "output.txt"
        numbers = [f"--{name}-port={getattr(chosen, name)}" for name in ports.DEFAULTS]
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "scripts.local", "--data-dir", str(home / "data"), *numbers, *more],
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment.for_child({}),
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.end(signal.SIGINT)

    def said(self) -> str:
        return self.output.read_text()

    def wait_until_it_says(self, text: str, seconds: float = 3 * LONG) -> str:
        deadline = time.monotonic() + seconds
        while text not in self.said():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.05)
        return self.said()

    def end(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        return self.process.wait(LONG)


def descendants(pid: int) -> set[int]:
    """Every process below one, by way of /proc."""
    parents = {}
    for child in watchdog.all_pids():
        try:
            parents[child] = int(Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found: set[int] = set()
    while more := {child for child, parent in parents.items() if parent in found | {pid}} - found:
        found |= more
    return found


def all_gone(pids: set[int], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while any(watchdog.session_of(pid) is not None and not watchdog.is_zombie(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "with space"
    folder.mkdir()
    yield folder
    for root in places_in(folder / "data").roots:  # as root, PostgreSQL's is not below tmp_path
        shutil.rmtree(root)


@pytest.mark.skipif(sys.platform != "linux", reason="reads the process tree from /proc")
def test_a_stack_can_be_killed_started_again_and_ended_with_ctrl_c(home: Path) -> None:
    chosen = ports.choose_any()
    with Starter(home, chosen) as starter:
        first = starter.wait_until_it_says("curl ")
        assert "\x1b" not in first, "colour codes in a file"
        assert '"email":"user@example.com"' in run_curl(first)
        alert_reaches_the_inbox(home, chosen)
        assert f"already running at http://127.0.0.1:{chosen.web}" in start_a_second(home, chosen)
        programs = descendants(starter.process.pid)
        assert len(programs) > 10
        starter.end(signal.SIGKILL)
        assert all_gone(programs, LONG)

    with Starter(home, chosen) as starter:
        again = starter.wait_until_it_says("curl ")
        assert log_ins(again) == log_ins(first), "what the last run made is still there"
        assert roles_given(again) == [("owner@example.com", "owner")]
        programs = descendants(starter.process.pid)
        assert starter.end(signal.SIGINT) == 0
        assert all_gone(programs, within(5))


def run_curl(said: str) -> str:
    line = next(line for line in said.splitlines() if line.startswith("curl "))
    return subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True).stdout


def alert_reaches_the_inbox(home: Path, chosen: ports.Ports) -> None:
    """With the settings of the stack; only that trouble is told at once."""
    environ, _ = from_stack(home / "data", {})
    with psycopg.connect(environ["DATABASE_URL"]) as connection:
        found = "('books', 'x', 'x', now())"
        connection.execute(f"insert into private.ledger_problems (source, problem, once_key, found_at) values {found}")
    alerts.check(build_deps(load_settings(environ | {"ALERT_PATIENCE_SECONDS": "0"})))
    mails = httpx.get(f"http://127.0.0.1:{chosen.mail}/api/v1/search", params={"query": "to:admin@example.com"}).json()
    told = [(mail["Subject"], mail["From"]["Address"]) for mail in mails["messages"]]
    assert ("[Scrip local] ALERT: ledger problem", "scrip@example.com") in told


def start_a_second(home: Path, chosen: ports.Ports) -> str:
    other = home.parent / "other"
    other.mkdir()
    with Starter(other, chosen, f"--data-dir={home / 'data'}") as second:
        assert second.process.wait(LONG) == 1
        return second.said()


def log_ins(said: str) -> list[str]:
    return re.findall(r"@example.com +(\S+)", said)


def roles_given(said: str) -> list[tuple[object, ...]]:
    url = re.search(r"postgresql://\S+", said)
    assert url
    with psycopg.connect(url[0]) as connection:
        query = "select u.email, r.role from private.user_roles r join auth.users u on u.id = r.user_id"
        return connection.execute(query).fetchall()


def test_a_port_that_is_taken_is_named_at_once(home: Path) -> None:
    chosen = ports.choose_any()
    with socket.socket() as server:
        server.bind(("127.0.0.1", chosen.database))
        server.listen()
        with Starter(home, chosen) as starter:
            assert starter.process.wait(LONG) == 1
    assert f"Port {chosen.database}, which you asked for PostgreSQL, is in use." in starter.said()
    assert "Traceback" not in starter.said()


def test_the_main_job_runs_once_with_every_figure_right() -> None:
    command = [sys.executable, "-m", "scripts.local", "--once"]
    done = subprocess.run(command, cwd=ROOT, env=environment.for_child({}), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Every figure is as it must be." in done.stdout
    told = re.search(r"the picture: (.*\.png)", done.stdout)
    assert told
    picture = Path(told[1])
    assert picture.read_bytes().startswith(b"\x89PNG")
    picture.unlink()


def test_help_shows_examples() -> None:
    command = [sys.executable, "-m", "scripts.local", "--help"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "scripts/start --once" in said
