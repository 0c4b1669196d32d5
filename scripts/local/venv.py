"""Make .venv with everything in requirements-dev.txt. Runs on a bare python3: standard library only.

uv does the installing when it can be had, else pip. A stamp tells a finished .venv, so that a second run needs no
network; a mark tells one whose making was interrupted, which is then made anew.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "scrip-ready"
MARK = VENV / "scrip-unfinished"
REQUIREMENTS = ("constraints.txt", "requirements.txt", "requirements-sentry.txt", "requirements-dev.txt")
UV = "uv>=0.13,<1"
LOG = ROOT / ".local" / "setup.log"

NO_VENV = """Python's venv module can't make a virtual environment here. Any one of these helps:
  1. install it (Debian, Ubuntu: apt-get install python3-venv)
  2. install uv from your system's packages or with pip, so that it is on PATH
  3. use another Python: PYTHON=/path/to/python3.12 scripts/start"""

NO_PACKAGES = """The packages of requirements-dev.txt could not be installed. They come over the network the first time
and whenever that file changes; after that none is needed. The whole log is in {log}; in short:
{errors}"""


class SetupFailed(Exception):
    """Setting up went wrong; the message says what to do."""


def main() -> int:
    """Make .venv ready; silent when it is."""
    try:
        LOG.parent.mkdir(exist_ok=True)
        with only_one():
            if not is_ready():
                set_up()
    except SetupFailed as failure:
        print(f"scrip: {failure}", file=sys.stderr)
        return 1
    except OSError as failure:
        print(f"scrip: {failure}. The checkout must belong to you and be writable.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nscrip: interrupted; the next run starts the set-up anew", file=sys.stderr)
        return 130
    return 0


def is_ready() -> bool:
    """Whether .venv was finished for these very requirements and this Python."""
    return STAMP.exists() and STAMP.read_text() == fingerprint() and runs(PYTHON, "-c", "import rich")


def fingerprint() -> str:
    """What .venv was made from: the requirement files and the version of Python."""
    contents = b"".join((ROOT / name).read_bytes() for name in REQUIREMENTS)
    return f"{sys.version_info.major}.{sys.version_info.minor} {hashlib.sha256(contents).hexdigest()}\n"


def set_up() -> None:
    """Make .venv if there is no usable one, and install into it."""
    LOG.write_text("")
    if MARK.exists() or not usable():
        make_venv()
    STAMP.unlink(missing_ok=True)
    MARK.touch()
    install()
    STAMP.write_text(fingerprint())
    MARK.unlink()


def usable() -> bool:
    """Whether .venv has a working Python of our version, and pip or uv to install with."""
    version = f"import sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]!r})"
    return runs(PYTHON, "-c", version) and (runs(PYTHON, "-m", "pip", "--version") or find_uv() is not None)


def make_venv() -> None:
    """Make an empty .venv in place of whatever is there."""
    if VENV.is_symlink():
        raise SetupFailed(f"{VENV} is a link. Remove it, or make it a virtual environment of Python 3.11 or newer.")
    ways = {"venv": [sys.executable, "-m", "venv", str(VENV)]}
    uv = shutil.which("uv")
    if uv:
        ways["uv"] = [uv, "venv", "--quiet", "--python", sys.executable, str(VENV)]
    for name, command in ways.items():
        shutil.rmtree(VENV, ignore_errors=True)
        if wait_for(f"making {VENV.name} with {name}", command):
            return MARK.touch()
    shutil.rmtree(VENV, ignore_errors=True)
    raise SetupFailed(NO_VENV)


def install() -> None:
    """Install the requirements with uv, and with pip where uv can't be had or fails."""
    requirements = ["install", "-r", str(ROOT / REQUIREMENTS[-1])]
    uv = find_uv() or fetch_uv()
    if uv and wait_for("installing packages with uv", [uv, "pip", *requirements, "--python", str(PYTHON)]):
        return
    if wait_for("installing packages with pip (a minute or two)", [str(PYTHON), "-m", "pip", *requirements]):
        return
    raise SetupFailed(NO_PACKAGES.format(log=LOG, errors=logged_errors()))


def logged_errors() -> str:
    """What pip and uv said went wrong, without their many warnings about trying again."""
    lines = LOG.read_text(errors="replace").splitlines()
    errors = [line for line in lines if line.lower().startswith("error")] or lines
    return "\n".join(f"  {line[:200]}" for line in errors[-4:])


def find_uv() -> str | None:
    """The uv in .venv or on PATH."""
    own = VENV / "bin" / "uv"
    return str(own) if runs(own, "--version") else shutil.which("uv")


def fetch_uv() -> str | None:
    """Get uv into .venv with pip; None when that fails."""
    wait_for("fetching uv, which installs faster than pip", [str(PYTHON), "-m", "pip", "install", UV])
    return find_uv()


def runs(program: Path, *arguments: str) -> bool:
    """Whether a program can be run and succeeds."""
    try:
        return subprocess.run([program, *arguments], capture_output=True, env=environment()).returncode == 0
    except OSError:
        return False


def wait_for(what: str, command: Sequence[str]) -> bool:
    """Run a command with its output in the log, and tell what is being waited for; True when it succeeded."""
    with LOG.open("ab") as log:
        log.write(f"$ {' '.join(command)}\n".encode())
        log.flush()
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            env=environment(),
            close_fds=False,  # should we be killed, it keeps our lock until it has ended too
        )
        try:
            show_wait(what, process)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    return process.returncode == 0


def show_wait(what: str, process: subprocess.Popen[bytes]) -> None:
    """A counter on a terminal; elsewhere a line at once and one every quarter of a minute."""
    began = time.monotonic()
    terminal = sys.stderr.isatty()
    told = -15.0
    while process.poll() is None:
        seconds = time.monotonic() - began
        if terminal:
            print(f"\r  {what} ... {seconds:.0f} s", end="", file=sys.stderr, flush=True)
        elif seconds - told >= 15:
            print(f"  {what} ..." + (f" {seconds:.0f} s" if told >= 0 else ""), file=sys.stderr, flush=True)
            told = seconds
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.2)
    if terminal:
        end = "done" if process.returncode == 0 else "failed"
        print(f"\r  {what} ... {end} in {time.monotonic() - began:.0f} s", file=sys.stderr)


def environment() -> dict[str, str]:
    """The environment for pip and uv: the system's certificates, and no cache where there is no home to keep it in."""
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH")}
    env |= {"UV_SYSTEM_CERTS": "true", "UV_NATIVE_TLS": "true", "UV_LINK_MODE": "copy", "UV_NO_PROGRESS": "true"}
    env |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PIP_ROOT_USER_ACTION": "ignore"}
    if "PIP_INDEX_URL" in env:
        env.setdefault("UV_DEFAULT_INDEX", env["PIP_INDEX_URL"])
    home = env.get("HOME", "")
    if not (home and os.access(home, os.W_OK)):
        env |= {"UV_NO_CACHE": "true", "PIP_NO_CACHE_DIR": "1"}
    return env


@contextmanager
def only_one() -> Iterator[None]:
    """Hold the lock of setting up; whoever comes second waits and is told why."""
    with (LOG.parent / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("  waiting for another scripts/start or scripts/test to finish setting up ...", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        os.set_inheritable(lock.fileno(), True)
        yield


if __name__ == "__main__":
    sys.exit(main())
