"""Start a program so that it can never outlive us, and stop it in good order."""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from scripts.local import watchdog

PR_SET_PDEATHSIG = 1
UNPRIVILEGED_ACCOUNTS = ("postgres", "nobody", "daemon")


@dataclass(frozen=True)
class Account:
    """A user that a program runs as when we are root."""

    name: str
    uid: int
    gid: int


class ProcessFailed(RuntimeError):
    """A program of the stack did not start; the message ends with the last lines of its log."""


class Child:
    """A running program in a session of its own, with its output in a log file."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path, stop_signal: signal.Signals) -> None:
        self.name = name
        self.process = process
        self.log = log
        self.stop_signal = stop_signal
        self.asked = False

    @property
    def pid(self) -> int:
        return self.process.pid

    def is_alive(self) -> bool:
        return self.process.poll() is None

    def log_tail(self, lines: int = 15) -> str:
        """The last lines of the log, for a message."""
        with suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        return ""

    def failure(self, what: str) -> ProcessFailed:
        """An error that says what went wrong and shows the end of the log."""
        code = self.process.poll()
        how = f"it ended with exit code {code}" if code is not None else "it is still running"
        return ProcessFailed(f"{self.name}: {what} ({how}). Log: {self.log}\n{self.log_tail()}".rstrip())

    def wait_for(self, answers: Callable[[], bool], *, seconds: float) -> None:
        """Wait until the program answers; a failure when it ends, or takes longer than this."""
        deadline = time.monotonic() + seconds
        while not answers():
            if not self.is_alive():
                raise self.failure("did not start")
            if time.monotonic() > deadline:
                self.stop()
                raise self.failure(f"did not answer within {seconds:.0f} s")
            time.sleep(0.02)

    def ask(self) -> None:
        """Ask the program to stop, without waiting; once only, since many take a second time for impatience."""
        if self.is_alive() and not self.asked:
            self.process.send_signal(self.stop_signal)
            self.asked = True

    def stop(self, grace: float = 10.0) -> None:
        """Ask the program to stop, wait, then end whatever is left of its session."""
        if self.is_alive():
            self.ask()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(grace)
        self.kill()

    def kill(self) -> None:
        """End the program and everything it started, at once."""
        watchdog.kill_session(self.pid)
        self.process.wait()
        watchdog.tell(f"- {self.pid}")


def start(
    command: Sequence[str],
    *,
    name: str,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | str | None = None,
    account: Account | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
) -> Child:
    """Start a program that ends with this process, however that ends: the kernel and a watchdog see to it."""
    watchdog.tell()  # there before the program is
    with log.open("ab") as output:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            cwd=cwd,
            start_new_session=True,  # a Ctrl-C in the terminal reaches the starter alone, which stops things in order
            preexec_fn=_die_with_parent(stop_signal),
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    watchdog.tell(f"+ {process.pid} {int(stop_signal)}")
    return Child(name, process, log, stop_signal)


def _die_with_parent(stop_signal: signal.Signals) -> Callable[[], None] | None:
    """What the child does before exec, after its uid was dropped (a change of uid would clear the setting)."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def set_death_signal() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(stop_signal), 0, 0, 0)
        if os.getppid() != parent:  # the parent died between fork and here
            os._exit(1)

    return set_death_signal


def unprivileged_account() -> Account | None:
    """The account to run PostgreSQL as, which refuses root; None when we are an ordinary user already."""
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED_ACCOUNTS:
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise ProcessFailed(
        "PostgreSQL does not run as root, and none of the accounts "
        f"{', '.join(UNPRIVILEGED_ACCOUNTS)} exists here. Run this as an ordinary user, or add one: useradd postgres"
    )


def free_port() -> int:
    """A port on the loopback address that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
