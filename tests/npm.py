"""A package of npm, pinned: installed once into .local, or the reason why it can't be had here."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path


class NotAvailable(Exception):
    """The package can't be had on this machine; the message is for the list of skipped tests."""


def install(package: str, version: str) -> Path:
    """Return the folder with node_modules; two pytest workers don't install twice."""
    npm = shutil.which("npm")
    if not npm or not shutil.which("node"):
        raise NotAvailable("npm or node is not installed")
    folder = Path(__file__).parents[1] / ".local" / "npm" / package.replace("/", "-") / version
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (folder / "complete").exists():
                _install(npm, f"{package}@{version}", folder)
    except OSError as error:
        raise NotAvailable(f"{folder} can't be used: {error}") from None
    return folder


def _install(npm: str, wanted: str, folder: Path) -> None:
    (folder / "package.json").write_text("{}")
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1", f"--cache={folder / 'npm'}"]
    command = [npm, "install", *options, wanted]
    try:
        result = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120
        )
    except subprocess.TimeoutExpired:
        raise NotAvailable(f"npm did not get {wanted} within two minutes") from None
    shutil.rmtree(folder / "npm", ignore_errors=True)
    if result.returncode:
        lines = [line for line in result.stderr.splitlines() if line.startswith("npm error")]
        raise NotAvailable(f"npm could not install {wanted}: {' '.join(lines[:3])[:300]}")
    (folder / "complete").touch()
