"""Generations of the signed-in user: price, start, list, read, cancel."""

from __future__ import annotations

from typing import Any

import structlog
from flask import url_for

from backend.core.generations import start
from backend.errors import (
    FeatureDisabled,
    GenerationNotFound,
    IdempotencyKeyReused,
    InsufficientCredits,
    InvalidState,
    ModelNotFound,
    ProviderNotConfigured,
    UserNotFound,
    UserSuspended,
)
from backend.rpc import generations as rpc
from backend.web.auth import current_caller
from backend.web.context import deps, request_id
from backend.web.flags import require_flag
from backend.web.openapi import blueprint, user_answers
from backend.web.outputs import with_urls
from backend.web.schemas import (
    Generation,
    GenerationPage,
    GenerationPath,
    GenerationQuery,
    NewGeneration,
    Quote,
    QuoteRequest,
    SpendHeaders,
)

bp = blueprint("generations", __name__, prefix="/api/v1/generations", tag="generations", signed_in=True)


@bp.post("/quote", responses=user_answers(Quote, ModelNotFound))
def quote(body: QuoteRequest) -> dict[str, Any]:
    """Say what a generation would cost; nothing is reserved."""
    return rpc.quote_generation(current_caller(), model_id=body.model, params=body.params, prompt=body.prompt)


@bp.post(
    "",
    responses=user_answers(
        Generation,
        InsufficientCredits,
        FeatureDisabled,
        UserSuspended,
        ModelNotFound,
        ProviderNotConfigured,
        UserNotFound,
        IdempotencyKeyReused,
        status=202,
        headers={"Location": "Where to follow it.", "Idempotency-Key": "The key of this request."},
    ),
)
@require_flag("generations")
def create(header: SpendHeaders, body: NewGeneration) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Start a generation: its price is held now, taken when it succeeds, given back when it fails."""
    started = start(
        deps(),
        current_caller(),
        model_id=body.model,
        prompt=body.prompt,
        params=body.params,
        presets=body.presets,
        key=header.key,
        request_id=request_id(),
    )
    structlog.contextvars.bind_contextvars(generation_id=started["id"])
    location = url_for("generations.show", generation_id=started["id"])
    return with_urls(started)[0], 202, {"Location": location, "Idempotency-Key": header.key}


@bp.get("", responses=user_answers(GenerationPage, GenerationNotFound))
def index(query: GenerationQuery) -> dict[str, Any]:
    """List generations, newest first."""
    page = rpc.list_generations(current_caller(), before=query.before, limit=query.limit, status=query.status)
    return {**page, "data": with_urls(*page["data"])}


@bp.get("/<generation_id>", responses=user_answers(Generation, GenerationNotFound))
def show(path: GenerationPath) -> dict[str, Any]:
    """Show one generation, with addresses of its outputs."""
    return with_urls(rpc.get_generation(current_caller(), generation_id=path.generation_id))[0]


@bp.post("/<generation_id>/cancel", responses=user_answers(Generation, GenerationNotFound, InvalidState))
def cancel(path: GenerationPath) -> dict[str, Any]:
    """Cancel it: at once while it is queued, as soon as the worker notices while it runs."""
    return with_urls(rpc.cancel_generation(current_caller(), generation_id=path.generation_id))[0]
