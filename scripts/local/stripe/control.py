"""What tests and curious people can make happen: POST /__control/<name> with JSON, or the same method in Python."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from werkzeug.wrappers import Request, Response

from scripts.local.stripe import checkout, clocks, completion, disputes, refunds, renewals
from scripts.local.stripe.errors import Refusal
from scripts.local.stripe.state import Object, State
from scripts.local.stripe.webhooks import Sender


@dataclass(frozen=True)
class Fault:
    """An answer that is lost: `before` anything was done, or `after`."""

    when: str
    status: int
    path: str

    @property
    def body(self) -> Object:
        """What is answered instead."""
        return {"error": {"type": "api_error", "message": "An unknown error occurred"}}


class Control:
    """The hands behind the curtain."""

    def __init__(self, state: State, sender: Sender) -> None:
        self._state = state
        self.webhooks = sender
        self.slow = 0.0
        self._faults: deque[Fault] = deque()

    def respond(self, request: Request) -> Response:
        """Carry out one control that came over HTTP; GET lists them."""
        name = request.path.removeprefix("/__control/")
        if request.method != "POST" or name not in NAMES:
            return _json({"controls": sorted(NAMES)}, 200 if request.method == "GET" else 404)
        try:
            given = request.get_json(silent=True) or {}
            return _json({"result": getattr(self, name)(**given)})
        except Refusal as refusal:
            return _json(refusal.body, refusal.status)
        except (TypeError, ValueError) as error:
            return _json({"error": {"message": str(error)}}, 400)

    def pay(self, session: str, **how: Any) -> Object:
        """Pay an open session: card (last four digits), email, code, later."""
        return self._do(completion.complete, session, **how)

    def settle_payment(self, session: str, paid: bool = True) -> Object:
        """Let a payment that takes days come in, or fail."""
        return self._do(completion.settle, session, paid=paid)

    def expire(self, session: str) -> Object:
        """Let a session's time be up."""
        return self._do(checkout.expire, self._state.get("checkout.session", session))

    def refund(self, charge: str, amount: int | None = None) -> Object:
        """Refund in the dashboard: all, or an amount."""
        return self._do(refunds.refund, self._state.get("charge", charge), amount)

    def fail_refund(self, refund: str) -> Object:
        """Let a refund fail after the fact."""
        return self._do(refunds.fail, refund)

    def dispute(self, charge: str, **how: Any) -> Object:
        """Let a customer dispute a charge: amount, reason, inquiry."""
        return self._do(disputes.open_dispute, self._state.get("charge", charge), **how)

    def win(self, dispute: str) -> Object:
        """Decide a dispute for the account."""
        return self._do(disputes.win, self._state.get("dispute", dispute))

    def lose(self, dispute: str) -> Object:
        """Decide a dispute against the account."""
        return self._do(disputes.lose, self._state.get("dispute", dispute))

    def decline_next(self, customer: str = "anyone", count: int = 1) -> None:
        """Have the next payments declined."""
        self._state.declines[customer] += count

    def promotion_code(self, code: str, percent_off: int) -> Object:
        """Make a promotion code that the hosted page takes."""
        self._do(lambda state: state.add("local.promotion_code", code=code.upper(), percent_off=percent_off))
        return {"code": code.upper(), "percent_off": percent_off}

    def tax(self, percent: int) -> None:
        """Set what automatic tax adds."""
        self._state.settings.tax_percent = percent

    def advance(self, seconds: int) -> int:
        """Move everybody's clock forward, as if time had passed; test clocks keep their own time."""
        return self._do(renewals.advance, seconds)

    def create_clock(self, frozen_time: int) -> Object:
        """Make a test clock."""
        return self._do(clocks.new_clock, frozen_time)

    def advance_clock(self, clock: str, frozen_time: int) -> Object:
        """Move a test clock forward."""
        return self._do(clocks.advance_to, self._state.get("test_helpers.test_clock", clock), frozen_time)

    def fault(self, when: str = "after", status: int = 500, path: str = "/v1/", count: int = 1) -> None:
        """Lose the next answers below a path: `before` they do anything, or `after`."""
        if when not in ("before", "after"):
            raise ValueError("when is before or after")
        self._faults.extend([Fault(when, status, path)] * count)

    def slowness(self, seconds: float) -> None:
        """Let every request of the API take that long."""
        self.slow = seconds

    def hold(self) -> None:
        """Keep back every webhook from now on."""
        self.webhooks.hold()

    def release(self, order: str = "oldest") -> list[str]:
        """Deliver what was kept back: oldest, newest, random; or drop it."""
        return self.webhooks.release(order=order)

    def arrange(self, way: str, count: int = 1, seconds: float = 1.0) -> None:
        """Treat the next webhooks so: late, twice, drop, forge, old."""
        self.webhooks.arrange(way, count=count, seconds=seconds)

    def send(self, event: str, forged: bool = False, old: bool = False) -> int:
        """Deliver an event now, whatever happened to it before."""
        return self.webhooks.send(event, forged=forged, old=old)

    def attempts(self) -> list[Object]:
        """Every delivery so far, with the status that came back."""
        return list(self.webhooks.attempts)

    def next_fault(self, path: str) -> Fault | None:
        """The fault that a request meets."""
        if self._faults and path.startswith(self._faults[0].path):
            return self._faults.popleft()
        return None

    def _do(self, action: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        with self._state.lock:
            try:
                return action(self._state, *arguments, **named)
            finally:
                self._state.write()


NAMES = {name for name, value in vars(Control).items() if callable(value) and not name.startswith("_")}
NAMES -= {"respond", "next_fault"}


def _json(body: Any, status: int = 200) -> Response:
    return Response(json.dumps(body), status=status, content_type="application/json")
