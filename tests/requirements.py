"""What our requirement files ask for, and all that those packages need in turn, as installed here."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]


def asked(file: str) -> list[Requirement]:
    """Return the lines of one file."""
    lines = (line.split("#")[0].strip() for line in (ROOT / file).read_text().splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("-")]


def needed(*files: str) -> set[str]:
    """Return the names of what these files ask for and of all that it needs, also of what is not installed."""
    todo, found = [(one, "") for file in files for one in asked(file)], set()
    while todo:
        requirement, extra = todo.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        key = plain(requirement.name), frozenset(requirement.extras)
        if key in found:
            continue
        found.add(key)
        try:
            needs = metadata.requires(key[0]) or []
        except metadata.PackageNotFoundError:
            continue
        todo += [(Requirement(line), each) for line in needs for each in ("", *requirement.extras)]
    return {name for name, _ in found}


def plain(name: str) -> str:
    """Return a name as packages are compared by it."""
    return re.sub(r"[-_.]+", "-", name).lower()
