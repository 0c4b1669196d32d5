"""A plain model of generations, on top of the model of the books: who owns the work, and when its money is settled."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.sql.books import Hold, Refused, Wallet

MAX_ATTEMPTS = 2
SLOTS = 2
HOLD_SECONDS = 60


@dataclass(eq=False)
class Work:
    """A generation; `line` is every one of its user, in the order in which they began."""

    wallet: Wallet
    hold: Hold
    line: list[Work]
    status: str = "queued"
    attempt: int = 0
    failures: int = 0
    lease_ends: float = 0
    cancel_asked: bool = False
    id: str | None = None
    waiting: bool = field(init=False, default=True)

    def __post_init__(self) -> None:
        self.line.append(self)
        self.fill_slots()

    def fill_slots(self) -> None:
        """Whoever is first in the line gets what is free."""
        for work in self.line:
            taken = sum(one.status in ("queued", "running") and not one.waiting for one in self.line)
            work.waiting = work.waiting and taken >= SLOTS

    @property
    def charged(self) -> int:
        return (self.hold.confirmed or 0) if self.status == "succeeded" else 0

    def end(self, status: str) -> None:
        self.wallet.release(self.hold)
        self.status, self.waiting = status, False
        self.fill_slots()

    def check(self, attempt: int) -> None:
        if self.status != "running" or attempt != self.attempt:
            raise Refused("stale_attempt")

    def claim(self, lease: int) -> int | None:
        """The new attempt, or None when there is nothing to do."""
        if self.status != "queued" or self.waiting:
            return None
        if not self.wallet.keep(self.hold, lease):
            self.end("failed")
            return None
        self.attempt += 1
        self.status, self.lease_ends = "running", self.wallet.now + 1000 * lease
        return self.attempt

    def heartbeat(self, attempt: int, lease: int) -> bool:
        """Whether to stop."""
        self.check(attempt)
        self.wallet.keep(self.hold, lease)
        self.lease_ends = self.wallet.now + 1000 * lease
        return self.cancel_asked

    def complete(self, attempt: int, credits: int | None) -> int:
        """Credits charged."""
        if not (self.status == "succeeded" and attempt == self.attempt):
            self.check(attempt)
            self.wallet.settle(self.hold, credits)
            self.status = "succeeded"
            self.fill_slots()
        return self.charged

    def fail(self, attempt: int, *, retryable: bool, handed_back: bool) -> str:
        """What became of it."""
        if not (self.status in ("queued", "failed", "canceled") and attempt == self.attempt):
            self.check(attempt)
            self.lose(retryable=retryable, handed_back=handed_back and retryable)
        return self.status

    def lose(self, *, retryable: bool = True, handed_back: bool = False) -> str:
        """The attempt is over without a result."""
        self.failures += not handed_back
        if self.cancel_asked:
            self.end("canceled")
        elif not retryable or self.failures >= MAX_ATTEMPTS:
            self.end("failed")
        else:
            self.status = "queued"
        return self.status

    def cancel(self) -> str:
        if self.status in ("succeeded", "failed"):
            raise Refused("invalid_state")
        if self.status == "queued":
            self.end("canceled")
        elif self.status == "running":
            self.cancel_asked = True
        return self.status
