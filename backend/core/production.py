"""The talk with a provider: submit, or resume, then wait and fetch; a request is paid for once if it can be."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import structlog

from backend.clients.providers.base import (
    AnswerLost,
    NotSubmitted,
    Provider,
    ProviderError,
    ProviderUnavailable,
    Result,
    ResultGone,
    Work,
)
from backend.core.inputs import with_addresses
from backend.core.lease import Interrupted, Lease, Reason
from backend.deps import Deps
from backend.errors import Unavailable
from backend.rpc import provider_results as rpc

T = TypeVar("T")
log = structlog.get_logger(__name__)

PATIENCE = 30.0  # seconds that a provider may be out of reach before or in the middle of a request
LOST_ANSWER_PATIENCE = 60.0  # seconds for the webhook of an order whose answer was lost
POLL_GROWTH = 1.6


@dataclass(frozen=True)
class Production:
    """One attempt's talk with its provider, under its lease."""

    deps: Deps
    provider: Provider
    work: Work
    lease: Lease
    deadline: float
    addressed: Callable[[], Mapping[str, Any]]  # the params, with addresses in place of paths in our storage
    delivered: Callable[[str], Mapping[str, Any] | None]  # what the provider told of a request by webhook

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
        """Start a request and write its id down before anything else; if we die in between, only a webhook knows it."""
        work = replace(self.work, params=self.addressed())
        try:
            request_id = self.lease.persist(lambda: self.provider.submit(work), patience=PATIENCE, outage=NotSubmitted)
        except AnswerLost:
            return self._learned_by_webhook()
        try:
            self.lease.store_request_id(request_id)
        except (Interrupted, Unavailable):
            self._cancel(request_id)  # nobody else knows of it
            raise
        return request_id

    def _learned_by_webhook(self) -> str:
        """Wait for the webhook of an order that may have been taken, so that it is not ordered twice."""
        until = min(time.monotonic() + LOST_ANSWER_PATIENCE, self.deadline)
        log.warning("answer_lost", waits_for_webhook=self.provider.calls_back)
        while self.provider.calls_back and time.monotonic() < until:
            self._wait(self.provider.longest_poll_seconds)
            request_id = self.lease.persist(self.lease.request_id, patience=PATIENCE)
            if request_id:
                return request_id
        raise ProviderUnavailable("The provider did not answer an order.")

    def _finish(self, request_id: str) -> Result:
        """Wait for a request and return what it made; if we die here, a later attempt goes on with the same request."""
        try:
            return self._await(request_id)
        except ResultGone as gone:
            delivered = self.delivered(request_id)
            if delivered is None:
                raise
            log.info("result_taken_from_webhook", reason=gone.message)
            return self._ask(partial(self.provider.read, self.work, delivered))
        except Interrupted as stop:
            if stop.reason is Reason.CANCELED:
                self._cancel(request_id)
            raise

    def _await(self, request_id: str) -> Result:
        pause = self.provider.poll_seconds
        while True:
            progress = self._ask(partial(self.provider.poll, self.work, request_id))
            if progress.done:
                return self._ask(partial(self.provider.fetch, self.work, request_id))
            if time.monotonic() > self.deadline:
                self._cancel(request_id)
                raise ProviderError("provider_timeout", "The provider took too long.", retryable=True)
            self.lease.progress = progress.fraction
            called = self._wait(pause)
            longest = self.provider.longest_poll_seconds
            pause = self.provider.poll_seconds if called else min(pause * POLL_GROWTH, longest)

    def _wait(self, seconds: float) -> bool:
        """Sleep until the provider calls, or there is a reason to stop; the lease signals that in the same way."""
        if not self.provider.calls_back:
            self.lease.wait(seconds)
            return False
        called = self.deps.signals.wait(self.work.generation_id, seconds, self.lease.wait)
        self.lease.check()
        return called

    def _ask(self, call: Callable[[], T]) -> T:
        return self.lease.persist(call, patience=PATIENCE, outage=ProviderUnavailable)

    def _cancel(self, request_id: str) -> None:
        try:
            self.provider.cancel(self.work, request_id)
        except ProviderError as error:
            log.warning("provider_cancel_failed", code=error.code, reason=error.message)


def production_for(deps: Deps, claim: Mapping[str, Any], lease: Lease) -> Production:
    """Return the talk to be had for a claimed generation."""
    provider = deps.providers.get(claim["provider"])
    if provider is None:
        message = f"No provider {claim['provider']} is set up here."
        raise ProviderError("provider_not_configured", message, retryable=False)
    if missing := [preset["key"] for preset in claim["presets"] if preset["version"] is None]:
        log.warning("presets_missing", keys=missing)
    service = deps.rpc.as_service()
    return Production(
        deps=deps,
        provider=provider,
        work=Work(
            generation_id=claim["id"],
            attempt=claim["attempt"],
            model=claim["model"],
            prompt=claim["prompt"],
            params=claim["params"],
            provider_model=claim["provider_model"],
        ),
        lease=lease,
        deadline=time.monotonic() + claim["timeout_seconds"],
        addressed=partial(with_addresses, deps.storage, claim),
        delivered=lambda request_id: rpc.get_provider_result(
            service, provider=claim["provider"], request_id=request_id
        ),
    )
