"""Keeps the programs of a stack running, and stops them in good order."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from scripts.local.processes import Child, ProcessFailed

RESTARTS = 5
WITHIN_SECONDS = 60.0

Tell = Callable[[str], None]


@dataclass
class Service:
    """A program and how to start it (again)."""

    name: str
    launch: Callable[[], Child]
    child: Child
    rank: int
    ended_at: list[float] = field(default_factory=list)


class Supervisor:
    """The services of one stack, in the order in which they were started."""

    def __init__(self, tell: Tell) -> None:
        self.tell = tell
        self.restarts = RESTARTS
        self.services: list[Service] = []

    def run(self, name: str, launch: Callable[[], Child], *, rank: int) -> None:
        """Start a program and look after it from now on. Those of a higher rank need those of a lower one."""
        self.services.append(Service(name, launch, launch(), rank))

    def check(self) -> None:
        """Start again what has ended; give up on a program that keeps ending."""
        for service in self.services:
            if not service.child.is_alive():
                self._restart(service)

    def stop(self) -> None:
        """Stop rank after rank, the highest first. An impatient second Ctrl-C ends everything at once."""
        try:
            for rank in sorted({service.rank for service in self.services}, reverse=True):
                self._stop_all([service.child for service in self.services if service.rank == rank])
        except KeyboardInterrupt:
            for service in self.services:
                service.child.kill()

    def _stop_all(self, children: list[Child]) -> None:
        for child in children:  # all are asked before the first is waited for
            child.ask()
        for child in children:
            child.stop()

    def _restart(self, service: Service) -> None:
        now = time.monotonic()
        service.ended_at = [*(then for then in service.ended_at if now - then < WITHIN_SECONDS), now]
        how = describe_end(service.child.process.returncode)
        if len(service.ended_at) > self.restarts:
            raise service.child.failure(f"ended {len(service.ended_at)} times within a minute")
        self.tell(f"{service.name} {how}; starting it again (its log: {service.child.log})")
        service.child.kill()
        time.sleep(0.2 * min(len(service.ended_at), RESTARTS))
        with suppress(ProcessFailed):  # it counts as another end, at the next look
            service.child = service.launch()


def describe_end(code: int | None) -> str:
    """How a program ended, in words."""
    return f"was ended by signal {-code}" if code is not None and code < 0 else f"ended with exit code {code}"
