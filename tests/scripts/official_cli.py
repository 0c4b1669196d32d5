"""The official Supabase CLI, pinned: installed once with npm into .local, or the reason why it can't be had here."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

VERSION = "3.1.0"
CACHE = Path(__file__).parents[2] / ".local" / "supabase-cli" / VERSION


class NotAvailable(Exception):
    """The CLI can't be had on this machine; the message is for the list of skipped tests."""


@dataclass(frozen=True)
class Cli:
    """The program, run in a folder that holds a copy of supabase/."""

    program: Path
    folder: Path

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command as a script would: no terminal, nothing of the developer's environment, nothing sent home."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "NO_COLOR": "1"}
        environment |= {"SUPABASE_TELEMETRY_DISABLED": "1", "DO_NOT_TRACK": "1"}
        result = subprocess.run(
            [str(self.program), *arguments, "--agent", "no"],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=90,
        )
        if check:
            assert result.returncode == 0, result.stdout + result.stderr
        return result

    def push(self, database_url: str) -> str:
        """Apply the folder's migrations; return what it said."""
        result = self.run("db", "push", f"--remote={database_url}", "--yes")
        return result.stdout + result.stderr

    def diff(self, before: str, after: str) -> list[str]:
        """Return the statements that would turn one database into the other."""
        output = self.run("db", "diff", "--from", before, "--to", after).stdout
        return [statement.strip() for statement in output.split(";\n") if statement.strip()]


def install() -> Path:
    """Return the program, installing it when this is the first time; two pytest workers don't do it twice."""
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
    program = next(CACHE.glob("node_modules/@supabase/cli-*/bin/supabase"), None)
    if program is None:
        raise NotAvailable(f"supabase@{VERSION} has no program for this kind of machine")
    return program


def _install(npm: str) -> None:
    (CACHE / "package.json").write_text("{}")
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1", f"--cache={CACHE / 'npm'}"]
    try:
        result = subprocess.run(
            [npm, "install", *options, f"supabase@{VERSION}"],
            cwd=CACHE,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
        )
    except subprocess.TimeoutExpired:
        raise NotAvailable(f"npm did not get supabase@{VERSION} within two minutes") from None
    shutil.rmtree(CACHE / "npm", ignore_errors=True)
    if result.returncode:
        lines = [line for line in result.stderr.splitlines() if line.startswith("npm error")]
        raise NotAvailable(f"npm could not install supabase@{VERSION}: {' '.join(lines[:3])[:300]}")
    (CACHE / "complete").touch()
