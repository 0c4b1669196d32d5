"""Batches of the signed-in user: start many generations as one, follow, cancel, retry, fetch the results."""

from __future__ import annotations

from typing import Any

import structlog
from flask import url_for

from backend.core import batches
from backend.errors import (
    BatchNotFound,
    FeatureDisabled,
    IdempotencyKeyReused,
    InsufficientCredits,
    InvalidState,
    ModelNotFound,
    ProviderNotConfigured,
    UserNotFound,
    UserSuspended,
)
from backend.rpc import batches as rpc
from backend.web.auth import current_caller
from backend.web.batch_schemas import Batch, BatchPage, BatchPath, BatchQuery, ItemQuery, NewBatch
from backend.web.context import deps, request_id
from backend.web.flags import require_flag
from backend.web.openapi import blueprint, user_answers
from backend.web.outputs import signed, with_urls
from backend.web.schemas import NewGeneration, SpendHeaders

bp = blueprint("batches", __name__, prefix="/api/v1/batches", tag="batches", signed_in=True)

SPENT = {"Location": "Where to follow it.", "Idempotency-Key": "The key of this request."}


@bp.post(
    "",
    responses=user_answers(
        Batch,
        InsufficientCredits,
        FeatureDisabled,
        UserSuspended,
        ModelNotFound,
        ProviderNotConfigured,
        UserNotFound,
        IdempotencyKeyReused,
        status=202,
        headers=SPENT,
    ),
)
@require_flag("batches")
@require_flag("generations")
def create(header: SpendHeaders, body: NewBatch) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Start up to 500 generations: all are priced and held together, or none; partial starts what the credits allow."""
    started = batches.start(
        deps(),
        current_caller(),
        items=[_asked(item) for item in body.items],
        key=header.key,
        partial=body.partial,
        request_id=request_id(),
    )
    return _spent(started, header)


def _asked(item: NewGeneration) -> dict[str, Any]:
    # An item without presets is what it was before there were any, so that a key from then still answers its batch.
    return item.model_dump(exclude=None if item.presets else {"presets"})


@bp.get("", responses=user_answers(BatchPage, BatchNotFound))
def index(query: BatchQuery) -> dict[str, Any]:
    """List batches, newest first."""
    page = rpc.list_batches(current_caller(), before=query.before, limit=query.limit)
    return {**page, "data": _with_urls(*page["data"])}


@bp.get("/<batch_id>", responses=user_answers(Batch, BatchNotFound))
def show(path: BatchPath, query: ItemQuery) -> dict[str, Any]:
    """Show a batch: counts, credits, and a page of its items with addresses of their outputs."""
    found = rpc.get_batch(current_caller(), batch_id=path.batch_id, after=query.after, limit=query.limit)
    return _with_urls(found)[0]


@bp.post("/<batch_id>/cancel", responses=user_answers(Batch, BatchNotFound))
def cancel(path: BatchPath) -> dict[str, Any]:
    """Cancel the rest: what has not begun ends at once, what runs as soon as its worker notices."""
    return _with_urls(rpc.cancel_batch(current_caller(), batch_id=path.batch_id))[0]


@bp.post(
    "/<batch_id>/retry",
    responses=user_answers(
        Batch,
        BatchNotFound,
        InsufficientCredits,
        FeatureDisabled,
        UserSuspended,
        ModelNotFound,
        UserNotFound,
        status=202,
        headers=SPENT,
    ),
)
@require_flag("batches")
@require_flag("generations")
def retry(path: BatchPath, header: SpendHeaders) -> tuple[dict[str, Any], int, dict[str, str]]:
    """Start the failed items again, at today's price."""
    retried = batches.retry(
        deps(), current_caller(), batch_id=str(path.batch_id), key=header.key, request_id=request_id()
    )
    return _spent(retried, header)


@bp.post("/<batch_id>/archive", responses=user_answers(Batch, FeatureDisabled, BatchNotFound, InvalidState, status=202))
@require_flag("image_processing")
def archive(path: BatchPath) -> tuple[dict[str, Any], int]:
    """Ask for a zip with every output so far; the batch shows its address when it is ready."""
    return _with_urls(batches.ask_for_archive(deps(), current_caller(), batch_id=str(path.batch_id)))[0], 202


def _spent(batch: dict[str, Any], header: SpendHeaders) -> tuple[dict[str, Any], int, dict[str, str]]:
    structlog.contextvars.bind_contextvars(batch_id=batch["id"])
    location = url_for("batches.show", batch_id=batch["id"])
    return _with_urls(batch)[0], 202, {"Location": location, "Idempotency-Key": header.key}


def _with_urls(*found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the batches with an address for each archive that is there, and for each output of their items."""
    urls = signed([batch["archive"]["path"] for batch in found if batch["archive"] and batch["archive"]["path"]])
    return [{**batch, **_archive(batch, urls), **_items(batch)} for batch in found]


def _archive(batch: dict[str, Any], urls: dict[str, str]) -> dict[str, Any]:
    archive = batch["archive"]
    return {"archive": archive and {**archive, "url": urls.get(archive["path"])}}


def _items(batch: dict[str, Any]) -> dict[str, Any]:
    page = batch.get("items")
    return {"items": {**page, "data": with_urls(*page["data"])}} if page else {}
