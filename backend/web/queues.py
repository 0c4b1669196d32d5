"""The queue for admins: what waits, what broke, and orders to the workers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from backend.core import queue_admin
from backend.errors import NotFound
from backend.rpc.acts import admin_note_order
from backend.web.admin_schemas import Trial
from backend.web.auth import current_caller
from backend.web.context import deps
from backend.web.openapi import Answer, admin_answers, blueprint

bp = blueprint("queues", __name__, prefix="/api/v1/admin/queues", tag="admin", signed_in=True)


class QueueState(BaseModel):
    """One queue."""

    name: str
    depth: int = Field(description="Jobs that wait.")
    oldest_seconds: float = Field(description="Age of the job that is next.")
    started: int = Field(description="Jobs that run.")
    failed: int = Field(description="Jobs that broke within the last hour.")
    paused: bool


class WorkerState(BaseModel):
    """One worker that is alive."""

    name: str
    host: str
    state: str = Field(description="idle, busy or suspended.")
    job: str | None = Field(description="What it runs.")
    queues: list[str] = Field(description="What it takes from unless paused.")
    started_at: datetime | None
    last_seen_at: datetime | None
    draining: bool = Field(description="Whether it exits after its job.")


class Queues(Answer):
    """Queues in the order in which workers take from them, and the workers."""

    queues: list[QueueState]
    workers: list[WorkerState]


class FailedJob(BaseModel):
    """A job that broke. Its generation is not lost: the sweep and the dispatcher find it."""

    id: str
    queue: str
    function: str
    enqueued_at: datetime | None
    failed_at: datetime | None
    error: str = Field(description="Kind and message of the error; what it quotes is left out.")


class FailedJobs(Answer):
    """A page of the jobs that broke."""

    total: int
    data: list[FailedJob]


class Requeued(Answer):
    """The job waits again, or did so already."""

    job: str
    state: str = Field(description="queued, or what had become of it before.")
    dry_run: bool


class Paused(Answer):
    """Whether workers leave the queue alone."""

    queue: str
    paused: bool
    dry_run: bool


class Draining(Answer):
    """The worker exits once its job is done."""

    worker: str
    draining: bool
    dry_run: bool


class Page(BaseModel):
    """Which part of a list."""

    limit: int = Field(50, ge=1, le=200)
    offset: int = Field(0, ge=0, le=100_000)


class JobPath(BaseModel):
    """A job in the address."""

    job: str = Field(max_length=200)


class QueuePath(BaseModel):
    """A queue in the address."""

    queue: str = Field(max_length=100)


class WorkerPath(BaseModel):
    """A worker in the address."""

    name: str = Field(max_length=200)


@bp.get("", responses=admin_answers(Queues))
def index() -> dict[str, Any]:
    """Show queues and workers."""
    return queue_admin.show(deps())


@bp.get("/failed", responses=admin_answers(FailedJobs))
def failed(query: Page) -> dict[str, Any]:
    """List jobs that broke, the oldest first."""
    return queue_admin.failed(deps(), limit=query.limit, offset=query.offset)


@bp.post("/failed/<job>/requeue", responses=admin_answers(Requeued, NotFound))
def requeue(path: JobPath, body: Trial) -> dict[str, Any]:
    """Put a broken job before the workers again."""
    _note("requeue_job", path.job, body)
    return queue_admin.requeue(deps(), path.job, dry_run=body.dry_run)


@bp.post("/<queue>/pause", responses=admin_answers(Paused, NotFound))
def pause(path: QueuePath, body: Trial) -> dict[str, Any]:
    """Let no worker take from a queue; running jobs go on, waiting generations keep their credits held."""
    _note("pause_queue", path.queue, body)
    return queue_admin.pause(deps(), path.queue, dry_run=body.dry_run)


@bp.post("/<queue>/resume", responses=admin_answers(Paused, NotFound))
def resume(path: QueuePath, body: Trial) -> dict[str, Any]:
    """Let workers take from a queue again."""
    _note("resume_queue", path.queue, body)
    return queue_admin.resume(deps(), path.queue, dry_run=body.dry_run)


@bp.post("/workers/<name>/drain", responses=admin_answers(Draining, NotFound))
def drain(path: WorkerPath, body: Trial) -> dict[str, Any]:
    """Let a worker finish its job and exit; whatever supervises it may start a new one."""
    _note("drain_worker", path.name, body)
    return queue_admin.drain(deps(), path.name, dry_run=body.dry_run)


def _note(order: str, subject: str, body: Trial) -> None:
    admin_note_order(current_caller(), order=order, subject=subject, dry_run=body.dry_run)
