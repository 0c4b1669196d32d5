"""Being told to stop: a process that waits for it, and a work horse that has to let go of its work."""

from __future__ import annotations

import os
import signal
import socket
import time
from dataclasses import dataclass
from types import FrameType


class StopSignal:
    """SIGTERM and Ctrl-C as something to ask for between two steps.

    The handler only sets a flag: it may run while this very thread holds any lock, an Event's among them.
    """

    def __init__(self) -> None:
        self.asked = False

    def listen(self) -> None:
        """Take the signals over."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)

    def wait(self, seconds: float) -> None:
        """Sleep, but wake up soon after a signal."""
        until = time.monotonic() + seconds
        while not self.asked and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.2))

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.asked = True


@dataclass
class _Horse:
    worker_pid: int = 0
    grace_seconds: float = 0.0
    due_at: float | None = None


_horse = _Horse()


def prepare_horse(worker_pid: int, grace_seconds: float, *, requested: bool) -> None:
    """Set this work horse up; `requested` says that the worker was told to stop before the horse was there."""
    _horse.worker_pid, _horse.grace_seconds, _horse.due_at = worker_pid, grace_seconds, None
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the worker, which passes it on as SIGTERM
    signal.signal(signal.SIGTERM, _on_signal)
    if requested:
        _request()


def is_due() -> bool:
    """Tell whether work in progress is to be handed back: the grace is over, or SIGTERM came twice."""
    if _horse.due_at is None and _horse.worker_pid and os.getppid() != _horse.worker_pid:
        _request()  # the worker was killed, and nobody is left to stop this process
    return _horse.due_at is not None and time.monotonic() >= _horse.due_at


def worker_name() -> str:
    """Return how the row names who runs it."""
    return f"{socket.gethostname()}:{os.getpid()}"


def _on_signal(number: int, frame: FrameType | None) -> None:
    _request()


def _request() -> None:
    grace = _horse.grace_seconds if _horse.due_at is None else 0.0
    _horse.due_at = time.monotonic() + grace
