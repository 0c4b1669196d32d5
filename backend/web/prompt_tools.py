"""Prompts on the move: as a document out of one environment and into another, and rid of what they repeat."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from backend.core import prompt_documents
from backend.core.prompt_optimizer import optimize as find_repeated
from backend.errors import IdempotencyKeyReused, InvalidState, PromptNotFound
from backend.rpc.prompts import admin_list_prompts, admin_write_prompts
from backend.web.auth import current_caller
from backend.web.context import deps
from backend.web.openapi import Answer, admin_answers, blueprint
from backend.web.prompt_tool_schemas import ExportQuery, ImportQuery, Optimization, OptimizeRequest, PromptImport
from backend.web.schemas import SpendHeaders

bp = blueprint("prompt_tools", __name__, prefix="/api/v1/admin/prompts", tag="admin: prompts", signed_in=True)

Json = dict[str, Any]
Keyed = tuple[Json, dict[str, str]]
MEDIA = {"json": "application/json; charset=utf-8", "sql": "application/sql; charset=utf-8"}
FILE = {media: {"schema": {"type": "string"}} for media in MEDIA.values()}
FILES = {**admin_answers(Answer), 200: {"description": "All prompts, by category and position.", "content": FILE}}
WRITTEN = (IdempotencyKeyReused, InvalidState, PromptNotFound)
KEYED = {"Idempotency-Key": "The key of this request."}
BODY = {"required": True, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Document"}}}}


@bp.get("/export", responses=FILES)
def export(query: ExportQuery) -> Response:
    """Download all prompts: as a document that another environment imports, or as SQL for a migration."""
    made = prompt_documents.document(admin_list_prompts(current_caller())["prompts"], source=_here())
    text = prompt_documents.written(made) if query.format == "json" else prompt_documents.as_sql(made)
    name = f"prompts-{made['exported_at'][:10]}.{query.format}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, content_type=MEDIA[query.format], headers=headers)


@bp.post("/import", responses=admin_answers(PromptImport, *WRITTEN, headers=KEYED), request_body=BODY)
def import_document(header: SpendHeaders, query: ImportQuery) -> Keyed:
    """Create or change prompts as a document says, all or none; what is wrong with it is told by line and field."""
    text = prompt_documents.decode(request.get_data())
    sent = prompts = prompt_documents.parse(text, accept_changed=query.accept_changed)
    asked: Json | None = None
    if query.mode == "create":
        asked = {"mode": query.mode, "checksum": prompt_documents.checksum(sent)}
        there = {prompt["key"] for prompt in admin_list_prompts(current_caller())["prompts"]}
        prompts = [{**prompt, "expected_version": 0} for prompt in sent if prompt["key"] not in there]
    change = _write(header, query, "import", prompts, asked)
    written = {prompt["key"] for prompt in change["prompts"]}
    kept = [prompt["key"] for prompt in sent if prompt["key"] not in written]
    return change | {"kept": kept}, {"Idempotency-Key": header.key}


@bp.post("/optimize", responses=admin_answers(Optimization, *WRITTEN, headers=KEYED))
def optimize(header: SpendHeaders, body: OptimizeRequest) -> Keyed:
    """Find phrases that prompts repeat and what they would be without; take out those that you confirm."""
    listed = admin_list_prompts(current_caller())["prompts"]
    found = find_repeated(listed, body.phrases, body.min_prompts)
    versions = {prompt["key"]: prompt["version"] for prompt in listed}
    prompts = [
        {"key": one["key"], "content": one["after"], "expected_version": versions[one["key"]]}
        for one in found["prompts"]
    ]
    asked = body.model_dump(include={"phrases", "min_prompts"})
    change = {} if body.dry_run else _write(header, body, "optimize", prompts, asked)
    return found | {"dry_run": body.dry_run, "change_id": change.get("change_id")}, {"Idempotency-Key": header.key}


def _write(
    header: SpendHeaders, given: ImportQuery | OptimizeRequest, source: str, prompts: list[Json], asked: Json | None
) -> Json:
    return admin_write_prompts(
        current_caller(),
        prompts=prompts,
        source=source,
        reason=given.reason or "",
        idempotency_key=header.key,
        asked=asked,
        dry_run=given.dry_run,
    )


def _here() -> str:
    settings = deps().settings
    return f"{settings.app_env}, {settings.supabase_url}"
