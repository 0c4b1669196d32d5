"""Gifts: bought credits that go from one user to another."""

from __future__ import annotations

from typing import Any

from backend.rpc.client import Caller


def gift_credits(
    caller: Caller, *, email: str, credits: int, message: str | None, idempotency_key: str
) -> dict[str, Any]:
    """Give credits to whoever has confirmed an address, now or soon; once per key."""
    gift: dict[str, Any] = caller.call(
        "gift_credits", p_email=email, p_credits=credits, p_message=message, p_idempotency_key=idempotency_key
    )
    return gift


def deliver_gifts(caller: Caller, *, limit: int = 100) -> dict[str, Any]:
    """Bring gifts that wait to their recipients, or back; return how many."""
    done: dict[str, Any] = caller.call("deliver_gifts", p_limit=limit)
    return done
