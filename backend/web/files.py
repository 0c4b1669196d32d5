"""Lists as files: CSV for spreadsheets, JSON lines for programs, read page by page, however long they are."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal

from flask import Response

from backend.web.openapi import Answer, admin_answers

Json = dict[str, Any]
Pages = Iterator[list[Json]]
Format = Literal["csv", "jsonl"]

PAGE = 200
MEDIA = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "'")


def pages(read: Callable[..., Json]) -> Pages:
    """Return the pages of a list; the first is read at once, so that a refusal is an answer and not a broken file."""
    first = read(limit=PAGE)

    def following() -> Pages:
        page = first
        yield page["data"]
        while page["has_more"]:
            page = read(before=page["data"][-1]["id"], limit=PAGE)
            yield page["data"]

    return following()


def download(name: str, format: Format, columns: Sequence[str], found: Pages) -> Response:
    """Answer with the rows as a file, sent as they are read."""
    lines = _csv(columns, found) if format == "csv" else _jsonl(found)
    headers = {"Content-Disposition": f'attachment; filename="{name}.{format}"'}
    return Response(lines, content_type=MEDIA[format], headers=headers)


def listed(description: str, *refusals: Any) -> dict[str | int, Any]:
    """Return the responses of a route that answers admins with such a file."""
    content = {media: {"schema": {"type": "string"}} for media in MEDIA.values()}
    return {**admin_answers(Answer, *refusals), 200: {"description": description, "content": content}}


def _jsonl(found: Pages) -> Iterator[str]:
    for page in found:
        yield "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in page)


def _csv(columns: Sequence[str], found: Pages) -> Iterator[str]:
    yield csv_lines([columns])
    for page in found:
        yield csv_lines([[cell(row[name]) for name in columns] for row in page])


def csv_lines(rows: Iterable[Iterable[Any]]) -> str:
    """Return rows of cells as lines of CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


def cell(value: Any) -> Any:
    """Return a value as a spreadsheet can show it."""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    # A spreadsheet would run it.
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
