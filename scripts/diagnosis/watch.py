"""The watch that Scrip keeps over itself: jobs by the clock, incidents, problems in the books, and who is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from backend.clients.mail import Mailer
from backend.config import LOOPBACK
from backend.core.alerts import IN_A_ROW, MEANING
from backend.errors import Unavailable
from scripts.diagnosis.answers import said
from scripts.diagnosis.findings import Check, Finding, fail, ok, warn
from scripts.diagnosis.patient import HTTP_SECONDS, Patient
from scripts.diagnosis.queue import START_SCHEDULER

MIGRATE = ".venv/bin/python scripts/migrate.py up"
PAGE = "docs/operations.md"
MANY = 3
_INCIDENTS = """
select kind, subject, to_char(began_at at time zone 'utc', 'YYYY-MM-DD HH24:MI') || ' UTC', told_began
  from private.incidents where ended_at is null order by began_at
"""


def jobs(patient: Patient) -> list[Finding]:
    """What must happen by the clock happens in time, and went well when it was last done."""
    answer = patient.rpc("list_scheduled_jobs", patient.secret_key)
    if answer.status_code != 200:
        return [fail(f"list_scheduled_jobs() answers {said(answer)}", MIGRATE)]
    planned: list[dict[str, Any]] = answer.json()
    if not planned:
        return [fail("no scheduler has ever led here", START_SCHEDULER)]
    found = [_failing(job) for job in planned if job["last_outcome"] == "failed"]
    found += _late([job for job in planned if job["late_seconds"] > 0], len(planned))
    return found or [ok(f"{len(planned)} in time, none failing")]


def _failing(job: dict[str, Any]) -> Finding:
    times = int(job["failures_in_a_row"])
    often = "failed once" if times < 2 else f"failed {times} times in a row"
    judge = fail if times >= IN_A_ROW else warn
    return judge(f"{job['name']} {often}: {job['last_error']}", f"{PAGE}#scheduler-job-failing")


def _late(late: Sequence[dict[str, Any]], planned: int) -> list[Finding]:
    if not late:
        return []
    worst = max(late, key=lambda job: job["late_seconds"])
    named = ", ".join(job["name"] for job in late[:MANY]) + (" and others" if len(late) > MANY else "")
    cause = f"{len(late)} of {planned} are late ({named}), {worst['name']} by {worst['late_seconds']:.0f} s"
    return [fail(cause, f"See the scheduler's log; is one job very slow? Or else: {START_SCHEDULER}")]


def incidents(patient: Patient) -> list[Finding]:
    """Nothing is wrong by the scheduler's own judgement, which is as old as its last look: a minute."""
    with patient.database() as connection:
        rows = connection.execute(_INCIDENTS).fetchall()
    return [_incident(*row) for row in rows] or [ok("none open")]


def _incident(kind: Any, subject: Any, began: Any, told: Any) -> Finding:
    about = f" ({subject})" if subject else ""
    whom = f"told by {' and '.join(sorted(told))}" if told else "nobody was told"
    words = str(kind).replace("_", " ")
    cause = f"{words}{about} since {began}, {whom}. {MEANING.get(str(kind), '')}".rstrip()
    return warn(cause, f"{PAGE}#{words.replace(' ', '-')}")


def ledger_problems(patient: Patient) -> list[Finding]:
    """The scheduler has found nothing in the books that is still there."""
    answer = patient.rpc("get_alert_facts", patient.secret_key)
    if answer.status_code != 200:
        return [fail(f"get_alert_facts() answers {said(answer)}", MIGRATE)]
    problems = answer.json()["problems"]
    if not problems["open"]:
        return [ok("none open")]
    first = problems["oldest"][0]
    where = f" in wallet {first['wallet_id']}" if first["wallet_id"] else ""
    cause = f"{problems['open']} open, the oldest since {first['found_at']}: {first['problem']}{where}"
    return [fail(cause, f"Stop deploys, keep a backup, mend nothing by hand: {PAGE}#ledger-problem")]


def alerts(patient: Patient) -> list[Finding]:
    """Somebody is told when something goes wrong."""
    settings = patient.settings
    hook = settings.alert_webhook_url.get_secret_value() if settings.alert_webhook_url else ""
    if not settings.alert_emails and not hook:
        if settings.app_env == "local":
            return [ok("nobody is told, which is fine on a developer's machine")]
        mend = "For the scheduler set ALERT_EMAILS (with SMTP_URL and MAIL_FROM), or ALERT_WEBHOOK_URL, or both."
        return [warn("nobody is told when workers die, keys run dry or the books differ", mend)]
    place = urlsplit(hook)
    if place.scheme == "http" and place.hostname not in LOOPBACK:
        return [warn("ALERT_WEBHOOK_URL is not https: it tells everybody on the way", "Give its https address.")]
    ways = [f"mail to {', '.join(settings.alert_emails)}"] if settings.alert_emails else []
    return [ok(" and ".join([*ways, "a webhook"] if hook else ways))]


def mail(patient: Patient) -> list[Finding]:
    """The mail server lets us in; no mail is sent."""
    settings = patient.settings
    if not (settings.smtp_url and settings.mail_from):
        return [ok("SMTP_URL is not set, and nothing needs it")]
    try:
        Mailer(settings.smtp_url, settings.mail_from, seconds=HTTP_SECONDS).try_login()
    except Unavailable as error:
        judge = fail if settings.alert_emails else warn
        mend = "Mend host, port, user and password in SMTP_URL: smtps:// (465), or smtp:// with STARTTLS (587)."
        return [judge(error.message.rstrip("."), mend)]
    return [ok(f"the server takes mails from {settings.mail_from}")]


def metrics(patient: Patient) -> list[Finding]:
    """Not everybody can read the figures."""
    if patient.settings.metrics_token:
        return [ok("/metrics wants METRICS_TOKEN")]
    if patient.settings.app_env == "local":
        return [ok("METRICS_TOKEN is not set: private addresses may read /metrics")]
    cause = (
        "METRICS_TOKEN is not set: whoever comes from a private address, or by a proxy that hides it, reads /metrics"
    )
    return [warn(cause, "Set METRICS_TOKEN to the output of: openssl rand -hex 24 (for web, and in Prometheus)")]


_UNDER = ("database", "migrations", "functions")
CHECKS = (
    Check("scheduled jobs", "Watch", jobs, needs=("rest",), because=("redis", "scheduler", *_UNDER)),
    Check("incidents", "Watch", incidents, needs=("database", "migrations")),
    Check("ledger problems", "Watch", ledger_problems, ("rest",), (*_UNDER, "trial balance", "ledger")),
    Check("alerts", "Watch", alerts, needs=("variables",)),
    Check("mail", "Watch", mail, needs=("variables",)),
    Check("metrics", "Watch", metrics, needs=("variables",)),
)
