"""The audit log: who did what, and who was refused; searched page by page, or taken along as a file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from flask import Response

from backend.rpc.acts import admin_list_audit_log
from backend.rpc.client import Caller
from backend.web.admin_schemas import AuditExportQuery, AuditFilter, AuditPage, AuditQuery, AuditRow
from backend.web.auth import current_caller
from backend.web.openapi import Answer, admin_answers, blueprint
from backend.web.receipts import FORMULA, MEDIA

bp = blueprint("audit", __name__, prefix="/api/v1/admin/audit", tag="admin", signed_in=True)

PAGE = 200
COLUMNS = tuple(AuditRow.model_fields)
FILE = {media: {"schema": {"type": "string"}} for media in MEDIA.values()}
FILES = {**admin_answers(Answer), 200: {"description": "The rows, newest first.", "content": FILE}}


@bp.get("", responses=admin_answers(AuditPage))
def index(query: AuditQuery) -> dict[str, Any]:
    """Search acts and refused attempts, newest first."""
    return admin_list_audit_log(current_caller(), **_filter(query), before=query.before, limit=query.limit)


@bp.get("/export", responses=FILES)
def export(query: AuditExportQuery) -> Response:
    """Download what the search finds, with the hashes of the chain."""
    pages = _pages(current_caller(), _filter(query))
    lines = _csv(pages) if query.format == "csv" else _jsonl(pages)
    headers = {"Content-Disposition": f'attachment; filename="audit.{query.format}"'}
    return Response(lines, content_type=MEDIA[query.format], headers=headers)


def _filter(query: AuditFilter) -> dict[str, Any]:
    given = query.model_dump(include=set(AuditFilter.model_fields))
    return {**given, "since": query.since and query.since.isoformat(), "until": query.until and query.until.isoformat()}


def _pages(caller: Caller, narrow: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """Return pages; the first is read at once, so that a refusal is an answer and not a broken file."""
    first = admin_list_audit_log(caller, **narrow, limit=PAGE)

    def following() -> Iterator[list[dict[str, Any]]]:
        page = first
        yield page["data"]
        while page["has_more"]:
            page = admin_list_audit_log(caller, **narrow, before=page["data"][-1]["id"], limit=PAGE)
            yield page["data"]

    return following()


def _jsonl(pages: Iterator[list[dict[str, Any]]]) -> Iterator[str]:
    for page in pages:
        yield "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in page)


def _csv(pages: Iterator[list[dict[str, Any]]]) -> Iterator[str]:
    yield _lines([COLUMNS])
    for page in pages:
        yield _lines([[_cell(row[name]) for name in COLUMNS] for row in page])


def _lines(rows: list[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    # A spreadsheet would run it.
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
