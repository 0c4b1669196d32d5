"""Signed checkpoints: once a day the head of every chain that has moved is signed, so that a swapped history shows.

The scheduler alone holds the private key. A pass over the wallets goes in steps of bounded cost; doing it twice changes
nothing, and a pass that breaks off is done again from the start.
"""

from __future__ import annotations

import json
from typing import Any

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from backend.deps import Deps
from backend.rpc.client import Caller
from backend.rpc.receipts import list_unsigned_heads, store_checkpoints

Json = dict[str, Any]
log = structlog.get_logger(__name__)

BATCH = 500  # wallets that one step looks at


def text(day: str, head: Json) -> bytes:
    """Return what a signature is over; scripts/receipts/checking.py says the same."""
    facts = (head["wallet_id"], day, head["transaction_id"], head["ledger_head"], head["balance"])
    return json.dumps(["scrip-checkpoint-1", *facts]).encode()


class Checkpoints:
    """Signs what has moved, one pass a day; remembers only that today's pass is over."""

    def __init__(self) -> None:
        self._done_day: str | None = None
        self._said = False

    def sign(self, deps: Deps) -> Json:
        """Sign every head that has moved and has no checkpoint of today; return what was done."""
        key, service = deps.settings.ledger_signing_key, deps.rpc.as_service()
        if key is None:
            self._say_off()
            return {"signed": 0}
        found = list_unsigned_heads(service, limit=BATCH)
        if found["day"] == self._done_day:
            return {"signed": 0}
        day, signed = found["day"], _store(service, key, found)
        while found["next"]:
            found = list_unsigned_heads(service, after=found["next"], limit=BATCH)
            signed += _store(service, key, found)
        self._done_day = day
        log.info("checkpoints_signed", day=day, signed=signed)
        return {"signed": signed}

    def _say_off(self) -> None:
        if not self._said:
            log.warning("checkpoints_off", mend="set LEDGER_SIGNING_KEY for the scheduler")
        self._said = True


def _store(service: Caller, key: Ed25519PrivateKey, found: Json) -> int:
    if not found["heads"]:
        return 0
    checkpoints = [{**head, "signature": key.sign(text(found["day"], head)).hex()} for head in found["heads"]]
    public_key = key.public_key().public_bytes_raw().hex()
    return int(store_checkpoints(service, public_key=public_key, day=found["day"], checkpoints=checkpoints)["stored"])
