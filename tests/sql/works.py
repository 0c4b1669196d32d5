"""A plain model of generations, on top of the model of the books: who owns the work, and when its money is settled."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.sql.books import Hold, Refused, Wallet, burn_order, skip

MAX_ATTEMPTS = 2
SLOTS = 2
HOLD_SECONDS = 60
Told = tuple[list[tuple[str, bool, int]], int, tuple[int, int], int]


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
    batch: Batch | None = None
    waiting: bool = field(init=False, default=True)

    def __post_init__(self) -> None:
        self.line.append(self)
        self.fill_slots()

    def fill_slots(self) -> None:
        """Whoever is first in the line gets what is free; singles go before items of batches."""
        for work in sorted(self.line, key=lambda work: work.batch is not None):
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


@dataclass(eq=False)
class Batch:
    """Works that were started together; `works` has the last try of each item, `size` also counts what was refused."""

    wallet: Wallet
    line: list[Work]
    size: int
    works: list[Work] = field(default_factory=list)
    retries: int = 0
    id: str | None = None

    @staticmethod
    def start(wallet: Wallet, line: list[Work], prices: list[int], *, policy: str, partial: bool) -> Batch:
        """All items or none; or the leading ones that there are credits for."""
        afforded = [n for n in range(1, len(prices) + 1) if sum(prices[:n]) <= wallet.available]
        if not (afforded if partial else len(prices) in afforded):
            raise Refused("insufficient_credits")
        batch = Batch(wallet, line, len(prices))
        batch.works = batch.add(prices[: max(afforded)], policy)
        return batch

    def add(self, prices: list[int], policy: str) -> list[Work]:
        holds = [self.wallet.reserve(price, seconds=HOLD_SECONDS, policy=policy) for price in prices]
        return [Work(self.wallet, hold, self.line, batch=self) for hold in holds]

    def cancel(self) -> Batch:
        """Every hold is given back at once: a debt is paid first, out of what would be burned first."""
        queued = [work for work in self.works if work.status == "queued"]
        holds = [work.hold for work in queued if work.hold.status == "held"]
        lots = [part for hold in holds for part in hold.lots if part[0]]
        lots.sort(key=lambda part: burn_order(part[0]))
        back = list(skip(lots, self.wallet.debt))
        for hold in holds:
            hold.status = "released"
        self.wallet.put_back(back)
        for work in self.works:
            if work.status in ("queued", "running"):
                work.cancel()
        return self

    def retry(self) -> Batch:
        """A new try for each that failed, all or none."""
        failed = [n for n, work in enumerate(self.works) if work.status == "failed"]
        prices = [self.works[n].hold.amount for n in failed]
        if sum(prices) > self.wallet.available and failed:
            raise Refused("insufficient_credits")
        if failed:
            self.retries += 1
            for n, work in zip(failed, self.add(prices, self.works[0].hold.policy), strict=True):
                self.works[n] = work
        return self

    def told(self) -> Told:
        """What its owner reads."""
        items = [(work.status, work.waiting, work.attempt) for work in self.works]
        held, charged = sum(work.hold.amount for work in self.works), sum(work.charged for work in self.works)
        return items, self.size - len(self.works), (held, charged), self.retries
