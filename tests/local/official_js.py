"""The official supabase-js, pinned: installed once with npm into .local, or the reason why it can't be had here."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path

VERSION = "2.119.0"
CACHE = Path(__file__).parents[2] / ".local" / "supabase-js" / VERSION


class NotAvailable(Exception):
    """The client can't be had on this machine; the message is for the list of skipped tests."""


def install() -> Path:
    """Return the folder with node_modules; two pytest workers don't install twice."""
    npm = shutil.which("npm")
    if not npm or not shutil.which("node"):
        raise NotAvailable("npm or node is not installed")
    try:
        CACHE.mkdir(parents=True, exist_ok=True)
        with (CACHE / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (CACHE / "complete").exists():
                _install(npm)
    except OSError as error:
        raise NotAvailable(f"{CACHE} can't be used: {error}") from None
    return CACHE


def _install(npm: str) -> None:
    (CACHE / "package.json").write_text("{}")
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1", f"--cache={CACHE / 'npm'}"]
    command = [npm, "install", *options, f"@supabase/supabase-js@{VERSION}"]
    try:
        result = subprocess.run(
            command, cwd=CACHE, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120
        )
    except subprocess.TimeoutExpired:
        raise NotAvailable(f"npm did not get supabase-js {VERSION} within two minutes") from None
    shutil.rmtree(CACHE / "npm", ignore_errors=True)
    if result.returncode:
        lines = [line for line in result.stderr.splitlines() if line.startswith("npm error")]
        raise NotAvailable(f"npm could not install supabase-js {VERSION}: {' '.join(lines[:3])[:300]}")
    (CACHE / "complete").touch()
