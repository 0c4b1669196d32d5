"""Reads tests/sql/access.md, and compares it line by line with what was found."""

from __future__ import annotations

from pathlib import Path

FILE = Path(__file__).with_name("access.md")
Line = tuple[str, ...]


def expected(section: str) -> list[Line]:
    """The lines of a section's table, without its head."""
    text = FILE.read_text().partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    rows = [row for row in text.splitlines() if row.startswith("|")]
    return [tuple(word.strip().replace("`", "") for word in row.strip("|").split("|")) for row in rows[2:]]


def differences(section: str, found: list[Line]) -> list[str]:
    """What to write in the file, or to mend in the database, to make both agree; the first of two cells is the key."""
    width = 3 if section == "Columns" else 1
    listed = {line[:width]: line for line in expected(section)}
    real = {line[:width]: line for line in found}
    where = f"section {section} of tests/sql/access.md"
    problems = [
        f"{' '.join(key)} is not in {where}. If it is meant so, add the line\n    {markdown(line)}"
        for key, line in real.items()
        if key not in listed
    ]
    problems += [
        f"{' '.join(key)} is not as {where} says.\n    file      {markdown(listed[key])}\n"
        f"    database  {markdown(line)}"
        for key, line in real.items()
        if key in listed and listed[key] != line
    ]
    problems += [
        f"{' '.join(key)} does not exist any more; remove its line from {where}" for key in listed if key not in real
    ]
    return problems


def markdown(line: Line) -> str:
    """A line as the file has it."""
    return f"| `{line[0]}` | {' | '.join(line[1:])} |"
