"""Programs that the stack starts never outlive it, and come back when they end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from scripts.local import watchdog
from scripts.local.places import places_in
from scripts.local.postgres import Postgres
from scripts.local.processes import Child, ProcessFailed, start
from scripts.local.supervisor import RESTARTS, Supervisor
from scripts.local.valkey import Valkey
from tests.patience import LONG

ROOT = Path(__file__).parents[2]
STUBBORN = ["sh", "-c", "trap '' TERM INT; sleep 60 & wait; sleep 60"]


def eventually(condition: Callable[[], bool], seconds: float = LONG) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def is_gone(pid: int) -> bool:
    return watchdog.session_of(pid) is None or watchdog.is_zombie(pid)


def test_a_killed_starter_leaves_no_process_and_no_folder(tmp_path: Path) -> None:
    code = f"""
import pathlib, time
from scripts.local.postgres import Postgres
from scripts.local.processes import start
from scripts.local.valkey import Valkey
from tests.patience import LONG
postgres, valkey = Postgres().start(), Valkey().start()
stubborn = start({STUBBORN!r}, name="stubborn", log=pathlib.Path({str(tmp_path / "log")!r}))
print(postgres.child.pid, valkey.child.pid, stubborn.pid, postgres.home, valkey.home, flush=True)
time.sleep(60)
"""
    starter = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert starter.stdout
    told = starter.stdout.readline().split()
    sessions, folders = [int(word) for word in told[:3]], [Path(word) for word in told[3:]]
    assert all(watchdog.session_members(session) for session in sessions)
    starter.kill()
    starter.wait()
    starter.stdout.close()
    assert eventually(lambda: not any(watchdog.session_members(session) for session in sessions))
    assert eventually(lambda: not any(folder.exists() for folder in folders))


def test_what_a_program_started_ends_with_it(tmp_path: Path) -> None:
    child = start(STUBBORN, name="stubborn", log=tmp_path / "log")
    assert eventually(lambda: len(watchdog.session_members(child.pid)) == 2)
    child.stop(grace=0.2)
    assert not watchdog.session_members(child.pid)


def test_a_program_that_does_not_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    child = start(["sh", "-c", "echo the reason; exit 3"], name="broken", log=tmp_path / "log")
    child.process.wait()
    assert str(child.failure("did not start")) == (
        f"broken: did not start (it ended with exit code 3). Log: {tmp_path / 'log'}\nthe reason"
    )


def test_a_program_that_ended_is_started_again(tmp_path: Path) -> None:
    told: list[str] = []
    supervisor = Supervisor(told.append)
    supervisor.run("sleeper", lambda: start(["sleep", "60"], name="sleeper", log=tmp_path / "log"), rank=1)
    first = supervisor.services[0].child
    os.kill(first.pid, signal.SIGKILL)
    assert eventually(lambda: not first.is_alive())
    supervisor.check()
    second = supervisor.services[0].child
    assert second.is_alive()
    assert second.pid != first.pid
    assert "sleeper was ended by signal 9; starting it again" in told[0]
    supervisor.stop()
    assert is_gone(second.pid)


def test_a_program_that_keeps_ending_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def launch() -> Child:
        child = start(["sh", "-c", "echo no luck; exit 1"], name="hopeless", log=tmp_path / "log")
        child.process.wait()
        return child

    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    supervisor = Supervisor(lambda line: None)
    supervisor.run("hopeless", launch, rank=1)
    with pytest.raises(ProcessFailed, match="hopeless: ended 6 times within a minute"):
        for _ in range(RESTARTS + 1):
            supervisor.check()


def test_valkey_comes_back_after_a_crash_with_what_it_held() -> None:
    with Valkey() as valkey, redis.Redis.from_url(valkey.url) as client:
        client.set("kept", "1")
        time.sleep(1.1)  # it writes to disk every second
        valkey.kill()
        valkey.start()
        assert client.get("kept") == b"1"


def test_valkey_answers_nobody_without_its_password() -> None:
    with Valkey() as valkey, redis.Redis(port=valkey.port, retry=Retry(NoBackoff(), 0)) as client:
        with pytest.raises(redis.AuthenticationError):
            client.ping()


def test_a_cluster_keeps_its_data_even_through_a_crash(tmp_path: Path) -> None:
    home = places_in(tmp_path / "a b").postgres
    try:
        with Postgres(home, durable=True) as first, psycopg.connect(first.url("postgres", "supabase_admin")) as one:
            one.execute("create table kept as select 1")
            one.commit()
            first.child.kill()
        with Postgres(home) as second, psycopg.connect(second.url("postgres", "supabase_admin")) as two:
            assert two.execute("table kept").fetchone() == (1,)
        assert (home / "password").stat().st_mode & 0o777 == 0o600
    finally:
        shutil.rmtree(home.parent)
