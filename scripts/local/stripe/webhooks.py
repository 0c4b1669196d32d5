"""Tells the app what happened: signed, again after a failure, and, when asked, in every way that goes wrong."""

from __future__ import annotations

import heapq
import json
import threading
import time
from collections import deque
from dataclasses import dataclass, field

import httpx
from stripe import WebhookSignature

from scripts.local.stripe.state import Object, State

TOO_OLD = 600  # seconds; the SDK refuses a signature of more than 300
WAIT = 10.0
LONGEST_PAUSE = 60.0
WAYS = ("late", "twice", "drop", "forge", "old")


@dataclass(order=True)
class Delivery:
    """One event on its way."""

    due: float
    order: int
    event_id: str = field(compare=False)
    attempt: int = field(compare=False, default=1)
    forged: bool = field(compare=False, default=False)
    old: bool = field(compare=False, default=False)


class Sender:
    """Delivers events from a thread of its own; each is sent again until it is answered with 2xx."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._wake = threading.Condition()
        self._heap: list[Delivery] = []
        self._held: list[str] = []
        self._next: deque[tuple[str, float]] = deque()
        self._order = 0
        self._sending = 0
        self._stopped = False
        self.holding = False
        self.attempts: list[Object] = []
        self._http = httpx.Client(timeout=WAIT)
        state.on_event = self.tell
        for event in reversed([*state.all("event")]):  # what a killed process had not delivered
            if event["pending_webhooks"] and state.settings.webhook_url:
                self._put(event["id"])
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop; what was not delivered stays pending."""
        with self._wake:
            self._stopped = True
            self._wake.notify_all()
        self._thread.join()
        self._http.close()

    def tell(self, event: Object) -> None:
        """Deliver an event, or do with it what the controls say."""
        if not self._state.settings.webhook_url:
            return
        with self._wake:
            if self.holding:
                self._held.append(event["id"])
                return
            way, seconds = self._next.popleft() if self._next else ("", 0.0)
        if way == "drop":
            event["pending_webhooks"] = 0
            return
        self._put(event["id"], seconds if way == "late" else 0.0, forged=way == "forge", old=way == "old")
        if way == "twice":
            self._put(event["id"])

    def arrange(self, way: str, *, count: int = 1, seconds: float = 1.0) -> None:
        """Treat the next events so: late, twice, drop, forge (once, with a wrong secret), old (with an old time)."""
        if way not in WAYS:
            raise ValueError(f"{way} is none of {', '.join(WAYS)}")
        with self._wake:
            self._next.extend([(way, seconds)] * count)

    def hold(self) -> None:
        """Keep back every event from now on."""
        with self._wake:
            self.holding = True

    def release(self, *, order: str = "oldest") -> list[str]:
        """Deliver what was kept back, oldest or newest first, in a random order, or `drop` it; and hold no more."""
        with self._wake:
            self.holding = False
            held, self._held = self._held, []
        if order == "drop":
            for event_id in held:
                self._state.objects[event_id]["pending_webhooks"] = 0
            return held
        if order == "newest":
            held.reverse()
        if order == "random":
            self._state.random.shuffle(held)
        for event_id in held:
            self._put(event_id)
        return held

    def send(self, event_id: str, *, forged: bool = False, old: bool = False) -> int:
        """Deliver an event now and once, whatever happened to it before; returns the answer's status, 0 for none."""
        return self._post(Delivery(0, 0, event_id, forged=forged, old=old))

    def settle(self, seconds: float = 10) -> bool:
        """Wait until nothing is on its way; false when that takes longer."""
        deadline = time.monotonic() + seconds
        with self._wake:
            while self._heap or self._sending:
                left = deadline - time.monotonic()
                if left <= 0 or not self._wake.wait(left):
                    return False
        return True

    def _put(self, event_id: str, seconds: float = 0.0, **more: bool | int) -> None:
        with self._wake:
            self._order += 1
            delivery = Delivery(time.monotonic() + seconds, self._order, event_id, **more)  # type: ignore[arg-type]
            heapq.heappush(self._heap, delivery)
            self._wake.notify_all()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._stopped and not (self._heap and self._heap[0].due <= time.monotonic()):
                    self._wake.wait(self._heap[0].due - time.monotonic() if self._heap else None)
                if self._stopped:
                    return
                delivery = heapq.heappop(self._heap)
                self._sending += 1
            status = self._post(delivery)
            again = not 200 <= status < 300 and delivery.attempt < self._state.settings.deliveries
            if again:
                pause = min(self._state.settings.retry_seconds * 2 ** (delivery.attempt - 1), LONGEST_PAUSE)
                self._put(delivery.event_id, pause, attempt=delivery.attempt + 1)  # properly, if it was forged
            with self._wake:
                self._sending -= 1
                self._wake.notify_all()

    def _post(self, delivery: Delivery) -> int:
        event = self._state.objects[delivery.event_id]
        body = json.dumps(event, indent=2)
        secret = "whsec_of_somebody_else" if delivery.forged else self._state.settings.webhook_secret
        at = int(time.time()) - (TOO_OLD if delivery.old else 0)
        signature = WebhookSignature.generate_signature_header(body, secret, at)
        headers = {"Stripe-Signature": signature, "Content-Type": "application/json; charset=utf-8"}
        url = self._state.settings.webhook_url or ""
        try:
            status = self._http.post(url, content=body, headers=headers).status_code
        except httpx.HTTPError:
            status = 0
        self.attempts.append({"event": event["id"], "type": event["type"], "status": status})
        if 200 <= status < 300 and event["pending_webhooks"]:
            with self._state.lock:
                self._state.change(event, pending_webhooks=0)
                self._state.write()
        return status
