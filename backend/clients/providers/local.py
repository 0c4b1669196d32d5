"""The provider that needs nobody: pictures and speech made on this machine, and models that fail, flake or take time.

A request id says all that a later process needs to go on: `<model>:<attempt>:<start in milliseconds>`.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from backend.clients.providers import speech
from backend.clients.providers.art.painting import Painting, paint
from backend.clients.providers.base import Progress, ProviderError, Result, Work

FAILURES = {
    "provider_failed": "This model fails every time, on purpose.",
    "content_refused": "This model refused the prompt, on purpose.",
    "provider_bad_answer": "This model answered with something unusable, on purpose.",
}
SLOW_SECONDS = 3
SMALL = 512


class LocalProvider:
    """Draws and speaks offline; every answer follows from the request alone."""

    poll_seconds = 0.1
    longest_poll_seconds = 0.1
    calls_back = False

    def unavailable_reason(self, model: str) -> str | None:
        """Say why there is no speech on a platform without the library for it."""
        return speech.unavailable_reason() if model == "local/speech" else None

    def submit(self, work: Work) -> str:
        """Start the work and return the id of the request."""
        if work.model not in _MODELS:
            raise ProviderError("provider_failed", f"The local provider has no model {work.model}.", retryable=False)
        return f"{work.model.removeprefix('local/')}:{work.attempt}:{int(time.time() * 1000)}"

    def poll(self, work: Work, request_id: str) -> Progress:
        """Tell how far the request is."""
        return _MODELS[work.model].poll(work, _request(request_id))

    def fetch(self, work: Work, request_id: str) -> Result:
        """Make what the request asked for."""
        _request(request_id)
        return Result(files=_MODELS[work.model].make(work), cost_micros=0)

    def read(self, work: Work, delivered: Mapping[str, Any]) -> Result:
        """Refuse, since nothing here ever calls back."""
        raise ProviderError("provider_failed", "The local provider delivers nothing by itself.", retryable=False)

    def cancel(self, work: Work, request_id: str) -> None:
        """Nothing runs between calls, so there is nothing to stop."""


class _Request(NamedTuple):
    attempt: int
    started_at: float


class _Model(NamedTuple):
    poll: Callable[[Work, _Request], Progress]
    make: Callable[[Work], tuple[bytes, ...]]


def _request(request_id: str) -> _Request:
    try:
        _, attempt, started = request_id.rsplit(":", 2)
        return _Request(int(attempt), int(started) / 1000)
    except ValueError:
        raise ProviderError(
            "provider_failed", "The local provider does not know this request.", retryable=True
        ) from None


def _ready(work: Work, request: _Request) -> Progress:
    return Progress(done=True)


def _failing(work: Work, request: _Request) -> Progress:
    code = str(work.params.get("code", "provider_failed"))
    raise ProviderError(code, FAILURES.get(code, FAILURES["provider_failed"]), retryable=False)


def _flaking(work: Work, request: _Request) -> Progress:
    if request.attempt <= int(work.params.get("fail_times", 1)):
        raise ProviderError("provider_failed", f"Attempt {request.attempt} failed, on purpose.", retryable=True)
    return Progress(done=True)


def _passing_time(work: Work, request: _Request) -> Progress:
    passed = (time.time() - request.started_at) / float(work.params.get("seconds", SLOW_SECONDS))
    return Progress(done=passed >= 1, fraction=min(max(passed, 0.0), 1.0))


def _pictures(work: Work) -> tuple[bytes, ...]:
    """Draw each picture asked for; each of a request has its own seed."""
    params = work.params
    return tuple(
        paint(
            Painting(
                prompt=work.prompt,
                seed=_seed(work) + index,
                width=int(params.get("width", 768)),
                height=int(params.get("height", 768)),
                style=str(params.get("style", "auto")),
                format=str(params.get("format", "png")),
            )
        )
        for index in range(int(params.get("num_images", 1)))
    )


def _one_small_picture(work: Work) -> tuple[bytes, ...]:
    seed = _seed(work)
    return (paint(Painting(prompt=work.prompt, seed=seed, width=SMALL, height=SMALL, style="auto", format="png")),)


def _speech(work: Work) -> tuple[bytes, ...]:
    params = work.params
    voice, pitch = str(params.get("voice", "en-us")), int(params.get("pitch", 50))
    return (
        speech.speak(work.prompt, voice=voice, words_per_minute=int(params.get("words_per_minute", 160)), pitch=pitch),
    )


def _seed(work: Work) -> int:
    """Return the seed asked for, else one that every attempt at this generation shares."""
    given = work.params.get("seed")
    return int(given) if given is not None else int(hashlib.sha256(work.generation_id.encode()).hexdigest()[:8], 16)


_MODELS = {
    "local/picture": _Model(_ready, _pictures),
    "local/speech": _Model(_ready, _speech),
    "local/always-fails": _Model(_failing, _one_small_picture),
    "local/flaky": _Model(_flaking, _one_small_picture),
    "local/slow": _Model(_passing_time, _one_small_picture),
}
