"""Batches: many generations that a user starts and watches as one, and the file with their results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from backend.rpc.client import Caller

Json = dict[str, Any]


def create_batch(
    caller: Caller, *, items: Sequence[Mapping[str, Any]], idempotency_key: str, partial: bool = False
) -> Json:
    """Price, reserve and queue up to 500 generations in one transaction."""
    batch: Json = caller.call("create_batch", p_items=items, p_idempotency_key=idempotency_key, p_partial=partial)
    return batch


def get_batch(caller: Caller, *, batch_id: UUID | str, after: int | None = None, limit: int = 100) -> Json:
    """Return one batch of the user with a page of its items."""
    batch: Json = caller.call("get_batch", p_batch_id=batch_id, p_after=after, p_limit=limit)
    return batch


def list_batches(caller: Caller, *, before: UUID | str | None = None, limit: int = 20) -> Json:
    """Return one page of the user's batches, newest first, without their items."""
    page: Json = caller.call("list_batches", p_before=before, p_limit=limit)
    return page


def cancel_batch(caller: Caller, *, batch_id: UUID | str) -> Json:
    """Cancel what has not begun, and ask the workers of what runs to stop."""
    batch: Json = caller.call("cancel_batch", p_batch_id=batch_id)
    return batch


def retry_batch(caller: Caller, *, batch_id: UUID | str, idempotency_key: str) -> Json:
    """Start the failed items again, with new holds."""
    batch: Json = caller.call("retry_batch", p_batch_id=batch_id, p_idempotency_key=idempotency_key)
    return batch


def request_batch_archive(caller: Caller, *, batch_id: UUID | str) -> Json:
    """Ask for a file with all outputs; the answer tells whether a worker is to build it."""
    batch: Json = caller.call("request_batch_archive", p_batch_id=batch_id)
    return batch


def list_batch_outputs(caller: Caller, *, batch_id: UUID | str) -> Json | None:
    """Return what the archive of a batch is to hold, or None when none was asked for."""
    outputs: Json | None = caller.call("list_batch_outputs", p_batch_id=batch_id)
    return outputs


def finish_batch_archive(
    caller: Caller,
    *,
    batch_id: UUID | str,
    path: str | None = None,
    items: int | None = None,
    size: int | None = None,
    error: str | None = None,
) -> str | None:
    """Say where the archive is and how much it holds, or why there is none; returns a file that is needed no more."""
    needless: str | None = caller.call(
        "finish_batch_archive", p_batch_id=batch_id, p_path=path, p_items=items, p_bytes=size, p_error=error
    )
    return needless
