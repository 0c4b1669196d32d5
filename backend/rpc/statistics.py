"""Statistics: rolled up by the scheduler, read by admins."""

from __future__ import annotations

from typing import Any

from backend.rpc.client import Caller

Json = dict[str, Any]


def roll_up_statistics(caller: Caller, *, limit: int = 10_000) -> Json:
    """Add a portion of what the roll-ups do not hold yet; `more` says whether that was not all."""
    counted: Json = caller.call("roll_up_statistics", p_limit=limit)
    return counted


def recount_generations(caller: Caller, *, since: str, until: str) -> Json:
    """Count generations that ended on these days anew."""
    counted: Json = caller.call("recount_generations", p_from=since, p_to=until)
    return counted


def rebuild_statistics(caller: Caller) -> None:
    """Let everything be counted anew."""
    caller.call("rebuild_statistics")


def admin_get_statistics(
    caller: Caller, *, since: str | None = None, until: str | None = None, by: str = "day", model: str | None = None
) -> Json:
    """Return figures for charts, per day, month or model."""
    figures: Json = caller.call("admin_get_statistics", p_from=since, p_to=until, p_by=by, p_model=model)
    return figures


def admin_get_top(caller: Caller, *, since: str | None = None, until: str | None = None, limit: int = 10) -> Json:
    """Return the users and models with the most credits used."""
    top: Json = caller.call("admin_get_top", p_from=since, p_to=until, p_limit=limit)
    return top


def admin_get_cohorts(caller: Caller, *, since: str | None = None, until: str | None = None) -> Json:
    """Return buyers by the month of their first payment, and what they paid since."""
    cohorts: Json = caller.call("admin_get_cohorts", p_from=since, p_to=until)
    return cohorts
