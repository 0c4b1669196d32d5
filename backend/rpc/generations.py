"""Generations: what a user starts and watches, and how a worker claims and settles them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from backend.rpc.client import Caller

Json = dict[str, Any]


def quote_generation(caller: Caller, *, model_id: str, params: Mapping[str, Any], prompt: str | None = None) -> Json:
    """Return the price of a generation and how it comes about; nothing is written."""
    quote: Json = caller.call("quote_generation", p_model_id=model_id, p_params=params, p_prompt=prompt)
    return quote


def create_generation(
    caller: Caller,
    *,
    model_id: str,
    prompt: str,
    params: Mapping[str, Any],
    idempotency_key: str,
    presets: Sequence[str] | None = None,
) -> Json:
    """Price, reserve and queue a generation in one transaction."""
    generation: Json = caller.call(
        "create_generation",
        p_model_id=model_id,
        p_prompt=prompt,
        p_params=params,
        p_idempotency_key=idempotency_key,
        p_presets=presets,
    )
    return generation


def cancel_generation(caller: Caller, *, generation_id: UUID | str) -> Json:
    """Cancel a queued generation, or ask the worker of a running one to stop."""
    generation: Json = caller.call("cancel_generation", p_generation_id=generation_id)
    return generation


def get_generation(caller: Caller, *, generation_id: UUID | str) -> Json:
    """Return one generation of the user."""
    generation: Json = caller.call("get_generation", p_generation_id=generation_id)
    return generation


def list_generations(
    caller: Caller, *, before: UUID | str | None = None, limit: int = 20, status: str | None = None
) -> Json:
    """Return one page of the user's generations, newest first."""
    page: Json = caller.call("list_generations", p_before=before, p_limit=limit, p_status=status)
    return page


def claim_generation(caller: Caller, *, generation_id: UUID | str, worker: str, lease_seconds: int = 60) -> Json | None:
    """Own a generation under a new attempt, or return None when there is nothing to do."""
    claimed: Json | None = caller.call(
        "claim_generation", p_generation_id=generation_id, p_worker=worker, p_lease_seconds=lease_seconds
    )
    return claimed


def heartbeat_generation(
    caller: Caller,
    *,
    generation_id: UUID | str,
    attempt: int,
    lease_seconds: int = 60,
    progress: float | None = None,
    provider_request_id: str | None = None,
) -> Json:
    """Extend lease and hold; the answer tells whether to stop."""
    answer: Json = caller.call(
        "heartbeat_generation",
        p_generation_id=generation_id,
        p_attempt=attempt,
        p_lease_seconds=lease_seconds,
        p_progress=progress,
        p_provider_request_id=provider_request_id,
    )
    return answer


def complete_generation(
    caller: Caller,
    *,
    generation_id: UUID | str,
    attempt: int,
    outputs: Sequence[Mapping[str, Any]],
    credits: int | None = None,
    cost_micros: int | None = None,
) -> Json:
    """Succeed and confirm the credits in one transaction."""
    outcome: Json = caller.call(
        "complete_generation",
        p_generation_id=generation_id,
        p_attempt=attempt,
        p_outputs=outputs,
        p_credits=credits,
        p_cost_micros=cost_micros,
    )
    return outcome


def fail_generation(
    caller: Caller,
    *,
    generation_id: UUID | str,
    attempt: int,
    error_code: str,
    error_message: str,
    retryable: bool,
    cost_micros: int | None = None,
) -> Json:
    """Queue again with backoff, or fail and release the credits in one transaction."""
    outcome: Json = caller.call(
        "fail_generation",
        p_generation_id=generation_id,
        p_attempt=attempt,
        p_error_code=error_code,
        p_error_message=error_message,
        p_retryable=retryable,
        p_cost_micros=cost_micros,
    )
    return outcome


def sweep_generations(caller: Caller, *, limit: int = 100) -> Json:
    """Queue again, or fail and release, what lost its lease; return what was done."""
    done: Json = caller.call("sweep_generations", p_limit=limit)
    return done


def list_dispatchable(caller: Caller, *, limit: int = 100) -> list[Json]:
    """Return queued generations that the queue may have lost."""
    found: list[Json] = caller.call("list_dispatchable", p_limit=limit)
    return found
