"""Events of Stripe: kept once, applied once, tried again, parked; and how far the healer has read."""

from __future__ import annotations

from typing import Any

from backend.rpc.client import Caller

Json = dict[str, Any]


def record_stripe_event(caller: Caller, *, payload: Json, source: str) -> Json:
    """Keep an event once by its id; return {id, state, recorded}."""
    kept: Json = caller.call("record_stripe_event", p_payload=payload, p_source=source)
    return kept


def claim_stripe_event(caller: Caller, *, event_id: str) -> Json | None:
    """Return an event that waits; None when it has ended."""
    event: Json | None = caller.call("claim_stripe_event", p_event_id=event_id)
    return event


def ignore_stripe_event(caller: Caller, *, event_id: str, reason: str) -> None:
    """End an event that is about nothing of ours."""
    caller.call("ignore_stripe_event", p_event_id=event_id, p_reason=reason)


def fail_stripe_event(caller: Caller, *, event_id: str, error: str, final: bool = False) -> Json:
    """Have an event tried again later, or park it; return {id, state, attempts}."""
    event: Json = caller.call("fail_stripe_event", p_event_id=event_id, p_error=error, p_final=final)
    return event


def list_due_stripe_events(caller: Caller, *, limit: int = 100) -> list[str]:
    """Return ids of events that wait to be applied."""
    due: list[str] = caller.call("list_due_stripe_events", p_limit=limit)
    return due


def get_stripe_cursor(caller: Caller) -> str | None:
    """Return the time up to which every event is recorded."""
    read_until: str | None = caller.call("get_stripe_cursor")
    return read_until


def move_stripe_cursor(caller: Caller, *, read_until: str) -> str:
    """Note that every event made before this time is recorded."""
    moved: str = caller.call("move_stripe_cursor", p_read_until=read_until)
    return moved
