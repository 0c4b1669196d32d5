"""Idempotency-Key as Stripe has it: the first answer is given again; the same key for something else is refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from scripts.local.stripe.errors import Refusal
from scripts.local.stripe.state import Object, State

LONGEST = 255
Answer = tuple[int, Object]


class Keys:
    """The keys that were used with an account, and those in use at this moment."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._lock = threading.Lock()
        self._busy: set[str] = set()

    @contextmanager
    def using(self, key: str | None, asked: str) -> Iterator[Answer | None]:
        """Hold a key while its request is carried out; yields the stored answer when there is one."""
        if key is None:
            yield None
            return
        if len(key) > LONGEST:
            raise Refusal(400, "invalid_request_error", f"Idempotency keys have at most {LONGEST} characters.")
        with self._lock:
            if key in self._busy:
                raise Refusal(
                    409,
                    "idempotency_error",
                    "There is currently another in-progress request using this Idempotency-Key.",
                    code="idempotency_key_in_use",
                )
            self._busy.add(key)
        try:
            yield self._stored(key, asked)
        finally:
            with self._lock:
                self._busy.discard(key)

    def keep(self, key: str | None, asked: str, answer: Answer) -> None:
        """Store an answer; a request that was refused before it began is not stored, as with Stripe."""
        if key and (answer[0] < 400 or answer[0] == 402):
            self._state.add("local.answer", id="key:" + key, asked=asked, status=answer[0], body=answer[1])

    def _stored(self, key: str, asked: str) -> Answer | None:
        stored = self._state.objects.get("key:" + key)
        if stored is None:
            return None
        if stored["asked"] != asked:
            raise Refusal(
                400,
                "idempotency_error",
                "Keys for idempotent requests can only be used with the same endpoint and parameters they were first "
                f"used with. Try using a key other than '{key}' if you meant to execute a different request.",
            )
        return stored["status"], stored["body"]
