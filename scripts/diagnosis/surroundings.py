"""Where the variables come from: the shell, a file, or the local stack that runs."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path

from backend.config import variables
from scripts.diagnosis.patient import Login
from scripts.local.places import Places, demo_email


class NotThere(Exception):
    """There is nothing to examine at the place that was named."""


def from_file(path: Path, shell: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a file like .env; none of ours that the shell holds is mixed in."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise NotThere(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise NotThere(f"{path} is no file of NAME=value lines: it is not UTF-8.") from None
    try:
        words = shlex.split(text, comments=True)
    except ValueError as error:
        raise NotThere(f"{path} is no file of NAME=value lines: {error}.") from None
    pairs = (word.partition("=") for word in words if word != "export")
    ours = set(variables())
    return {name: value for name, value in shell.items() if name not in ours} | {
        name: value for name, _, value in pairs
    }


def from_stack(home: Path, shell: Mapping[str, str]) -> tuple[dict[str, str], Login | None]:
    """Return the variables of the stack that scripts/start runs with its data in a folder, and a demo account."""
    places = Places(home, home)
    if not places.environment.exists():
        raise NotThere(f"No stack runs with its data in {home}. Start one: scripts/start")
    return from_file(places.environment, shell), _demo_login(places)


def _demo_login(places: Places) -> Login | None:
    if not places.logins.exists():
        return None
    return Login(demo_email("user"), json.loads(places.logins.read_text())["user"])
