"""Read a receipt of either format: JSON lines, or CSV as a spreadsheet would open it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NUMBERS = ("id", "amount", "balance_after", "absorbed", "reverses_id", "rows")
Record = dict[str, Any]


class NoReceipt(Exception):
    """The file can't be read as a receipt."""


def read(path: Path) -> list[tuple[int, Record]]:
    """Return the records of a file of either format, each with its line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.read(1)
            file.seek(0)
            return list(_read_jsonl(file) if first == "{" else _read_csv(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise NoReceipt(f"{path} can't be read: {error}") from error


def _read_jsonl(lines: Any) -> Iterator[tuple[int, Record]]:
    for number, line in enumerate(lines, 1):
        try:
            found = json.loads(line) if line.strip() else None
        except (ValueError, RecursionError):
            found = {"record": "unreadable"}
        if found is not None:
            yield number, found if isinstance(found, dict) else {"record": "unreadable"}


def _read_csv(lines: Any) -> Iterator[tuple[int, Record]]:
    csv.field_size_limit(2**26)
    reader = csv.DictReader(lines)
    if not {"record", "prev_hash", "hash"} <= set(reader.fieldnames or ()):
        raise NoReceipt("this is no receipt: the first line must name its columns, record and hash among them")
    for row in reader:
        try:
            yield reader.line_num, {name: _cell(name, text) for name, text in row.items() if name and text}
        except (ValueError, RecursionError):
            yield reader.line_num, {"record": "unreadable"}


def _cell(name: str, text: str) -> Any:
    if name in NUMBERS:
        return int(text)
    if name == "lots":
        return json.loads(text)
    return text[1:] if text.startswith("'") else text  # the quote keeps spreadsheets from running text as a formula
