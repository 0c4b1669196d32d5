"""What admins may do; each operation looks the role up in the database."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from backend.rpc.client import Caller

Json = dict[str, Any]


def admin_check_role(caller: Caller, *, role: str, request: str | None = None) -> str:
    """Return the role that the user has now; Forbidden when it is below this one, and `request` is written down."""
    return str(caller.call("admin_check_role", p_role=role, p_request=request))


def admin_get_balance_at(caller: Caller, *, user_id: UUID | str, at: str) -> Json:
    """Return anybody's posted credits at a time."""
    found: Json = caller.call("admin_get_balance_at", p_user_id=user_id, p_at=at)
    return found


def admin_list_scheduled_jobs(caller: Caller) -> list[Json]:
    """Return every planned job of the scheduler with its last run."""
    jobs: list[Json] = caller.call("admin_list_scheduled_jobs")
    return jobs


def admin_create_promo_code(
    caller: Caller,
    *,
    code: str,
    credits: int | None = None,
    credits_last_days: int | None = None,
    valid_from: str | None = None,
    valid_until: str | None = None,
    max_uses: int | None = None,
    max_uses_per_user: int = 1,
    active: bool = True,
    bonus_percent: int | None = None,
    dry_run: bool = False,
) -> Json:
    """Make a promo code, or the next version of one: it gives credits, or adds percent to a purchase."""
    version: Json = caller.call(
        "admin_create_promo_code",
        p_code=code,
        p_credits=credits,
        p_credits_last_days=credits_last_days,
        p_valid_from=valid_from,
        p_valid_until=valid_until,
        p_max_uses=max_uses,
        p_max_uses_per_user=max_uses_per_user,
        p_active=active,
        p_bonus_percent=bonus_percent,
        p_dry_run=dry_run,
    )
    return version


def admin_list_promo_codes(caller: Caller, *, after: str | None = None, limit: int = 50) -> Json:
    """Return one page of promo codes, by name, as they are now."""
    page: Json = caller.call("admin_list_promo_codes", p_after=after, p_limit=limit)
    return page


def admin_deactivate_promo_code(caller: Caller, *, code: str, dry_run: bool = False) -> Json:
    """Switch a promo code off."""
    version: Json = caller.call("admin_deactivate_promo_code", p_code=code, p_dry_run=dry_run)
    return version


def admin_list_stripe_events(caller: Caller, *, state: str = "parked", limit: int = 50) -> dict[str, Any]:
    """Return events of Stripe that are parked, or wait; oldest first."""
    page: dict[str, Any] = caller.call("admin_list_stripe_events", p_state=state, p_limit=limit)
    return page


def admin_list_payments(
    caller: Caller,
    *,
    status: str | None = None,
    user_id: UUID | str | None = None,
    before: UUID | str | None = None,
    limit: int = 50,
) -> Json:
    """Return one page of everybody's payments, newest first."""
    page: Json = caller.call("admin_list_payments", p_status=status, p_user_id=user_id, p_before=before, p_limit=limit)
    return page


def admin_dismiss_stripe_event(caller: Caller, *, event_id: str, reason: str, dry_run: bool = False) -> Json:
    """Lay an event to rest that was dealt with by hand."""
    event: Json = caller.call("admin_dismiss_stripe_event", p_event_id=event_id, p_reason=reason, p_dry_run=dry_run)
    return event


def admin_retry_stripe_event(caller: Caller, *, event_id: str, dry_run: bool = False) -> dict[str, Any]:
    """Put an event back to be applied."""
    event: dict[str, Any] = caller.call("admin_retry_stripe_event", p_event_id=event_id, p_dry_run=dry_run)
    return event


def admin_start_refund(
    caller: Caller,
    *,
    payment_id: UUID | str,
    amount_cents: int | None,
    credits: int | None,
    reason: str,
    idempotency_key: str,
    dry_run: bool = False,
) -> Json:
    """Make a refund to be sent to Stripe: of an amount, of credits, or of all that is left."""
    refund: Json = caller.call(
        "admin_start_refund",
        p_payment_id=payment_id,
        p_amount_cents=amount_cents,
        p_credits=credits,
        p_reason=reason,
        p_idempotency_key=idempotency_key,
        p_dry_run=dry_run,
    )
    return refund
