"""Where the values of a JSON text stand, so that people can be told the line."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')


@dataclass
class Places:
    """The line of each value by its path (`prompts.6.content`), and the names that stand twice in one object."""

    lines: dict[str, int] = field(default_factory=dict)
    twice: list[tuple[int, str]] = field(default_factory=list)
    _seen: set[tuple[str | int | None, ...]] = field(default_factory=set)  # names may have dots; these tell them apart

    def line(self, path: str) -> int:
        """Return the line of a value, or of what should hold it."""
        while path and path not in self.lines:
            path = path.rpartition(".")[0]
        return self.lines.get(path, 1)

    def note(self, steps: tuple[str | int | None, ...], line: int) -> None:
        """Keep where a value stands."""
        path = ".".join(map(str, steps))
        if steps in self._seen:
            self.twice.append((line, path))
        self._seen.add(steps)
        self.lines[path] = line


def find(text: str) -> Places:
    """Return the places in a text that is known to be JSON."""
    places, line, at = Places(), 1, 0
    steps: list[str | int | None] = []  # a name in each object that we are in, or a place in each list
    for found in _TOKEN.finditer(text):
        mark = found[0]
        line, at = line + text.count("\n", at, found.start()), found.start()
        here = steps[-1] if steps else ""
        if mark in ("}", "]"):
            steps.pop()
        elif mark == ",":
            steps[-1] = here + 1 if isinstance(here, int) else None
        elif here is None:
            steps[-1] = json.loads(mark)
            places.note(tuple(steps), line)
        elif mark != ":":
            if isinstance(here, int):
                places.note(tuple(steps), line)
            if mark in ("{", "["):
                steps.append(None if mark == "{" else 0)
    return places
