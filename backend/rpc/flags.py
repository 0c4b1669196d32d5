"""Feature flags: what is on for a user, and what admins decide about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backend.rpc.client import Caller

Json = dict[str, Any]


def get_flags(caller: Caller) -> dict[str, bool]:
    """Return whether each flag that has a row is on for the user."""
    flags: dict[str, bool] = caller.call("get_flags")
    return flags


def admin_list_flags(caller: Caller) -> list[Json]:
    """Return every flag, by key."""
    flags: list[Json] = caller.call("admin_list_flags")
    return flags


def admin_change_flag(
    caller: Caller,
    *,
    key: str,
    reason: str,
    enabled: bool | None = None,
    percentage: int | None = None,
    roles: Sequence[str] | None = None,
    users: Sequence[str] | None = None,
    version: int | None = None,
    dry_run: bool = False,
) -> Json:
    """Switch a flag, or change for whom it is on; None leaves a thing as it is."""
    flag: Json = caller.call(
        "admin_change_flag",
        p_key=key,
        p_reason=reason,
        p_enabled=enabled,
        p_percentage=percentage,
        p_roles=roles,
        p_users=users,
        p_version=version,
        p_dry_run=dry_run,
    )
    return flag


def admin_plan_flag(
    caller: Caller,
    *,
    key: str,
    percentages: Sequence[int],
    times: Sequence[str],
    reason: str,
    version: int | None = None,
    dry_run: bool = False,
) -> Json:
    """Record the steps of a roll-out in place of those before; none end the plan where it is."""
    flag: Json = caller.call(
        "admin_plan_flag",
        p_key=key,
        p_percentages=percentages,
        p_times=times,
        p_reason=reason,
        p_version=version,
        p_dry_run=dry_run,
    )
    return flag
