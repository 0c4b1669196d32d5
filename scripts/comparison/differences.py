"""What differs, with its cause."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

from scripts.comparison.environments import Environment, Row, Rows
from scripts.comparison.sections import SECTIONS, Section, not_as_shipped

MISSING = "-"
LONG = 48


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same in both."""

    section: str
    name: str
    a: str
    b: str
    cause: str
    mend: str


@dataclass(frozen=True)
class Comparison:
    """All that differs, and what could not be compared."""

    differences: list[Difference]
    unknown: list[tuple[str, str]]


def compare(a: Environment, b: Environment) -> Comparison:
    """Read both and put them beside each other; NotThere when one can't be reached."""
    differences: list[Difference] = []
    unknown: list[tuple[str, str]] = []
    for section in SECTIONS:
        of_a, of_b = section.read(a), section.read(b)
        if of_a is None or of_b is None:
            lacking = [label for label, found in ((a.label, of_a), (b.label, of_b)) if found is None]
            unknown.append((section.name, f"{' and '.join(lacking)}: {section.unknown}"))
            continue
        found = list(_differing(section, of_a, of_b))
        differences += _with_drift(found, a, b) if section.name == "functions" and found else found
    return Comparison(differences, unknown)


def _differing(section: Section, a: Rows, b: Rows) -> Iterator[Difference]:
    for name in sorted(a.keys() | b.keys()):
        ours, theirs = a.get(name), b.get(name)
        if ours == theirs:
            continue
        if ours is None or theirs is None:
            there = "A" if theirs is None else "B"
            said = ["there" if row is not None else MISSING for row in (ours, theirs)]
            yield Difference(section.name, name, *said, f"only {there} has it", section.mend)
        else:
            columns = sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))
            cause = f"they differ in {', '.join(columns)}"
            yield Difference(section.name, name, _told(ours, columns), _told(theirs, columns), cause, section.mend)


def _with_drift(found: list[Difference], a: Environment, b: Environment) -> Iterator[Difference]:
    """Say which of the two is not what this checkout ships: that one was changed by hand, or lacks migrations."""
    blamed = {"A": not_as_shipped(a), "B": not_as_shipped(b)}
    for one in found:
        said = {side: next((cause for cause in causes if one.name in cause), "") for side, causes in blamed.items()}
        a_said, b_said = (_as_shipped(said[side], there) for side, there in (("A", one.a), ("B", one.b)))
        wrong = " and ".join(side for side in ("A", "B") if said[side]) or "neither"
        cause = f"not as this checkout ships it: {wrong}" if wrong != "neither" else one.cause
        yield Difference(one.section, one.name, a_said, b_said, cause, one.mend)


def _as_shipped(blame: str, there: str) -> str:
    if there == MISSING:
        return MISSING
    return blame.rpartition(": its ")[2] or "differs" if blame else "as shipped"


def _told(row: Row, columns: list[str]) -> str:
    return ", ".join(f"{column} {_short(row.get(column))}" for column in columns)


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    if len(text) <= LONG:
        return text
    # Two long texts may begin alike: the digest tells that they are not the same.
    return f"{text[: LONG // 2]}… ({len(text)} characters, {hashlib.sha256(text.encode()).hexdigest()[:8]})"
