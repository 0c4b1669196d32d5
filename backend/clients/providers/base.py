"""What every provider of generations can do, and how it refuses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


class ProviderError(Exception):
    """The provider refused, failed, or answered with something unusable."""

    def __init__(self, code: str, message: str, *, retryable: bool, cost_micros: int | None = None) -> None:
        self.code = code
        self.message = message
        self.retryable = retryable
        self.cost_micros = cost_micros
        super().__init__(f"{code}: {message}")


class ProviderUnavailable(ProviderError):
    """The provider can't be reached; a request that it already has may well be going on."""

    def __init__(self, message: str, code: str = "provider_unavailable") -> None:
        super().__init__(code, message, retryable=True)


class NotSubmitted(ProviderUnavailable):
    """Nothing was ordered for certain, so that the same call may be repeated."""


class AnswerLost(ProviderUnavailable):
    """The provider may have taken the order, and its answer never came."""


class ResultGone(ProviderError):
    """The provider no longer has what a request made."""

    def __init__(self, message: str) -> None:
        super().__init__("provider_result_gone", message, retryable=True)


@dataclass(frozen=True)
class Work:
    """What is asked of a provider, as far as it needs to know; `provider_model` is the model's name over there."""

    generation_id: str
    attempt: int
    model: str
    prompt: str
    params: Mapping[str, Any]
    provider_model: str | None = None


@dataclass(frozen=True)
class Progress:
    """How far a request is: done, or a fraction between 0 and 1 when the provider tells."""

    done: bool
    fraction: float | None = None


@dataclass(frozen=True)
class Result:
    """What a finished request made, and what the provider charged us for it in millionths of a dollar."""

    files: tuple[bytes, ...]
    cost_micros: int | None = None


class Provider(Protocol):
    """A party that generates. Every call may raise ProviderError; none keeps state between calls.

    `submit` is the only call that costs money. Its answer is stored before the first `poll`, and another process
    may go on with it: `poll`, `fetch` and `cancel` need nothing but the work and the request id.

    Pauses between two polls grow from `poll_seconds` to `longest_poll_seconds`; `calls_back` says that the provider
    tells of a finished request by itself, so that waiting may end early.
    """

    poll_seconds: float
    longest_poll_seconds: float
    calls_back: bool

    def unavailable_reason(self, model: str) -> str | None:
        """Say what is missing for a model to run here; None when nothing is."""

    def submit(self, work: Work) -> str:
        """Start the work and return the provider's id of the request."""

    def poll(self, work: Work, request_id: str) -> Progress:
        """Tell how far the request is."""

    def fetch(self, work: Work, request_id: str) -> Result:
        """Return what a finished request made."""

    def read(self, work: Work, delivered: Mapping[str, Any]) -> Result:
        """Return what a request made from what the provider once delivered by itself: `status` and `payload`."""

    def cancel(self, work: Work, request_id: str) -> None:
        """Ask the provider to stop; a request that has ended or is unknown is left alone."""
