"""The healer: what no webhook brought, what never ended, and what a crash interrupted.

It reads Stripe's list of events from a cursor. Only a run that has recorded all of it moves the cursor, and each run
reads a stretch again, because events do not appear in the exact order of their times.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from backend.core import billing, subscriptions
from backend.deps import Deps
from backend.errors import AppError
from backend.rpc import billing as rpc_billing
from backend.rpc import stripe_events as rpc

Json = dict[str, Any]
log = structlog.get_logger(__name__)

OVERLAP = timedelta(minutes=10)
LOOKS = 100  # payments or refunds per run


def heal(deps: Deps) -> Json | None:
    """Record unseen events, look at what has not ended, send interrupted refunds; return the counts."""
    if not deps.stripe.configured:
        return None
    return {
        "events": read_events(deps),
        "payments": look_at_payments(deps),
        "subscriptions": subscriptions.look_at_due(deps),
        "refunds": send_refunds(deps),
    }


def read_events(deps: Deps) -> int:
    """Record every event since the cursor, then move it; returns how many were new."""
    service = deps.rpc.as_service()
    cursor = rpc.get_stripe_cursor(service)
    if cursor is None:  # nothing was ever sold here; an account may have a long past of its own
        return 0
    start = datetime.fromisoformat(cursor) - OVERLAP
    events = deps.stripe.list_events(since=int(start.timestamp()))
    kept = [rpc.record_stripe_event(service, payload=event, source="poller") for event in events]
    new = sum(1 for one in kept if one["recorded"])
    if events:
        until = datetime.fromtimestamp(max(event["created"] for event in events), UTC)
        rpc.move_stripe_cursor(service, read_until=until.isoformat())
    if new:
        log.warning("stripe_events_healed", count=new)  # their webhooks did not come (yet)
    return new


def look_at_payments(deps: Deps) -> int:
    """Ask Stripe about payments that have not ended; returns about how many."""
    due = rpc_billing.list_due_payments(deps.rpc.as_service(), limit=LOOKS)
    for payment_id in due:
        try:
            billing.sync(deps, payment_id)
        except AppError as error:
            log.warning("payment_not_looked_at", payment_id=payment_id, code=error.code)
    return len(due)


def send_refunds(deps: Deps) -> int:
    """Send refunds again whose sending was interrupted; returns how many."""
    due = rpc_billing.list_due_refunds(deps.rpc.as_service(), limit=LOOKS)
    for asked in due:
        try:
            billing.send_refund(deps, asked)
        except AppError as error:
            log.warning("refund_not_sent", payment_id=asked["payment_id"], code=error.code)
    return len(due)
