"""The production provider: fal's queue, with a pool of keys. A request id here is `<key fingerprint>:<id at fal>`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import structlog

from backend.clients.providers.base import Progress, ProviderUnavailable, Result, ResultGone, Work
from backend.clients.providers.fal.inputs import model_input, model_path
from backend.clients.providers.fal.keys import Key, KeyPool, RunScript
from backend.clients.providers.fal.outputs import Downloads
from backend.clients.providers.fal.queue import KeyRefused, QueueApi, failure
from backend.clients.providers.fal.webhooks import Webhooks, webhook_url
from backend.config import LOOPBACK, Settings

T = TypeVar("T")
log = structlog.get_logger(__name__)


class FalProvider:
    """Orders with the least loaded key and asks with the same; keeps nothing but connections."""

    poll_seconds = 0.5

    def __init__(self, settings: Settings, run: RunScript) -> None:
        local = urlsplit(settings.fal_queue_url).hostname in LOOPBACK
        self.keys = KeyPool(settings.fal_keys, run)
        self.webhooks = Webhooks(settings.fal_jwks_url, self.keys, trust_env=not local)
        self.calls_back = settings.public_api_url is not None
        self.longest_poll_seconds = 5.0 if self.calls_back else 2.0
        self._api_url = settings.public_api_url
        self._queue = QueueApi(settings.fal_queue_url)
        self._downloads = Downloads(local=local)

    def unavailable_reason(self, model: str) -> str | None:
        """Say nothing: with a key every model of fal can run."""
        return None

    def submit(self, work: Work) -> str:
        """Order with one key after the other until one is served; raises NoKey when none is."""
        refused: set[str] = set()
        while True:
            taken = self.keys.take(work.generation_id, without=refused)
            try:
                request_id = self._order(work, taken.key)
            except KeyRefused as refusal:
                self._rest(taken.key, work, refusal)
                refused.add(taken.key.fingerprint)
                continue
            if taken.was_resting:
                self.keys.works(taken.key)
            return f"{taken.key.fingerprint}:{request_id}"

    def poll(self, work: Work, request_id: str) -> Progress:
        """Tell whether the request is done, well or badly; `fetch` tells which."""
        said = self._with_key(work, request_id, self._queue.status)
        return Progress(done=said.get("status") == "COMPLETED")

    def fetch(self, work: Work, request_id: str) -> Result:
        """Download what the request made, or raise what it failed with."""
        payload = self._with_key(work, request_id, self._queue.result)
        result = self._downloads.result(payload)
        self._release(work, request_id)
        return result

    def read(self, work: Work, delivered: Mapping[str, Any]) -> Result:
        """Return what the request made from the payload of a webhook."""
        payload = delivered.get("payload") or {}
        if delivered.get("status") != "ok":
            raise failure(payload)
        return self._downloads.result(payload)

    def cancel(self, work: Work, request_id: str) -> None:
        """Ask fal to drop the request; fal may bill it all the same when it is running."""
        self._with_key(work, request_id, self._queue.cancel)
        self._release(work, request_id)

    def _order(self, work: Work, key: Key) -> str:
        webhook = webhook_url(self._api_url, work, key) if self._api_url else None
        tags = f"generation={work.generation_id},attempt={work.attempt}"
        return self._queue.submit(key, model_path(work), model_input(work), webhook=webhook, tags=tags)

    def _with_key(self, work: Work, request_id: str, call: Callable[[Key, str, str], T]) -> T:
        """Ask about a request with the key that ordered it."""
        fingerprint, _, fal_id = request_id.partition(":")
        key = self.keys.find(fingerprint)
        if key is None:
            raise ResultGone("The fal key that ordered this was removed from the environment.")
        try:
            return call(key, model_path(work), fal_id)
        except KeyRefused as refusal:
            self._rest(key, work, refusal)
            raise ProviderUnavailable(f"fal does not serve the key that ordered this: {refusal.message}") from None

    def _rest(self, key: Key, work: Work, refusal: KeyRefused) -> None:
        log.warning("fal_key_refused", key=key.fingerprint, code=refusal.code, reason=refusal.message)
        self.keys.rest(key, work.generation_id, refusal.code, at_least=refusal.retry_after)

    def _release(self, work: Work, request_id: str) -> None:
        key = self.keys.find(request_id.partition(":")[0])
        if key is not None:
            self.keys.release(key, work.generation_id)
