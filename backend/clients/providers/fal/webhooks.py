"""Webhooks of fal: the address that is given with an order, and whether a delivery is genuine.

fal signs with keys of its own, which proves that fal sent it, on behalf of any customer of fal. So the address
carries a proof made with our fal key: only who was given it at submit can deliver for that attempt.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from backend.clients.providers.base import ProviderUnavailable, Work
from backend.clients.providers.fal.keys import Key, KeyPool

PATH = "/api/v1/webhooks/fal"
TOLERANCE_SECONDS = 300
KEYS_SECONDS = 24 * 3600
RELOAD_SECONDS = 60
SIGNED = ("X-Fal-Webhook-Request-Id", "X-Fal-Webhook-User-Id", "X-Fal-Webhook-Timestamp")


class Forged(Exception):
    """Not from fal, not for us, or too old; the message is for our log."""


@dataclass(frozen=True)
class Delivery:
    """What fal tells about a request; `request_id` is written as everywhere here: `<fingerprint>:<id at fal>`."""

    generation_id: str
    attempt: int
    request_id: str
    status: str
    payload: dict[str, Any] | None
    error: str | None


def webhook_url(base_url: str, work: Work, key: Key) -> str:
    """Return the address that fal is to call when this order is done."""
    attempt = str(work.attempt)
    proof = key.sign(_order(work.generation_id, attempt))
    asked = {"generation": work.generation_id, "attempt": attempt, "key": key.fingerprint, "proof": proof}
    return f"{base_url}{PATH}?{urlencode(asked)}"


def verify_webhook(headers: Mapping[str, str], body: bytes, keys: Iterable[Ed25519PublicKey]) -> None:
    """Raise Forged unless one of fal's keys signed this body within the last five minutes."""
    given = {name.lower(): value for name, value in headers.items()}
    signed = [given.get(name.lower(), "") for name in SIGNED]
    try:
        age, signature = abs(time.time() - int(signed[2])), bytes.fromhex(given.get("x-fal-webhook-signature", ""))
    except ValueError:
        raise Forged("a header of the signature is missing or malformed") from None
    if not all(signed[:2]) or not signature:
        raise Forged("a header of the signature is missing")
    if age > TOLERANCE_SECONDS:
        raise Forged(f"its timestamp is {age:.0f} s off")
    message = "\n".join([*signed, hashlib.sha256(body).hexdigest()]).encode()
    if not any(_signed_by(key, signature, message) for key in keys):
        raise Forged("no key of fal's made its signature")


class Webhooks:
    """Reads deliveries; remembers fal's public keys for a day, and the last good ones through an outage."""

    def __init__(self, jwks_url: str, pool: KeyPool, *, trust_env: bool) -> None:
        self._url, self._pool, self._trust_env = jwks_url, pool, trust_env
        self._known: tuple[float, tuple[Ed25519PublicKey, ...]] = (-KEYS_SECONDS, ())
        self._lock = threading.Lock()

    def read(self, headers: Mapping[str, str], body: bytes, query: Mapping[str, str]) -> Delivery:
        """Return what a genuine delivery says; raises Forged, or ProviderUnavailable when fal's keys can't be had."""
        generation_id, attempt = query.get("generation", ""), query.get("attempt", "")
        key = self._pool.find(query.get("key", ""))
        if key is None:
            raise Forged("its address names no key of ours")
        if not hmac.compare_digest(key.sign(_order(generation_id, attempt)).encode(), query.get("proof", "").encode()):
            raise Forged("its address is not one that we gave")
        self._verify(headers, body)
        return _delivery(body, generation_id, int(attempt), key)

    def _verify(self, headers: Mapping[str, str], body: bytes) -> None:
        keys = self._keys(KEYS_SECONDS)
        try:
            verify_webhook(headers, body, keys)
        except Forged:
            newer = self._keys(RELOAD_SECONDS)  # fal may have changed its keys
            if newer is keys:
                raise
            verify_webhook(headers, body, newer)

    def _keys(self, oldest: float) -> tuple[Ed25519PublicKey, ...]:
        with self._lock:
            read_at, known = self._known
            if time.monotonic() - read_at < oldest:
                return known
            try:
                known = self._load()
            except (httpx.HTTPError, ValueError) as error:
                if not known:
                    raise ProviderUnavailable(f"fal's public keys can't be had: {type(error).__name__}.") from error
            self._known = (time.monotonic(), known)
            return known

    def _load(self) -> tuple[Ed25519PublicKey, ...]:
        answer = httpx.get(self._url, timeout=5, trust_env=self._trust_env).raise_for_status().json()
        rows = answer.get("keys") if isinstance(answer, dict) else None
        keys = tuple(filter(None, map(_public_key, rows if isinstance(rows, list) else [])))
        if not keys:
            raise ValueError("no Ed25519 key in it")
        return keys


def _order(generation_id: str, attempt: str) -> str:
    return f"{generation_id}\n{attempt}"


def _public_key(row: Any) -> Ed25519PublicKey | None:
    try:
        x = row["x"]
        return Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(x + "=" * (-len(x) % 4)))
    except (KeyError, TypeError, ValueError, binascii.Error):
        return None


def _signed_by(key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _delivery(body: bytes, generation_id: str, attempt: int, key: Key) -> Delivery:
    try:
        said = json.loads(body)
        request_id, status = str(said["request_id"]), str(said["status"])
        payload = said.get("payload")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Forged("its body is not what fal documents") from None
    return Delivery(
        generation_id=generation_id,
        attempt=attempt,
        request_id=f"{key.fingerprint}:{request_id}",
        status="ok" if status == "OK" else "error",
        payload=payload if isinstance(payload, dict) else None,
        error=str(said["error"])[:300] if said.get("error") else None,
    )
