"""The scheduler's book: what runs by the clock, how it went, and the incidents that people are told of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from backend.rpc.client import Caller

Json = dict[str, Any]


def plan_scheduled_jobs(caller: Caller, *, jobs: Sequence[Mapping[str, Any]]) -> list[Json]:
    """Name all jobs with their interval; return how many seconds ago each began last."""
    planned: list[Json] = caller.call("plan_scheduled_jobs", p_jobs=jobs)
    return planned


def note_scheduled_run(
    caller: Caller,
    *,
    name: str,
    started_seconds_ago: float,
    took_seconds: float,
    runs: int,
    failures: int,
    failures_in_a_row: int,
    error: str | None = None,
    result: Any = None,
) -> None:
    """Note how a job's last run went, and how many there were since the note before."""
    caller.call(
        "note_scheduled_run",
        p_name=name,
        p_started_seconds_ago=started_seconds_ago,
        p_took_seconds=took_seconds,
        p_runs=runs,
        p_failures=failures,
        p_failures_in_a_row=failures_in_a_row,
        p_error=error,
        p_result=result,
    )


def list_scheduled_jobs(caller: Caller) -> list[Json]:
    """Return every planned job with its last run, and by how many seconds it is late."""
    jobs: list[Json] = caller.call("list_scheduled_jobs")
    return jobs


def get_alert_facts(caller: Caller, *, minutes: int = 15) -> Json:
    """Return what the database knows of trouble: generations overdue or failed, ledger problems, failing jobs."""
    facts: Json = caller.call("get_alert_facts", p_minutes=minutes)
    return facts


def note_incidents(
    caller: Caller, *, conditions: Sequence[Mapping[str, Any]], channels: Sequence[str], patience_seconds: float
) -> list[Json]:
    """Begin and end incidents by what is wrong now; return what is to be told over which channel."""
    untold: list[Json] = caller.call(
        "note_incidents", p_conditions=conditions, p_channels=channels, p_patience_seconds=patience_seconds
    )
    return untold


def mark_incident_told(caller: Caller, *, incident_id: UUID | str, event: str, channel: str) -> None:
    """Note that the beginning or end of an incident was delivered over a channel."""
    caller.call("mark_incident_told", p_incident_id=incident_id, p_event=event, p_channel=channel)
