"""The requests that were taken, and what they cost: in memory, for as long as the process lives."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from scripts.local.fal.script import Fate


@dataclass
class Request:
    """One order."""

    model: str
    key: str
    input: Mapping[str, Any]
    fate: Fate
    webhook: str | None
    generation: str | None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    taken_at: float = field(default_factory=time.monotonic)
    canceled: bool = False
    fetched: int = 0

    @property
    def app(self) -> str:
        """The owner and app under which its status is found."""
        return "/".join(self.model.split("/")[:2])

    @property
    def status(self) -> str:
        """What the queue says of it now."""
        passed = time.monotonic() - self.taken_at
        if self.canceled or passed >= self.fate.seconds:
            return "COMPLETED"
        return "IN_QUEUE" if passed < self.fate.seconds / 3 else "IN_PROGRESS"

    @property
    def billed(self) -> bool:
        """Whether fal would charge for it: only what was made."""
        return self.status == "COMPLETED" and not self.canceled and self.fate.outcome not in ("fails", "faulty")

    def row(self) -> dict[str, Any]:
        """What GET /__requests tells of it."""
        return {
            "id": self.id,
            "model": self.model,
            "generation": self.generation,
            "attempt": attempt_of(self.webhook),
            "key": self.key[-4:],
            "input": dict(self.input),
            "taken_at": time.time() - (time.monotonic() - self.taken_at),
            "status": self.status,
            "billed": self.billed,
            "canceled": self.canceled,
            "answer_dropped": self.fate.drops,
            "outcome": self.fate.outcome,
            "fetched": self.fetched,
        }


def generation_of(tags: str, webhook: str | None) -> str | None:
    """Return which generation of ours an order is for: from its tags, else from its webhook's address."""
    tagged = dict(part.partition("=")[::2] for part in tags.split(","))
    asked = parse_qs(urlsplit(webhook or "").query)
    return tagged.get("generation") or (asked["generation"][0] if "generation" in asked else None)


def attempt_of(webhook: str | None) -> int | None:
    """Return which attempt of ours placed an order, as far as its webhook's address tells."""
    asked = parse_qs(urlsplit(webhook or "").query)
    return int(asked["attempt"][0]) if "attempt" in asked else None


class Ledger:
    """All requests by id."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: dict[str, Request] = {}

    def add(self, request: Request) -> None:
        """Take an order."""
        with self._lock:
            self._requests[request.id] = request

    def find(self, app: str, request_id: str, key: str) -> Request | None:
        """Return a request of this app, to the key that made it."""
        request = self._requests.get(request_id)
        return request if request and request.app == app and request.key == key else None

    def any(self, request_id: str) -> Request | None:
        """Return a request to whoever knows its id."""
        return self._requests.get(request_id)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._requests.clear()

    def told(self) -> dict[str, Any]:
        """Return every request, and how many generations were paid for more than once."""
        with self._lock:
            requests = list(self._requests.values())
        billed = Counter(request.generation for request in requests if request.billed and request.generation)
        return {
            "requests": [request.row() for request in requests],
            "accepted": len(requests),
            "billed": sum(request.billed for request in requests),
            "paid_twice": sorted(generation for generation, times in billed.items() if times > 1),
        }
