"""Users as admins see them, and what admins decide about them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from backend.rpc.client import Caller

Json = dict[str, Any]


def admin_list_users(
    caller: Caller,
    *,
    query: str | None = None,
    role: str | None = None,
    suspended: bool | None = None,
    before: UUID | str | None = None,
    limit: int = 50,
) -> Json:
    """Return one page of users, newest first."""
    page: Json = caller.call(
        "admin_list_users", p_query=query, p_role=role, p_suspended=suspended, p_before=before, p_limit=limit
    )
    return page


def admin_list_credit_transactions(
    caller: Caller, *, user_id: UUID | str, before: int | None = None, limit: int = 50
) -> Json:
    """Return one page of anybody's ledger, newest first."""
    page: Json = caller.call("admin_list_credit_transactions", p_user_id=user_id, p_before=before, p_limit=limit)
    return page


def admin_get_user(caller: Caller, *, user_id: UUID | str) -> Json:
    """Return all of one user."""
    found: Json = caller.call("admin_get_user", p_user_id=user_id)
    return found


def admin_suspend_user(
    caller: Caller, *, user_id: UUID | str, suspended: bool, reason: str, dry_run: bool = False
) -> Json:
    """Suspend somebody, or restore."""
    changed: Json = caller.call(
        "admin_suspend_user", p_user_id=user_id, p_suspended=suspended, p_reason=reason, p_dry_run=dry_run
    )
    return changed


def admin_limit_user(
    caller: Caller, *, user_id: UUID | str, concurrency: int | None, reason: str, dry_run: bool = False
) -> Json:
    """Give somebody a number of slots of his own."""
    changed: Json = caller.call(
        "admin_limit_user", p_user_id=user_id, p_concurrency=concurrency, p_reason=reason, p_dry_run=dry_run
    )
    return changed
