"""What admins see of the queue, and the orders they give."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from backend.deps import Deps
from backend.errors import NotFound, Unavailable
from backend.logs import Masker
from backend.queue import QUEUES, RedisError

Json = dict[str, Any]
log = structlog.get_logger(__name__)

ERROR_CHARS = 300
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`")


def show(deps: Deps) -> Json:
    """Return queues and workers as they are now."""
    with _redis():
        found = deps.control.look()
        return {"queues": found["queues"], "workers": found["workers"]}


def failed(deps: Deps, *, limit: int, offset: int) -> Json:
    """Return a page of the jobs that broke, without what their errors quote: it may be somebody's prompt."""
    with _redis():
        total, jobs = deps.control.failed(limit, offset)
    mask = Masker(deps.settings)
    return {"total": total, "data": [{**job, "error": _redacted(job["error"], mask)} for job in jobs]}


def requeue(deps: Deps, job_id: str, *, dry_run: bool) -> Json:
    """Put a failed job before the workers again; a second time changes nothing."""
    with _redis(), _known("job", job_id, "There is no such job; failed ones are forgotten after an hour."):
        state = deps.control.requeue(job_id, dry_run=dry_run)
    log.warning("job_requeued", job_id=job_id, state=state, dry_run=dry_run)
    return {"job": job_id, "state": state, "dry_run": dry_run}


def pause(deps: Deps, queue: str, *, dry_run: bool) -> Json:
    """Let no worker take from a queue; what waits there stays queued in the database."""
    with _redis(), _queue(queue):
        deps.control.pause(queue, dry_run=dry_run)
    log.warning("queue_paused", queue=queue, dry_run=dry_run)
    return {"queue": queue, "paused": True, "dry_run": dry_run}


def resume(deps: Deps, queue: str, *, dry_run: bool) -> Json:
    """Let workers take from a queue again."""
    with _redis(), _queue(queue):
        deps.control.resume(queue, dry_run=dry_run)
    log.warning("queue_resumed", queue=queue, dry_run=dry_run)
    return {"queue": queue, "paused": False, "dry_run": dry_run}


def drain(deps: Deps, worker: str, *, dry_run: bool) -> Json:
    """Let a worker finish its job and exit."""
    with _redis(), _known("worker", worker, "There is no such worker, or it is not alive any more."):
        deps.control.drain(worker, dry_run=dry_run)
    log.warning("worker_drain_ordered", worker=worker, dry_run=dry_run)
    return {"worker": worker, "draining": True, "dry_run": dry_run}


def _redacted(error: str, mask: Masker) -> str:
    return mask(None, "", _QUOTED.sub("'...'", error))[:ERROR_CHARS]


@contextmanager
def _redis() -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        log.warning("queue_out_of_reach", error=str(error))
        raise Unavailable("The queue can't be reached; try again shortly.") from error


@contextmanager
def _known(kind: str, name: str, message: str) -> Iterator[None]:
    try:
        yield
    except KeyError as error:
        raise NotFound(message, **{kind: name}) from error


def _queue(name: str) -> Any:
    return _known("queue", name, f"There is no such queue; there are {', '.join(QUEUES)}.")
