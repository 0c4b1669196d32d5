"""Telling the people in charge when something is wrong, and when it is over: once each, by mail and by webhook.

Incidents live in the database, so that another scheduler goes on where this one ends. Told is what was delivered: when
a process dies between the two, people hear of it twice rather than never.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import structlog

from backend.config import Settings
from backend.deps import Deps
from backend.errors import AppError, Unavailable
from backend.rpc import scheduler as rpc

Json = dict[str, Any]
log = structlog.get_logger(__name__)

MINUTES = 15  # the failure rate is that of so many minutes,
ENOUGH = 10  # in which at least so many generations ended
BEHIND = 3600  # for so many seconds statistics may not have been whole
IN_A_ROW = 3  # a job of the scheduler fails so often before it is an incident
AT_ONCE = 20  # deliveries of one check; each may wait for a time-out

MEANING = {
    "no_worker": "No worker is alive: what users start waits.",
    "queue_old": "Work waits too long in the queue.",
    "ledger_problem": "The books, or the audit log, hold something that should not be.",
    "key_pool_empty": "Every key of a provider rests: nothing can be ordered there.",
    "failure_rate": "Too many generations fail by no fault of their users.",
    "payment_event_parked": "What Stripe told about a payment could not be applied, often enough to give up.",
    "payment_flagged": "What was paid is not what was sold: no credits were given.",
    "statistics_behind": "Statistics have not been rolled up for long; charts are slow, or lack rows.",
    "scheduler_job_failing": "A job of the scheduler fails again and again.",
}


def check(deps: Deps) -> Json:
    """Compare what is with what should be, and tell what is new; raises Unavailable when that was not possible."""
    settings, service, channels = deps.settings, deps.rpc.as_service(), _channels(deps)
    wrong = list(_conditions(deps, settings))
    told, failing = 0, set()
    untold = rpc.note_incidents(
        service, conditions=wrong, channels=sorted(channels), patience_seconds=settings.alert_patience_seconds
    )
    for message in untold[:AT_ONCE]:
        channel = message["channel"]
        if channel in failing:  # what comes later there waits, so that an end never comes before its beginning
            continue
        try:
            channels[channel](message)
        except AppError as error:
            log.warning("alert_not_delivered", channel=channel, kind=message["kind"], reason=error.message)
            failing.add(channel)
            continue
        rpc.mark_incident_told(service, incident_id=message["id"], event=message["event"], channel=channel)
        log.warning("alert_told", channel=channel, kind=message["kind"], incident_event=message["event"])
        told += 1
    if failing:
        raise Unavailable(f"Alerts could not be delivered over {', '.join(sorted(failing))}.")
    return {"wrong": len(wrong), "told": told}


def _conditions(deps: Deps, settings: Settings) -> Iterator[Json]:
    facts = rpc.get_alert_facts(deps.rpc.as_service(), minutes=MINUTES)
    if not deps.queue.workers_alive():
        yield _wrong("no_worker", queued=facts["queued"])
    oldest = max(facts["overdue_seconds"], deps.queue.oldest_seconds() if facts["queued"] else 0)
    if oldest > settings.alert_queue_seconds:
        yield _wrong("queue_old", seconds=round(oldest), limit=settings.alert_queue_seconds)
    if facts["problems"]["open"]:
        yield _wrong("ledger_problem", **facts["problems"])
    finished, failed = facts["finished"], facts["provider_failures"]
    if finished >= ENOUGH and failed * 100 > finished * settings.alert_failure_percent:
        yield _wrong("failure_rate", failed=failed, finished=finished, minutes=MINUTES)
    for kind, count in (("payment_event_parked", "parked_events"), ("payment_flagged", "flagged_payments")):
        if facts[count]:
            yield _wrong(kind, count=facts[count])
    if facts["statistics_behind_seconds"] > BEHIND:
        yield _wrong("statistics_behind", seconds=round(facts["statistics_behind_seconds"]))
    for job in facts["failing_jobs"]:
        if job["failures_in_a_row"] >= IN_A_ROW:
            yield _wrong("scheduler_job_failing", job.pop("name"), **job)
    for name, provider in deps.providers.items():
        keys = provider.keys.state() if hasattr(provider, "keys") else []
        if keys and all((key["resting_until"] or 0) > time.time() for key in keys):
            yield _wrong(
                "key_pool_empty", name, keys=len(keys), errors=sorted({str(key["last_error"]) for key in keys})
            )


def _wrong(kind: str, subject: str = "", **detail: Any) -> Json:
    return {"kind": kind, "subject": subject, "detail": detail}


def _channels(deps: Deps) -> dict[str, Callable[[Json], None]]:
    """Return the ways to people that this installation has."""
    found: dict[str, Callable[[Json], None]] = {}
    mailer, hook, settings = deps.mailer, deps.alert_hook, deps.settings
    if mailer and settings.alert_emails:
        found["mail"] = lambda message: mailer.send(
            settings.alert_emails,
            _headline(message, settings),
            _text(message, settings),
            message_id=f"{message['id']}.{message['event']}@incident.scrip",
        )
    if hook:
        found["webhook"] = lambda message: hook.post(
            {
                "text": f"{_headline(message, settings)}\n{_text(message, settings)}",
                "site": settings.site_url,
                **message,
            }
        )
    return found


def _headline(message: Json, settings: Settings) -> str:
    about = f" ({message['subject']})" if message["subject"] else ""
    state = "over" if message["event"] == "ended" else "ALERT"
    return f"[Scrip {settings.app_env}] {state}: {message['kind'].replace('_', ' ')}{about}"


def _text(message: Json, settings: Settings) -> str:
    facts = "".join(f"{name}: {value}\n" for name, value in message["detail"].items())
    until = f"\nended: {message['ended_at']}" if message["event"] == "ended" else ""
    return (
        f"{MEANING[message['kind']]}\n\n{facts}began: {message['began_at']}{until}\nat: {settings.site_url}\n\n"
        "What to do: docs/operations.md. What else is wrong: python scripts/doctor.py\n"
    )
