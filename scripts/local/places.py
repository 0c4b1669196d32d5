"""Where a stack keeps its data, and the lock that lets one stack run there at a time."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from scripts.local import watchdog
from scripts.local.binaries import persistent_temp_dir
from scripts.local.processes import unprivileged_account

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_HOME = ROOT / ".local"
WAIT_FOR_THE_LAST = 15.0


@dataclass(frozen=True)
class Places:
    """The folders of one stack."""

    home: Path
    postgres: Path

    @property
    def roots(self) -> tuple[Path, ...]:
        """The folders that hold everything, for when it is to be removed."""
        return (self.home,) if self.postgres.parent == self.home else (self.home, self.postgres.parent)

    @property
    def valkey(self) -> Path:
        return self.home / "valkey"

    @property
    def supabase(self) -> Path:
        return self.home / "supabase"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def logins(self) -> Path:
        return self.home / "logins.json"

    @property
    def environment(self) -> Path:
        """The variables of the stack that runs, for `set -a; . .local/environment` and for doctor.py --local."""
        return self.home / "environment"


def demo_email(role: str) -> str:
    """The address of the demo account with this role, whose password is in `logins`."""
    return f"{role}@example.com"


class AlreadyRunning(RuntimeError):
    """Another stack uses this data folder."""


def places_in(home: Path) -> Places:
    """The folders of the stack whose data is in `home`, made if need be."""
    home = home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    places = Places(home, home / "postgres" if postgres_can_live_in(home) else _public_home(home) / "postgres")
    places.logs.mkdir(exist_ok=True)
    return places


def set_old_logs_aside(places: Places) -> None:
    """Keep the logs of the last run as *.previous and let this run begin its own."""
    for log in places.logs.glob("*.log"):
        log.replace(log.with_suffix(".previous"))


def postgres_can_live_in(home: Path) -> bool:
    """Whether PostgreSQL reaches the folder: as root it runs as another account, which a private folder keeps out."""
    if unprivileged_account() is None:
        return True
    return all(folder.stat().st_mode & 0o001 for folder in (home, *home.parents))


def _public_home(home: Path) -> Path:
    name = hashlib.sha256(str(home).encode()).hexdigest()[:12]
    folder = persistent_temp_dir() / f"{home.parent.name}-{name}"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o711)
    return folder


@contextmanager
def only_stack(places: Places, tell: Callable[[str], None]) -> Iterator[Callable[[str], None]]:
    """Hold the data folder; yields a function that notes the stack's address for whoever finds the folder taken."""
    with os.fdopen(os.open(places.home / "stack.lock", os.O_RDWR | os.O_CREAT, 0o600), "r+") as lock:
        _acquire(lock, places.home, tell)
        watchdog.keep_open(lock.fileno())
        _note(lock, "")
        yield lambda address: _note(lock, address)


def _acquire(lock: TextIO, home: Path, tell: Callable[[str], None]) -> None:
    """Take the lock; when only the remains of a killed stack hold it, wait for them to end."""
    deadline = time.monotonic() + WAIT_FOR_THE_LAST
    told = False
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = _owner(lock)
            if _is_running(owner["pid"]) or time.monotonic() > deadline:
                at = f" at {owner['address']}" if owner["address"] else ""
                raise AlreadyRunning(
                    f"already running{at} with the data in {home} (process {owner['pid']}). "
                    "Stop that one with Ctrl-C, or give a second one data of its own: scripts/start --data-dir FOLDER"
                ) from None
        if not told:
            tell("waiting for the last run to end")
            told = True
        time.sleep(0.2)


def _note(lock: TextIO, address: str) -> None:
    lock.seek(0)
    lock.truncate()
    json.dump({"pid": os.getpid(), "address": address}, lock)
    lock.flush()


def _owner(lock: TextIO) -> dict[str, str]:
    lock.seek(0)
    try:
        noted = json.load(lock)
    except ValueError:
        return {"pid": "?", "address": ""}
    return {"pid": str(noted.get("pid", "?")), "address": str(noted.get("address", ""))}


def _is_running(pid: str) -> bool:
    if not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not watchdog.is_zombie(int(pid))
