"""What /metrics tells of the database."""

from __future__ import annotations

from typing import Any

from backend.rpc.client import Caller

Json = dict[str, Any]


def collect_metrics(caller: Caller) -> Json:
    """Add what ended since the last call to the totals."""
    counted: Json = caller.call("collect_metrics")
    return counted


def get_metrics(caller: Caller) -> Json:
    """Return the totals, and what is open at this moment."""
    metrics: Json = caller.call("get_metrics")
    return metrics
