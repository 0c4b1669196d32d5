"""What the provider was paid for: no request that could be gone on with was ordered a second time."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from itertools import combinations
from typing import Any

import psycopg

from scripts.storms.audit import Finding

KNOWN = """
select generation_id::text, split_part(provider_request_id, ':', 2), min(at), min(attempt)
from storm.history where provider_request_id is not null group by 1, 2"""
CLAIMS = "select generation_id::text, attempt, min(at) from storm.history where status = 'running' group by 1, 2"

Order = dict[str, Any]


class Orders:
    """The provider's own list of requests beside what our rows knew, and when.

    A request is resumable for an attempt when its id stood in the row as that attempt claimed it, or was written by
    that very attempt: stored after the submit, or told by a webhook. Ordering again is then explained only by the
    provider's own failure: a billed result that it spoilt or lost.
    """

    def __init__(self, connection: psycopg.Connection[Any], requests: list[Order]) -> None:
        self._known = {(row[0], row[1]): (row[2], row[3]) for row in connection.execute(KNOWN.encode()).fetchall()}
        self._claims = {(row[0], row[1]): row[2] for row in connection.execute(CLAIMS.encode()).fetchall()}
        self._untold = sum(order["attempt"] is None for order in requests)  # of those nothing could be said
        self._billed: dict[str, list[Order]] = defaultdict(list)
        for order in sorted(requests, key=lambda order: order["taken_at"]):
            if order["billed"]:
                self._billed[order["generation"]].append(order)

    def findings(self, generations: set[str]) -> list[Finding]:
        """Return what must not be."""
        return [
            Finding("resumable requests paid twice", len(self._again(resumable=True)), 0),
            Finding("orders that no generation holds credits for", len(set(self._billed) - generations), 0),
            Finding("orders that don't tell their attempt", self._untold, 0),
        ]

    def figures(self) -> dict[str, int]:
        """Return what was paid, and what nobody could have gone on with."""
        return {
            "billed": sum(map(len, self._billed.values())),
            "generations billed": len(self._billed),
            "paid twice, id never known or result spoilt": len(self._again(resumable=False)),
        }

    def _again(self, *, resumable: bool) -> list[tuple[str, str]]:
        return [
            (first["id"], second["id"])
            for generation, orders in self._billed.items()
            for first, second in combinations(orders, 2)
            if self._resumable(generation, first, second) == resumable
        ]

    def _resumable(self, generation: str, first: Order, second: Order) -> bool:
        known_at, known_by = self._known.get((generation, first["id"]), (None, 0))
        attempt = second["attempt"]
        claimed_at = self._claims.get((generation, attempt))
        if known_at is None or claimed_at is None or first["outcome"] != "ok" or "gone" in first["input"]["prompt"]:
            return False
        ordered_at = datetime.fromtimestamp(second["taken_at"], known_at.tzinfo)
        return bool(known_at < claimed_at or (known_by == attempt and known_at < ordered_at))
