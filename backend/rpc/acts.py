"""Acts of admins: each is written into the audit log with its outcome; a dry run tells what would be."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from backend.rpc.client import Caller

Json = dict[str, Any]


def admin_set_role(
    caller: Caller, *, user_id: UUID | str, role: str | None, reason: str, dry_run: bool = False
) -> Json:
    """Give somebody a role, or take it away."""
    changed: Json = caller.call("admin_set_role", p_user_id=user_id, p_role=role, p_reason=reason, p_dry_run=dry_run)
    return changed


def admin_list_roles(caller: Caller) -> list[Json]:
    """Return everybody who has a role."""
    staff: list[Json] = caller.call("admin_list_roles")
    return staff


def admin_get_role_limits(caller: Caller, *, role: str) -> Json:
    """Return how many credits a role may add or take away."""
    limits: Json = caller.call("admin_get_role_limits", p_role=role)
    return limits


def admin_set_role_limits(
    caller: Caller, *, role: str, per_act: int, per_day: int, ceiling: int, reason: str, dry_run: bool = False
) -> Json:
    """Set how many credits a role may add or take away."""
    limits: Json = caller.call(
        "admin_set_role_limits",
        p_role=role,
        p_per_act=per_act,
        p_per_day=per_day,
        p_ceiling=ceiling,
        p_reason=reason,
        p_dry_run=dry_run,
    )
    return limits


def admin_adjust_credits(
    caller: Caller,
    *,
    user_id: UUID | str,
    amount: int,
    reason: str,
    idempotency_key: str,
    expires_at: str | None = None,
    dry_run: bool = False,
) -> Json:
    """Add credits to what somebody has, or take them away, once per key; above a limit a second admin must approve."""
    adjustment: Json = caller.call(
        "admin_adjust_credits",
        p_user_id=user_id,
        p_amount=amount,
        p_reason=reason,
        p_idempotency_key=idempotency_key,
        p_expires_at=expires_at,
        p_dry_run=dry_run,
    )
    return adjustment


def admin_decide_adjustment(
    caller: Caller, *, adjustment_id: UUID | str, approve: bool, reason: str, dry_run: bool = False
) -> Json:
    """Approve or reject an adjustment that waits."""
    adjustment: Json = caller.call(
        "admin_decide_adjustment",
        p_adjustment_id=adjustment_id,
        p_approve=approve,
        p_reason=reason,
        p_dry_run=dry_run,
    )
    return adjustment


def admin_list_adjustments(
    caller: Caller,
    *,
    status: str | None = None,
    user_id: UUID | str | None = None,
    before: UUID | str | None = None,
    limit: int = 50,
) -> Json:
    """Return one page of adjustments, newest first."""
    page: Json = caller.call(
        "admin_list_adjustments",
        p_status=status,
        p_user_id=user_id,
        p_before=before,
        p_limit=limit,
    )
    return page


def admin_note_order(caller: Caller, *, order: str, subject: str, dry_run: bool = False) -> Json:
    """Write down an order to the workers, before it is given."""
    noted: Json = caller.call("admin_note_order", p_order=order, p_subject=subject, p_dry_run=dry_run)
    return noted


def admin_list_audit_log(
    caller: Caller,
    *,
    actor: str | None = None,
    act: str | None = None,
    subject_type: str | None = None,
    subject_id: str | None = None,
    outcome: str | None = None,
    since: str | None = None,
    until: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> Json:
    """Return one page of the audit log, newest first, narrowed by what is given."""
    page: Json = caller.call(
        "admin_list_audit_log",
        p_actor=actor,
        p_act=act,
        p_subject_type=subject_type,
        p_subject_id=subject_id,
        p_outcome=outcome,
        p_since=since,
        p_until=until,
        p_before=before,
        p_limit=limit,
    )
    return page


def verify_audit_log(caller: Caller) -> list[Json]:
    """Return what is wrong with the chain of the audit log; nothing when it is sound."""
    problems: list[Json] = caller.call("verify_audit_log")
    return problems
