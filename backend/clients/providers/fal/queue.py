"""fal's queue over HTTP: submit, status, result, cancel, and what its answers mean.

Status, result and cancel live under owner/app even where the model's path is longer. fal documents no idempotency
key; X-Fal-Tags at least shows in its usage report which generation a request was for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from backend.clients.providers.base import (
    AnswerLost,
    NotSubmitted,
    ProviderError,
    ProviderUnavailable,
    ResultGone,
)
from backend.clients.providers.fal.keys import Key
from backend.config import LOOPBACK
from backend.trust import TRUSTED

_NOTHING_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
_REFUSES_KEY = {401: "unauthorized", 402: "no_balance", 403: "locked", 429: "rate_limited"}
_MAYBE_TAKEN = (502, 504)  # from a gateway that may have lost the answer on its way
_PATH = re.compile(r"[\w.-]+(/[\w.-]+)+", re.ASCII)
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")

Json = dict[str, Any]


class KeyRefused(Exception):
    """fal does not serve this key now; another one may do."""

    def __init__(self, code: str, message: str, retry_after: float) -> None:
        self.code, self.message, self.retry_after = code, message, retry_after
        super().__init__(message)


class QueueApi:
    """The calls, each with the key that it is made with; raises KeyRefused or ProviderError."""

    def __init__(self, base_url: str) -> None:
        self._base = base_url
        self._http = httpx.Client(
            verify=TRUSTED,
            timeout=httpx.Timeout(30, connect=5),
            trust_env=urlsplit(base_url).hostname not in LOOPBACK,
        )

    def submit(self, key: Key, path: str, body: Json, *, webhook: str | None, tags: str) -> str:
        """Order, and return fal's id of the request; AnswerLost when nobody knows whether it was taken."""
        if not _PATH.fullmatch(path):
            raise ProviderError("provider_failed", f"{path} is no path of a fal model.", retryable=False)
        query = {"fal_webhook": webhook} if webhook else {}
        try:
            answer = self._send("POST", key, path, params=query, json=body, headers={"X-Fal-Tags": tags})
        except _NOTHING_SENT as error:
            raise NotSubmitted(f"fal can't be reached: {_said(error)}.") from error
        except httpx.TransportError as error:
            raise AnswerLost(f"fal did not answer an order: {_said(error)}.") from error
        if answer.status_code in _MAYBE_TAKEN:
            raise AnswerLost(f"fal answered an order with {answer.status_code}.")
        if answer.status_code == 404:
            raise ProviderError("provider_failed", f"fal has no model {path}.", retryable=False)
        _check(answer)
        request_id = _json(answer).get("request_id")
        if not isinstance(request_id, str) or not _REQUEST_ID.fullmatch(request_id):
            raise AnswerLost("fal took an order and named no request.")
        return request_id

    def status(self, key: Key, path: str, request_id: str) -> Json:
        """Return what fal says of a request: `status`, and `error` when it failed."""
        answer = self._ask(key, f"{_app(path)}/requests/{request_id}/status")
        _check(answer)
        return _json(answer)

    def result(self, key: Key, path: str, request_id: str) -> Json:
        """Return what a completed request made; raises what the model refused or failed with."""
        answer = self._ask(key, f"{_app(path)}/requests/{request_id}")
        if answer.status_code >= 500 and ("X-Fal-Error-Type" in answer.headers or "detail" in _json(answer)):
            raise failure(_json(answer))  # the stored answer of the model, and no trouble of the queue
        _check(answer)
        return _json(answer)

    def cancel(self, key: Key, path: str, request_id: str) -> None:
        """Ask fal to drop a request; one that has ended or is unknown is left alone."""
        try:
            answer = self._send("PUT", key, f"{_app(path)}/requests/{request_id}/cancel")
        except httpx.TransportError as error:
            raise ProviderUnavailable(f"fal can't be reached: {_said(error)}.") from error
        if answer.status_code not in (400, 404, 410):
            _check(answer)

    def _ask(self, key: Key, path: str) -> httpx.Response:
        try:
            answer = self._send("GET", key, path)
        except httpx.TransportError as error:
            raise ProviderUnavailable(f"fal can't be reached: {_said(error)}.") from error
        if answer.status_code in (404, 410):
            raise ResultGone("fal no longer knows this request.")
        return answer

    def _send(self, method: str, key: Key, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Key {key.secret.get_secret_value()}", **options.pop("headers", {})}
        return self._http.request(method, f"{self._base}/{path}", headers=headers, **options)


def failure(body: Mapping[str, Any]) -> ProviderError:
    """Return what a failed request means: content that is refused, params that don't fit, or a failure."""
    details = body.get("detail")
    found = [one for one in details if isinstance(one, Mapping)] if isinstance(details, list) else []
    message = "; ".join(str(one.get("msg", "")) for one in found) or str(details or body.get("error") or "it failed")
    message = f"fal: {message[:300]}"
    if any("content_policy" in str(one.get("type")) for one in found):
        return ProviderError("content_refused", message, retryable=False)
    if found and all(str(one.get("loc", "")).find("body") >= 0 for one in found) and not _is_fault(found):
        return ProviderError("provider_rejected_params", message, retryable=False)
    return ProviderError("provider_failed", message, retryable=True)


def _is_fault(found: list[Mapping[str, Any]]) -> bool:
    """Whether the model itself failed, which fal also tells in a list."""
    faults = (
        "internal_server_error",
        "generation_timeout",
        "downstream_service_error",
        "downstream_service_unavailable",
    )
    return any(one.get("type") in faults for one in found)


def _check(answer: httpx.Response) -> None:
    """Raise unless fal answered well."""
    status = answer.status_code
    if status < 300:
        return
    if status in _REFUSES_KEY:
        after = answer.headers.get("Retry-After", "")
        detail = str(_json(answer).get("detail", ""))[:200]
        raise KeyRefused(_REFUSES_KEY[status], f"{status} {detail}", float(after) if after.isdigit() else 0.0)
    if status >= 500:
        raise ProviderUnavailable(f"fal answered {status}.")
    refusal = failure(_json(answer))
    if refusal.code == "provider_failed" and answer.headers.get("X-Fal-Retryable") != "true":
        refusal = ProviderError("provider_rejected_params", refusal.message, retryable=False)
    raise refusal


def _json(answer: httpx.Response) -> Json:
    try:
        found = answer.json()
    except ValueError:
        found = None
    if isinstance(found, dict):
        return found
    if answer.is_success:
        raise ProviderUnavailable("fal answered with something that is no JSON object.")
    return {}


def _app(path: str) -> str:
    return "/".join(path.split("/")[:2])


def _said(error: Exception) -> str:
    return type(error).__name__
