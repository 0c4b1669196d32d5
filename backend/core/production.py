"""The talk with a provider: submit, or resume, then wait and fetch; a request is paid for once if it can be."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import structlog

from backend.clients.providers.base import Provider, ProviderError, ProviderUnavailable, Result, Work
from backend.core.lease import Interrupted, Lease, Reason
from backend.errors import Unavailable

T = TypeVar("T")
log = structlog.get_logger(__name__)

PATIENCE = 30.0  # seconds that a provider may be out of reach in the middle of a request


@dataclass(frozen=True)
class Production:
    """One attempt's talk with its provider, under its lease."""

    provider: Provider
    work: Work
    lease: Lease
    deadline: float

    def produce(self, earlier_request_id: str | None) -> Result:
        """Return what the provider made, going on with the request of an earlier attempt when there is one."""
        if earlier_request_id:
            try:
                return self._finish(earlier_request_id)
            except ProviderError as error:
                if isinstance(error, ProviderUnavailable) or not error.retryable:
                    raise
                log.info("resume_failed", code=error.code)
        return self._finish(self._submit())

    def _submit(self) -> str:
        """Start a request and write its id down before anything else; if we die in between, it is paid for in vain."""
        request_id = self.provider.submit(self.work)
        try:
            self.lease.store_request_id(request_id)
        except (Interrupted, Unavailable):
            self._cancel(request_id)  # nobody else knows of it
            raise
        return request_id

    def _finish(self, request_id: str) -> Result:
        """Wait for a request and return what it made; if we die here, a later attempt goes on with the same request."""
        try:
            while True:
                progress = self._ask(partial(self.provider.poll, self.work, request_id))
                if progress.done:
                    return self._ask(partial(self.provider.fetch, self.work, request_id))
                if time.monotonic() > self.deadline:
                    self._cancel(request_id)
                    raise ProviderError("provider_timeout", "The provider took too long.", retryable=True)
                self.lease.progress = progress.fraction
                self.lease.wait(self.provider.poll_seconds)
        except Interrupted as stop:
            if stop.reason is Reason.CANCELED:
                self._cancel(request_id)
            raise

    def _ask(self, call: Callable[[], T]) -> T:
        return self.lease.persist(call, patience=PATIENCE, outage=ProviderUnavailable)

    def _cancel(self, request_id: str) -> None:
        try:
            self.provider.cancel(self.work, request_id)
        except ProviderError as error:
            log.warning("provider_cancel_failed", code=error.code, reason=error.message)


def production_for(providers: Mapping[str, Provider], claim: Mapping[str, Any], lease: Lease) -> Production:
    """Return the talk to be had for a claimed generation."""
    provider = providers.get(claim["provider"])
    if provider is None:
        raise ProviderUnavailable(f"No provider {claim['provider']} is set up here.")
    work = Work(claim["id"], claim["attempt"], claim["model"], claim["prompt"], claim["params"])
    return Production(provider, work, lease, time.monotonic() + claim["timeout_seconds"])
