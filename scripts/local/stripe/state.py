"""Everything that the local Stripe knows: its objects, in memory, and in a file when they must survive a restart."""

from __future__ import annotations

import copy
import random
import string
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from stripe._api_version import _ApiVersion

from scripts.local.stripe.errors import missing
from scripts.local.stripe.file import File
from scripts.local.stripe.settings import Settings

API_VERSION = _ApiVersion.CURRENT
LETTERS = string.ascii_letters + string.digits
PREFIXES = {
    "balance_transaction": "txn",
    "billing_portal.session": "bps",
    "charge": "ch",
    "checkout.session": "cs_test",
    "customer": "cus",
    "dispute": "du",
    "event": "evt",
    "invoice": "in",
    "invoice_payment": "inpay",
    "payment_intent": "pi",
    "payment_method": "pm",
    "price": "price",
    "product": "prod",
    "refund": "re",
    "setup_intent": "seti",
    "subscription": "sub",
    "test_helpers.test_clock": "clock",
}

Object = dict[str, Any]


class State:
    """The objects of one account. Whoever reads or changes several of them holds `lock`."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.lock = threading.RLock()
        self.random = random.Random(self.settings.seed)  # noqa: S311 - ids of a fake, repeatable if asked
        self.objects: dict[str, Object] = {}
        self.kinds: dict[str, list[str]] = defaultdict(list)
        self.offset = 0  # seconds that this account's clock is ahead
        self.ticked = 0
        self.declines: Counter[str] = Counter()  # how often the next payment is declined: by customer, or of "anyone"
        self.request: tuple[str | None, str | None] = (None, None)  # id and idempotency key of the one at work
        self.on_event: Callable[[Object], None] = lambda event: None
        self._changed: dict[str, None] = {}  # in order
        self._file = File(self.settings.file) if self.settings.file else None
        for stored in self._file.load() if self._file else ():
            self._keep(stored)
        self._changed.clear()

    def new_id(self, kind: str, length: int = 24) -> str:
        """An id with the prefix of its kind."""
        return f"{PREFIXES.get(kind, kind)}_" + "".join(self.random.choices(LETTERS, k=length))

    def now(self, clock: str | None = None) -> int:
        """Seconds since 1970, by a test clock when the object is on one."""
        return int(self.objects[clock]["frozen_time"]) if clock else int(time.time()) + self.offset

    def now_of(self, customer: str | None) -> int:
        """The time of a customer's test clock, or everybody's."""
        return self.now(self.objects[customer]["test_clock"] if customer else None)

    def add(self, kind: str, **fields: Any) -> Object:
        """Keep a new object."""
        made = {"id": fields.pop("id", None) or self.new_id(kind), "object": kind, "created": self.now()}
        return self._keep(made | fields)

    def change(self, changed: Object, **fields: Any) -> Object:
        """Change fields of an object; returns those that differ as they were before."""
        before = {
            name: copy.deepcopy(changed.get(name)) for name, value in fields.items() if changed.get(name) != value
        }
        changed.update(fields)
        self._changed[changed["id"]] = None
        return before

    def get(self, kind: str, object_id: str | None, param: str = "id") -> Object:
        """An object, or Stripe's refusal."""
        found = self.objects.get(object_id or "")
        if found is None or found["object"] != kind or (found.get("deleted") and param != "id"):
            raise missing(kind, object_id or "", param)
        return found

    def all(self, kind: str, **where: Any) -> Iterator[Object]:
        """Objects of a kind, newest first."""
        for object_id in reversed(self.kinds[kind]):
            found = self.objects[object_id]
            if all(found.get(name) == value for name, value in where.items()):
                yield found

    def event(self, kind: str, about: Object, before: Object | None = None, *, at: int | None = None) -> Object:
        """Note that something happened, and let it be told."""
        data: Object = {"object": copy.deepcopy(about)}
        if before is not None:
            data["previous_attributes"] = before
        request_id, key = self.request
        made = self.add(
            "event",
            created=at or self.now(),
            api_version=API_VERSION,
            data=data,
            livemode=False,
            pending_webhooks=1 if self.settings.webhook_url else 0,
            request={"id": request_id, "idempotency_key": key},
            type=kind,
        )
        self.on_event(made)
        return made

    def write(self) -> None:
        """Write what has changed to the file; called at the end of every request."""
        if self._file and self._changed:
            self._file.save([self.objects[each] for each in self._changed])
        self._changed.clear()

    def close(self) -> None:
        """Let go of the file, when there is one."""
        if self._file:
            self._file.close()

    def _keep(self, made: Object) -> Object:
        if made["id"] not in self.objects:
            self.kinds[made["object"]].append(made["id"])
        self.objects[made["id"]] = made
        self._changed[made["id"]] = None
        return made
