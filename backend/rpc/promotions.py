"""Promotions: codes that give credits."""

from __future__ import annotations

from typing import Any

from backend.rpc.client import Caller


def redeem_promo_code(caller: Caller, *, code: str, idempotency_key: str) -> dict[str, Any]:
    """Give the user the credits of a code, once per key."""
    redemption: dict[str, Any] = caller.call("redeem_promo_code", p_code=code, p_idempotency_key=idempotency_key)
    return redemption
