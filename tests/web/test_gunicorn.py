"""The web process as it is run: gunicorn with its configuration, from start to stop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.patience import LONG
from tests.web.test_outages import closed_port
from tests.worker.world import ROOT, World, eventually

GUNICORN = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]


def environment(world: World, **more: str) -> dict[str, str]:
    """Return what the process is told, and nothing of the developer's shell."""
    return {"PATH": os.environ["PATH"], "NO_PROXY": "127.0.0.1", **world.environ, **more}


@contextmanager
def gunicorn(world: World, log: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run the web process and wait until it is ready."""
    port = closed_port()
    with log.open("wb") as file:
        process = subprocess.Popen(GUNICORN, cwd=ROOT, env=environment(world, PORT=str(port)), stdout=file, stderr=file)
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: _is_ready(url), why=log.read_text)
        yield process, url
    finally:
        process.kill()
        process.wait()


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/ready", timeout=2).status_code == 200
    except httpx.TransportError:
        return False


def test_it_serves_and_stops_when_told(world: World, tmp_path: Path) -> None:
    """Two processes, a generation through one of them, JSON logs, and a clean end."""
    log, user = tmp_path / "log", world.new_user()
    with gunicorn(world, log) as (process, url), httpx.Client(base_url=url) as http:
        signed_in = {"Authorization": f"Bearer {user.token}"}
        body = {"model": "local/picture", "prompt": "a red fox"}
        assert http.post("/api/v1/generations", json=body, headers=signed_in).status_code == 202
        assert http.get("/api/v1/credits/balance", headers=signed_in).json()["available"] == 21
        assert http.post("/api/v1/generations", content=b"{" * 300_000, headers=signed_in).status_code in (413, 422)
        process.send_signal(signal.SIGTERM)
        assert process.wait(LONG) == 0
    text = log.read_text()
    events = [json.loads(line)["event"] for line in text.splitlines()]
    assert "request" in events
    assert any("Booting worker" in event for event in events)
    assert user.token not in text
    assert world.keys.secret_key not in text


def test_an_incomplete_environment_is_said_once(world: World) -> None:
    """Everything that is missing, no traceback, no crash loop."""
    environ = environment(world)
    del environ["REDIS_URL"], environ["SUPABASE_SECRET_KEY"]
    ended = subprocess.run(GUNICORN, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=30)
    assert ended.returncode != 0
    assert "REDIS_URL is missing" in ended.stderr
    assert "SUPABASE_SECRET_KEY is missing" in ended.stderr
    assert ended.stderr.count("can't start") == 1
    assert "Traceback" not in ended.stderr
