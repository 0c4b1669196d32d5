"""How the installation does, for support staff and admins: provider keys and the scheduler's jobs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, Field

from backend.core.observed import key_states
from backend.rpc.admin import admin_list_scheduled_jobs
from backend.web.auth import current_caller
from backend.web.context import deps
from backend.web.openapi import Answer, admin_answers, blueprint

bp = blueprint("operations", __name__, prefix="/api/v1/admin", tag="admin", signed_in=True)


class KeyState(BaseModel):
    """One key of a provider, known by its fingerprint."""

    provider: str
    fingerprint: str
    load: int | None = Field(description="Requests that it carries; null while Redis is away.")
    resting_until: datetime | None
    last_error: str | None


class Providers(Answer):
    """The pools of provider keys; the keys themselves are never shown."""

    keys: list[KeyState]


class ScheduledJob(BaseModel):
    """Something that runs by the clock."""

    name: str
    interval_seconds: float
    late_seconds: float = Field(description="By how much it has missed its time; 0 when it is in time.")
    last_started_at: datetime | None
    last_finished_at: datetime | None
    last_outcome: str | None
    last_error: str | None
    last_result: Any
    runs: int
    failures: int
    failures_in_a_row: int


class Schedule(Answer):
    """The scheduler's jobs; none until a scheduler has led for the first time."""

    jobs: list[ScheduledJob]


@bp.get("/providers", responses=admin_answers(Providers))
def providers() -> dict[str, Any]:
    """Show the state of each provider key."""
    return {"keys": [_shown(key) for key in key_states(deps())]}


@bp.get("/schedule", responses=admin_answers(Schedule))
def schedule() -> dict[str, Any]:
    """Show what runs by the clock, and how it went."""
    return {"jobs": admin_list_scheduled_jobs(current_caller())}


def _shown(key: dict[str, Any]) -> dict[str, Any]:
    until = key["resting_until"]
    return {**key, "resting_until": datetime.fromtimestamp(until, UTC).isoformat() if until else None}
