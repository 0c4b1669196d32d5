"""Ends what a killed starter leaves behind: a small process beside it, which uses the standard library only.

The starter tells it a line at a time: `+ PID SIGNAL` for a program that was started, `- PID` for one that has been
stopped, `rm PATH` for a throw-away folder. The lines end when the starter is gone, however it went: then the programs
get their signals, last started first, a few seconds to obey, and an end.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

GRACE = 6.0

_kept_open: list[int] = []


def tell(line: str = "") -> None:
    """Send a line to this process's watchdog, which is started on first use."""
    pipe = _watchdog(os.getpid()).stdin
    if line and pipe:
        with suppress(BrokenPipeError):  # somebody ended it; on Linux the kernel still ends our programs with us
            pipe.write(line + "\n")
            pipe.flush()


def keep_open(descriptor: int) -> None:
    """Let the watchdog hold a descriptor too, such as a lock that is to last until everything has ended."""
    _kept_open.append(descriptor)


@functools.cache
def _watchdog(starter: int) -> subprocess.Popen[str]:
    """The watchdog of a process; a forked child has another pid and gets its own."""
    process = subprocess.Popen(
        [sys.executable, "-I", __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        text=True,
        start_new_session=True,
        pass_fds=tuple(_kept_open),
    )
    atexit.register(_dismiss, starter, process)
    return process


def _dismiss(starter: int, process: subprocess.Popen[str]) -> None:
    """At the end of the process, wait for the end of its watchdog."""
    if os.getpid() == starter:
        process.communicate()


def main() -> None:
    """Follow the starter's notes until they end, then clean up after it."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    programs: dict[int, int] = {}
    folders: list[str] = []
    for line in sys.stdin:
        what, _, rest = line.rstrip("\n").partition(" ")
        if what == "+":
            pid, number = rest.split()
            programs[int(pid)] = int(number)
        elif what == "-":
            programs.pop(int(rest), None)
        elif what == "rm":
            folders.append(rest)
    end_all(programs)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def end_all(programs: dict[int, int]) -> None:
    """Stop programs and everything they started."""
    for pid, number in reversed(programs.items()):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
    deadline = time.monotonic() + GRACE
    while time.monotonic() < deadline and any(session_members(pid) for pid in programs):
        time.sleep(0.1)
    for pid in programs:
        kill_session(pid)


def kill_session(session: int) -> None:
    """Kill every process of a session, which holds a program and all that it started, and wait for their end."""
    deadline = time.monotonic() + GRACE
    while (members := session_members(session)) and time.monotonic() < deadline:
        for pid in members:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def session_members(session: int) -> list[int]:
    """The living processes of a session."""
    return [pid for pid in all_pids() if session_of(pid) == session and not is_zombie(pid)]


def all_pids() -> list[int]:
    """Every process of this machine."""
    proc = Path("/proc")
    if (proc / "self").exists():
        return [int(entry.name) for entry in proc.iterdir() if entry.name.isdigit()]
    listing = subprocess.run(["ps", "-A", "-o", "pid="], capture_output=True, text=True, check=True)
    return [int(word) for word in listing.stdout.split()]


def session_of(pid: int) -> int | None:
    """The session of a process; None when it is gone."""
    with suppress(ProcessLookupError, PermissionError):
        return os.getsid(pid)
    return None


def is_zombie(pid: int) -> bool:
    """Whether a process has ended and only waits for its parent to notice."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return False


if __name__ == "__main__":
    main()
