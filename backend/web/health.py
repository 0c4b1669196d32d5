"""Is the process up, and can it do its work?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import structlog

from backend.errors import Misconfigured, Unavailable
from backend.rpc.platform import get_schema_version
from backend.rpc.scheduler import list_scheduled_jobs
from backend.web.auth import tokens
from backend.web.context import deps
from backend.web.openapi import Answer, answers, blueprint

log = structlog.get_logger(__name__)

MIGRATIONS = Path(__file__).resolve().parents[2] / "supabase" / "migrations"

bp = blueprint("health", __name__, tag="health")


class Health(Answer):
    """The process is up."""

    status: Literal["ok"] = "ok"


class Readiness(Answer):
    """This process can serve. What is degraded keeps it from nothing, but work waits until somebody looks."""

    status: Literal["ready"] = "ready"
    checks: dict[str, str]
    degraded: list[str]


@bp.get("/health", responses=answers(Health))
def health() -> dict[str, str]:
    """Say that the process is up."""
    return {"status": "ok"}


@bp.get("/ready", responses=answers(Readiness))
def ready() -> dict[str, object]:
    """Say which part is not as it must be: 503 without database, migrations, Redis, JWKS; or else degraded."""
    parts: dict[str, Callable[[], str | None]] = {
        "database": _database,
        "redis": deps().queue.ping,
        "jwks": tokens().check,
    }
    checks = {name: _check(name, part) for name, part in parts.items()}
    missing = [name for name, state in checks.items() if state != "ok"]
    if missing:
        raise Unavailable(f"Not ready: {', '.join(missing)}.", checks=checks)
    others = {"workers": _workers, "scheduler": _scheduler}
    checks |= {name: _check(name, part) for name, part in others.items()}
    return {"status": "ready", "checks": checks, "degraded": [name for name in others if checks[name] != "ok"]}


def newest_migration() -> str:
    """Return the version of the newest migration that this release ships, or nothing when it ships none."""
    return max((file.name.split("_", 1)[0] for file in MIGRATIONS.glob("*.sql")), default="")


def _check(name: str, part: Callable[[], str | None]) -> str:
    try:
        return part() or "ok"
    except Misconfigured as error:
        return error.message
    except Exception as error:  # whatever it is, this part is not ready, and the others are still worth asking
        log.warning("not_ready", part=name, reason=str(error))
        return "not answering"


def _workers() -> str | None:
    return None if deps().queue.workers_alive() else "none alive"


def _scheduler() -> str | None:
    jobs = list_scheduled_jobs(deps().probe.as_service())
    late = ", ".join(f"{job['name']} by {job['late_seconds']:.0f} s" for job in jobs if job["late_seconds"] > 0)
    return "has never led" if not jobs else f"late: {late}" if late else None


def _database() -> str | None:
    applied = get_schema_version(deps().probe.as_service()) or ""
    wanted = newest_migration()
    # A newer database is fine: a deploy migrates first.
    return None if applied >= wanted else f"migrations: {applied or 'none'} applied, {wanted} needed"
