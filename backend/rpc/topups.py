"""Automatic top-up."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from backend.rpc.client import Caller

Json = dict[str, Any]


def get_auto_topup(caller: Caller) -> Json | None:
    """Return the user's settings; None when they were never set."""
    settings: Json | None = caller.call("get_auto_topup")
    return settings


def set_auto_topup(caller: Caller, *, enabled: bool, threshold: int, package_id: str, monthly_cap_cents: int) -> Json:
    """Set whether, when and what is bought by itself."""
    settings: Json = caller.call(
        "set_auto_topup",
        p_enabled=enabled,
        p_threshold=threshold,
        p_package_id=package_id,
        p_monthly_cap_cents=monthly_cap_cents,
    )
    return settings


def list_due_auto_topups(caller: Caller, *, limit: int = 100) -> list[str]:
    """Return ids of users for whom credits are to be bought now."""
    due: list[str] = caller.call("list_due_auto_topups", p_limit=limit)
    return due


def start_auto_topup(caller: Caller, *, user_id: UUID | str) -> Json | None:
    """Return the payment to be made for a user; None when nothing is to be bought."""
    payment: Json | None = caller.call("start_auto_topup", p_user_id=user_id)
    return payment


def choose_payment_method(caller: Caller, *, payment_id: UUID | str, payment_method_id: str) -> str:
    """Fix what a payment is charged to; return the one that counts."""
    chosen: str = caller.call("choose_payment_method", p_payment_id=payment_id, p_payment_method_id=payment_method_id)
    return chosen


def fail_auto_topup(caller: Caller, *, payment_id: UUID | str, reason: str) -> Json:
    """End an attempt for which there is no payment at Stripe."""
    payment: Json = caller.call("fail_auto_topup", p_payment_id=payment_id, p_reason=reason)
    return payment
