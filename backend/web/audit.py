"""The audit log: who did what, and who was refused; searched page by page, or taken along as a file."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Response

from backend.rpc.acts import admin_list_audit_log
from backend.web.admin_schemas import AuditExportQuery, AuditFilter, AuditPage, AuditQuery, AuditRow
from backend.web.auth import current_caller
from backend.web.files import download, listed, pages
from backend.web.openapi import admin_answers, blueprint

bp = blueprint("audit", __name__, prefix="/api/v1/admin/audit", tag="admin", signed_in=True)


@bp.get("", responses=admin_answers(AuditPage))
def index(query: AuditQuery) -> dict[str, Any]:
    """Search acts and refused attempts, newest first."""
    return admin_list_audit_log(current_caller(), **_filter(query), before=query.before, limit=query.limit)


@bp.get("/export", responses=listed("The rows, newest first."))
def export(query: AuditExportQuery) -> Response:
    """Download what the search finds, with the hashes of the chain."""
    found = pages(partial(admin_list_audit_log, current_caller(), **_filter(query)))
    return download("audit", query.format, tuple(AuditRow.model_fields), found)


def _filter(query: AuditFilter) -> dict[str, Any]:
    given = query.model_dump(include=set(AuditFilter.model_fields))
    return {**given, "since": query.since and query.since.isoformat(), "until": query.until and query.until.isoformat()}
