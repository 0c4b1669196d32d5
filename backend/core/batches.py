"""Batches: checked item by item, started as one, and their results packed into one file."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import structlog

from backend.core.catalog import find_model
from backend.core.generations import tell_workers
from backend.deps import Deps
from backend.errors import AppError, InvalidParams, ModelNotFound, ProviderNotConfigured, Unavailable
from backend.queue import LOW, RedisError
from backend.rpc import batches as rpc
from backend.rpc.client import Caller

Json = dict[str, Any]
log = structlog.get_logger(__name__)


def start(
    deps: Deps,
    caller: Caller,
    *,
    items: Sequence[Mapping[str, Any]],
    key: str,
    partial: bool,
    request_id: str | None,
) -> Json:
    """Check every item, then price, reserve and queue all in one transaction, then tell the workers of the first."""
    for index, item in enumerate(items):
        _check(deps, index, item)
    batch = rpc.create_batch(caller, items=items, idempotency_key=key, partial=partial)
    _tell(deps, batch, request_id)
    return batch


def retry(deps: Deps, caller: Caller, *, batch_id: str, key: str, request_id: str | None) -> Json:
    """Start the failed items again; what has a slot is told to the workers."""
    batch = rpc.retry_batch(caller, batch_id=batch_id, idempotency_key=key)
    _tell(deps, batch, request_id)
    return batch


def _check(deps: Deps, index: int, item: Mapping[str, Any]) -> None:
    try:
        find_model(deps, item["model"]).check(item["prompt"], item["params"])
    except (InvalidParams, ModelNotFound, ProviderNotConfigured) as error:
        field = f"items.{index}.{error.details.get('field', 'model')}"
        details = {**error.details, "index": index, "field": field}
        raise type(error)(f"items.{index}: {error.message}", **details) from error


def _tell(deps: Deps, batch: Json, request_id: str | None) -> None:
    # Those with a slot are a handful at the front; any that are not on this page the dispatcher finds.
    for item in batch["items"]["data"]:
        if item["status"] == "queued" and not item["waiting"]:
            tell_workers(deps, item["generation_id"], item["attempt"], queue=LOW, request_id=request_id)


def ask_for_archive(deps: Deps, caller: Caller, *, batch_id: str) -> Json:
    """Ask for a file with every output so far, and tell the workers when it is to be built."""
    batch = rpc.request_batch_archive(caller, batch_id=batch_id)
    if batch["archive"]["status"] == "building":
        try:
            deps.queue.enqueue_archive(batch_id)
        except RedisError as error:
            raise Unavailable from error  # nothing else would find it; asking again does
    return batch


class _Stopped(Exception):
    """This worker has to end before the file is whole."""


def build_archive(deps: Deps, batch_id: str, *, stopping: Callable[[], bool] = lambda: False) -> None:
    """Pack the outputs of a batch and store the file; if we die anywhere here, the next one who asks starts anew."""
    service = deps.rpc.as_service()
    wanted = rpc.list_batch_outputs(service, batch_id=batch_id)
    if wanted is None:
        log.info("archive_not_wanted", batch_id=batch_id)
        return
    try:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "archive.zip")
            _pack(deps, wanted["items"], file, stopping)
            size = file.stat().st_size
            deps.storage.upload_archive(wanted["path"], file)
    except _Stopped:
        log.warning("archive_handed_back", batch_id=batch_id)
        deps.queue.enqueue_archive(batch_id)
        return
    except (AppError, OSError) as error:
        code = error.code if isinstance(error, AppError) else "disk_full"
        log.error("archive_failed", batch_id=batch_id, code=code)
        rpc.finish_batch_archive(service, batch_id=batch_id, error=code)
        return
    done = {"path": wanted["path"], "items": len(wanted["items"]), "size": size}
    needless = rpc.finish_batch_archive(service, batch_id=batch_id, **done)
    log.info("archive_built", batch_id=batch_id, **done)
    if needless:
        deps.storage.discard([needless])


def _pack(deps: Deps, items: Sequence[Json], file: Path, stopping: Callable[[], bool]) -> None:
    """Write the outputs as 003-0.png, one in memory at a time; what is gone is left out."""
    with ZipFile(file, "w", ZIP_STORED) as archive:  # pictures are compressed already
        for item in items:
            for number, path in enumerate(item["outputs"]):
                if stopping():
                    raise _Stopped
                data = deps.storage.download(path)
                if data is None:
                    log.warning("output_is_gone", path=path)
                    continue
                archive.writestr(f"{item['index']:03d}-{number}{PurePosixPath(path).suffix}", data)
