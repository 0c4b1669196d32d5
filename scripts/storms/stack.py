"""A whole Scrip with several workers, in a folder that vanishes, and ways to reach what it runs."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

from backend.config import Settings
from scripts.local import watchdog
from scripts.local.places import Places, places_in
from scripts.local.ports import choose_any
from scripts.local.processes import ProcessFailed
from scripts.local.stack import Stack
from scripts.local.supervisor import Service, Tell

HISTORY = Path(__file__).parent / "history.sql"
# Users of a load test come faster than people; the limits have tests of their own.
NO_LIMITS = {f"RATE_LIMIT_{kind}": "100000/minute" for kind in ("DEFAULT", "WRITE", "PUBLIC")}
# What makes recovery quick enough to wait for. Without them the same happens, more slowly.
STORM_SETTINGS = {
    "WORKER_LEASE_SECONDS": "4",
    "WORKER_HEARTBEAT_SECONDS": "0.5",
    "WORKER_GRACE_SECONDS": "2",
    "SCHEDULE_DISPATCH_SECONDS": "0.5",
    "SCHEDULE_SWEEP_SECONDS": "0.5",
    "SCHEDULE_LOCK_SECONDS": "3",
}


class StormStack(Stack):
    """The stack of scripts/start with `workers` workers and settings that can be changed while it runs."""

    def __init__(self, places: Places, tell: Tell, *, workers: int) -> None:
        super().__init__(places, choose_any(), tell, durable=True)
        self.settings: dict[str, str] = {}
        self._connection: psycopg.Connection[Any] | None = None
        self.worker_names = ["worker", *(f"worker-{number}" for number in range(2, workers + 1))]
        self.supervisor.restarts = 1_000_000  # programs end all the time here

    def start(self) -> None:
        """Start everything, and note from now on what happens to each generation."""
        super().start()
        for name in self.worker_names[1:]:
            self._run(name, "backend.worker", rank=3)
        self.connect().execute(HISTORY.read_bytes())

    def app_environment(self) -> dict[str, str]:
        """What Scrip's own processes are told."""
        return super().app_environment() | NO_LIMITS | self.settings

    def worker_settings(self) -> dict[str, str]:
        """Return what workers and scheduler go by now: what they are told, else the default."""
        told = self.app_environment()
        return {name: told.get(name, str(Settings.model_fields[name.lower()].default)) for name in STORM_SETTINGS}

    def change_settings(self, settings: Mapping[str, str]) -> None:
        """Start workers and scheduler again with other settings."""
        self.settings = dict(settings)
        services = [self.service(name) for name in (*self.worker_names, "scheduler")]
        for service in services:
            service.child.ask()
        for service in services:
            service.child.stop()
            service.child = service.launch()

    def service(self, name: str) -> Service:
        """Return a program by its name."""
        return next(service for service in self.supervisor.services if service.name == name)

    def workers(self) -> list[Service]:
        """Return the workers."""
        return [self.service(name) for name in self.worker_names]

    def keep_running(self) -> None:
        """Start again what has ended."""
        with suppress(ProcessFailed):  # it is tried again at the next look
            self.supervisor.check()

    def connect(self) -> psycopg.Connection[Any]:
        """Return a connection of the operator: the last one, or another when that was cut."""
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self.database_url, autocommit=True, connect_timeout=5)
        return self._connection

    def patiently(self, query: str, parameters: tuple[Any, ...] = (), *, seconds: float = 30) -> list[Any]:
        """Return the rows of a query, also when the database comes back only in a while."""
        until = time.monotonic() + seconds
        while True:
            try:
                answer = self.connect().execute(query.encode(), parameters)
                return answer.fetchall() if answer.description else []
            except psycopg.OperationalError:
                if time.monotonic() > until:
                    raise
            self.keep_running()
            time.sleep(0.1)


@contextmanager
def throw_away_places(keep: bool) -> Iterator[Places]:
    """Yield folders that are removed afterwards, also when this process is killed; or kept, for their logs."""
    home = Path(tempfile.mkdtemp(prefix="scrip-chaos-"))
    home.chmod(0o711)  # where we are root, PostgreSQL runs as another account and passes through
    places = places_in(home)
    if not keep:
        for folder in places.roots:
            watchdog.tell(f"rm {folder}")
    try:
        yield places
    finally:
        if not keep:
            for folder in places.roots:
                shutil.rmtree(folder, ignore_errors=True)
