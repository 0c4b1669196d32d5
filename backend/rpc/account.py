"""Account: who the signed-in user is."""

from __future__ import annotations

from typing import Any

from backend.rpc.client import Caller


def get_me(caller: Caller) -> dict[str, Any]:
    """Return the user's profile, role and credits."""
    me: dict[str, Any] = caller.call("get_me")
    return me


def set_low_balance_threshold(caller: Caller, *, credits: int) -> dict[str, Any]:
    """Say below how many credits the balance is low; return who the user is."""
    me: dict[str, Any] = caller.call("set_low_balance_threshold", p_credits=credits)
    return me
