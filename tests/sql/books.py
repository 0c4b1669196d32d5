"""A plain model of the books: what the promises say, without SQL, locks or laziness. Time passes event by event.

Moments are whole milliseconds, terms are seconds.

The state machine asks it what every operation must answer. It shares no code and no method with the database: here
expired holds and lots go the moment they end, there they are worked out when somebody looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

DEBT_LIMIT = 10
NEVER = float("inf")


class Refused(Exception):
    """The operation must answer with this code."""


@dataclass(eq=False)
class Lot:
    """Credits that came in together. `born` is their place in time."""

    born: int
    paid: bool
    ends: float
    left: int = 0
    id: str | None = None


Parts = list[tuple[Lot | None, int]]


def burn_order(lot: Lot) -> tuple[float, bool, int]:
    """Earliest expiry, then promotional, then oldest."""
    return lot.ends, lot.paid, lot.born


def skip(parts: Parts, credits: int) -> Iterator[tuple[Lot | None, int]]:
    """The parts without their first credits."""
    for lot, amount in parts:
        dropped = min(credits, amount)
        credits -= dropped
        if amount > dropped:
            yield lot, amount - dropped


def first(parts: Parts, credits: int) -> Parts:
    """The first credits of the parts."""
    rest = sum(amount for _, amount in parts) - credits
    return list(skip(parts[::-1], rest))[::-1]


@dataclass(eq=False)
class Hold:
    """A reservation."""

    amount: int
    lots: Parts
    ends: float
    policy: str = "collect"
    status: str = "held"
    confirmed: int | None = None
    absorbed: int = 0
    usage: Usage | None = None
    id: str | None = None


@dataclass(eq=False)
class Usage:
    """A ledger row that took credits; what it took on debt is a part without a lot, at the end."""

    parts: Parts
    refunded: int = 0
    id: int | None = None

    @property
    def amount(self) -> int:
        return sum(amount for _, amount in self.parts)


@dataclass(eq=False)
class Wallet:
    """One user's credits at one moment."""

    now: int = 0
    births: int = 0
    balance: int = 0
    lots: list[Lot] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)

    @property
    def held(self) -> int:
        return sum(hold.amount for hold in self.holds if hold.status == "held")

    @property
    def available(self) -> int:
        return self.balance - self.held

    @property
    def debt(self) -> int:
        return max(0, -self.available)

    def expiring(self) -> list[int]:
        """Credits that will expire, by date."""
        ends = sorted({lot.ends for lot in self.lots if lot.left and lot.ends != NEVER})
        return [sum(lot.left for lot in self.lots if lot.ends == end) for end in ends]

    def pass_time(self, until: int) -> None:
        """End every hold and lot whose time comes, in the order of time."""
        while True:
            holds = [hold for hold in self.holds if hold.status == "held" and hold.ends <= until]
            lots = [lot for lot in self.lots if lot.left and lot.ends <= until]
            moments = [item.ends for item in (*holds, *lots)]
            if not moments:
                break
            self.now = max(self.now, int(min(moments)))
            for hold in holds:
                if hold.ends <= self.now:
                    self.close(hold, "expired")
            for lot in lots:
                if lot.ends <= self.now:
                    self.balance -= lot.left
                    lot.left = 0
        self.now = until

    def new_lot(self, *, paid: bool, ends: float) -> Lot:
        self.births += 1
        self.lots.append(Lot(self.births, paid, ends))
        return self.lots[-1]

    def grant(self, amount: int, *, paid: bool, ends: float) -> Lot:
        """Credits in; a debt is paid first."""
        lot = self.new_lot(paid=paid, ends=ends)
        lot.left = amount - min(self.debt, amount)
        self.balance += amount
        return lot

    def take(self, credits: int) -> Parts:
        """Burn in order."""
        parts: Parts = []
        for lot in sorted((lot for lot in self.lots if lot.left), key=burn_order):
            taken = min(credits, lot.left)
            if taken:
                lot.left -= taken
                credits -= taken
                parts.append((lot, taken))
        assert credits == 0, "the model took what it does not have"
        return parts

    def put_back(self, parts: Iterable[tuple[Lot | None, int]]) -> None:
        """Return credits to their lots; those of an ended lot are gone."""
        for lot, amount in parts:
            home = lot or self.new_lot(paid=False, ends=NEVER)
            if home.ends <= self.now:
                self.balance -= amount
            else:
                home.left += amount

    def give(self, credits: int, to: Wallet) -> int:
        """Credits that were bought go to another, as a lot for each expiry; there they pay a debt first."""
        bought = sorted((lot for lot in self.lots if lot.left and lot.paid), key=lambda lot: (lot.ends, lot.born))
        if sum(lot.left for lot in bought) < credits:
            raise Refused("insufficient_credits")
        gift: dict[float, int] = {}
        left = credits
        for lot in bought:
            taken = min(left, lot.left)
            lot.left, left = lot.left - taken, left - taken
            gift[lot.ends] = gift.get(lot.ends, 0) + taken
        self.balance -= credits
        for ends, amount in sorted(gift.items()):
            if amount:
                to.grant(amount, paid=False, ends=ends)
        return credits

    def reserve(self, amount: int, *, seconds: int, policy: str = "collect") -> Hold:
        if self.available < amount:
            raise Refused("insufficient_credits")
        hold = Hold(amount, self.take(amount), self.now + 1000 * seconds, policy)
        self.holds.append(hold)
        return hold

    def close(self, hold: Hold, status: str) -> None:
        """Give a hold back; a debt is paid first."""
        back = list(skip(hold.lots, self.debt))
        hold.status = status
        self.put_back(back)

    def release(self, hold: Hold) -> Hold:
        if hold.status == "confirmed":
            raise Refused("invalid_state")
        if hold.status == "held":
            self.close(hold, "released")
        return hold

    def renew(self, hold: Hold, seconds: int) -> Hold:
        if hold.status != "held":
            raise Refused("invalid_state")
        hold.ends = max(hold.ends, self.now + 1000 * seconds)
        return hold

    def keep(self, hold: Hold, seconds: int) -> bool:
        """An open hold lasts at least this long from now."""
        hold.ends = max(hold.ends, self.now + 1000 * seconds) if hold.status == "held" else hold.ends
        return hold.status == "held"

    def settle(self, hold: Hold, credits: int | None) -> Hold:
        wanted = hold.amount if credits is None else credits
        if hold.status == "confirmed":
            if credits not in (None, (hold.confirmed or 0) + hold.absorbed):
                raise Refused("invalid_state")
            return hold
        was_held, available, debt = hold.status == "held", max(0, self.available), self.debt
        from_hold = min(wanted, hold.amount) if was_held else 0
        room = {"collect": available, "debt": max(0, self.available + DEBT_LIMIT), "absorb": 0}[hold.policy]
        more = min(wanted - from_hold, room)
        parts = first(hold.lots, from_hold) + self.take(min(more, available))
        parts += [(None, more - available)] if more > available else []
        hold.status, hold.confirmed, hold.absorbed = "confirmed", from_hold + more, wanted - from_hold - more
        self.balance -= from_hold + more
        if was_held:
            self.put_back(skip(hold.lots, from_hold + debt))
        if wanted:
            hold.usage = Usage(parts)
        return hold

    def refund(self, usage: Usage, credits: int | None) -> int:
        """Credits given back."""
        left = usage.amount - usage.refunded
        amount = left if credits is None else credits
        if not 1 <= amount <= left:
            raise Refused("invalid_amount")
        parts = first(list(skip(usage.parts[::-1], usage.refunded)), amount)
        back = list(skip(parts, self.debt))
        usage.refunded += amount
        self.balance += amount
        self.put_back(back)
        return amount
