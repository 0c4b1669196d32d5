"""Webhooks as fal sends them: signed with Ed25519, tried again when they are not taken."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from contextlib import suppress
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

USER_ID = "local-fal-user"
PAUSES = (0.0, 0.5, 1, 2, 4)  # before each try; the real ones are ten within two hours
LATE_SECONDS = 3.0


class Signer:
    """A key pair of this process; its public half is served as a JWKS."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()

    def jwks(self) -> dict[str, Any]:
        """Return the public key as fal publishes its own."""
        raw = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        x = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
        return {"keys": [{"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": "local", "x": x}]}

    def headers(self, request_id: str, body: bytes) -> dict[str, str]:
        """Return the headers of a delivery made now."""
        timestamp = str(int(time.time()))
        message = "\n".join([request_id, USER_ID, timestamp, hashlib.sha256(body).hexdigest()])
        return {
            "X-Fal-Webhook-Request-Id": request_id,
            "X-Fal-Webhook-User-Id": USER_ID,
            "X-Fal-Webhook-Timestamp": timestamp,
            "X-Fal-Webhook-Signature": self._key.sign(message.encode()).hex(),
            "Content-Type": "application/json",
        }


class Mailman:
    """Delivers in threads of its own."""

    def __init__(self) -> None:
        self.signer = Signer()
        self._forger = Signer()
        self._http = httpx.Client(timeout=10, trust_env=False)

    def deliver(self, url: str, request_id: str, said: dict[str, Any], *, how: str, wait: float) -> None:
        """Deliver after `wait` seconds, in the way that the script wants."""
        if how == "never":
            return
        if how in ("late", "forged"):
            wait += LATE_SECONDS if how == "late" else 0
        times = 2 if how == "twice" else 1
        body = json.dumps(said).encode()
        signer = self._forger if how == "forged" else self.signer
        thread = threading.Timer(wait, self._bring, (url, request_id, body, signer, times))
        thread.daemon = True
        thread.start()

    def deliver_now(self, url: str, request_id: str, said: dict[str, Any]) -> None:
        """Deliver once, before going on."""
        body = json.dumps(said).encode()
        self._bring(url, request_id, body, self.signer, 1)

    def _bring(self, url: str, request_id: str, body: bytes, signer: Signer, times: int) -> None:
        for _ in range(times):
            for pause in PAUSES:
                time.sleep(pause)
                with suppress(httpx.HTTPError):
                    answer = self._http.post(url, content=body, headers=signer.headers(request_id, body))
                    if answer.status_code < 500 and answer.status_code not in (404, 429):
                        break
