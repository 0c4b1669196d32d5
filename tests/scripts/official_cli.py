"""The official Supabase CLI, pinned: installed once with npm into .local, or the reason why it can't be had here."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests import npm
from tests.npm import NotAvailable

VERSION = "3.1.0"


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
    """Return the program, installing it when this is the first time."""
    folder = npm.install("supabase", VERSION)
    program = next(folder.glob("node_modules/@supabase/cli-*/bin/supabase"), None)
    if program is None:
        raise NotAvailable(f"supabase@{VERSION} has no program for this kind of machine")
    return program
