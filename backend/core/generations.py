"""The life of a paid generation: start, run, settle, and what finds it again when a process or a machine dies.

The row in the database is the truth. Its credits are held from `start` until exactly one attempt settles it. A worker
that dies anywhere below leaves a lease that runs out; the sweep then queues the row again or gives the credits back.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from backend.clients.providers.base import ProviderError, Result
from backend.core.catalog import Model, find_model
from backend.core.lease import Interrupted, Lease, Reason
from backend.core.outputs import checked
from backend.core.production import production_for
from backend.deps import Deps
from backend.errors import AppError, InvalidParams, StaleAttempt, Unavailable
from backend.queue import DEFAULT, RedisError
from backend.rpc import generations as rpc
from backend.rpc.client import Caller

Json = dict[str, Any]
log = structlog.get_logger(__name__)

UPLOAD_PATIENCE = 20.0
BATCH = 500  # lost leases or queued rows that one look takes on
LOST: Json = {"status": "lost", "next": []}  # another attempt owns the generation, or nobody does
UNKNOWN: Json = {"status": "unknown", "next": []}  # no answer: it may have been written, or the sweep decides
KEEPS_FILES = ("succeeded", "unknown")
NOTICES = {
    Reason.CANCELED: "It was canceled.",
    Reason.WORKER_STOPPED: "The worker that ran it was stopped.",
}


@dataclass(frozen=True)
class Succeeded:
    """Everything is stored; the hold is to be confirmed."""

    outputs: list[Json]
    cost_micros: int | None


@dataclass(frozen=True)
class Failed:
    """It is to be queued again, or its credits are to be given back."""

    code: str
    message: str
    retryable: bool
    cost_micros: int | None = None


Outcome = Succeeded | Failed


def start(
    deps: Deps,
    caller: Caller,
    *,
    model_id: str,
    prompt: str,
    params: Mapping[str, Any],
    key: str,
    request_id: str | None,
    presets: Sequence[str] = (),
) -> Json:
    """Check, then price, reserve and queue in one transaction, then tell the workers; returns the generation."""
    find_model(deps, model_id).check(prompt, params)
    asked: Json = {"model_id": model_id, "prompt": prompt, "params": params, "presets": presets}
    generation = rpc.create_generation(caller, **asked, idempotency_key=key)
    if generation["status"] == "queued" and not generation["waiting"]:
        tell_workers(deps, generation["id"], generation["attempt"], request_id=request_id)
    return generation


def tell_workers(
    deps: Deps, generation_id: str, attempt: int, *, queue: str = DEFAULT, request_id: str | None = None
) -> None:
    """Put a queued generation before the workers: a hint, and without Redis none at all."""
    # When Redis is away, or we die before this line, the dispatcher finds the row.
    try:
        deps.queue.enqueue_generation(generation_id, attempt, request_id, queue)
    except RedisError as error:
        log.warning("enqueue_failed", generation_id=generation_id, error=str(error))


def run(
    deps: Deps,
    generation_id: str,
    *,
    request_id: str | None = None,
    worker: str,
    stopping: Callable[[], bool] = lambda: False,
) -> None:
    """Claim a generation, produce its outputs and settle it; does nothing when there is nothing to do."""
    with structlog.contextvars.bound_contextvars(generation_id=generation_id, request_id=request_id, user_id=None):
        settings, service = deps.settings, deps.rpc.as_service()
        claim, asked_at = _claim(deps, generation_id, worker, stopping)
        if claim is None:
            log.info("generation_not_claimed")
            return
        structlog.contextvars.bind_contextvars(user_id=claim["user_id"])
        log.info("generation_claimed", attempt=claim["attempt"], model=claim["model"])
        with Lease(
            service,
            claim["id"],
            claim["attempt"],
            claimed_at=asked_at,
            lease_seconds=settings.worker_lease_seconds,
            heartbeat_seconds=min(settings.worker_heartbeat_seconds, settings.worker_lease_seconds / 3),
            stopping=stopping,
            wake=partial(deps.signals.send, claim["id"]),
        ) as lease:
            uploaded: list[str] = []
            outcome = _attempt(deps, claim, lease, uploaded)
            settled = LOST if outcome is None else _settle(service, claim, outcome, settings.worker_lease_seconds)
            for row in settled["next"]:
                tell_workers(deps, row["id"], row["attempt"], queue=row["queue"])
        if settled["status"] not in KEEPS_FILES:
            deps.storage.discard(uploaded)


def _claim(deps: Deps, generation_id: str, worker: str, stopping: Callable[[], bool]) -> tuple[Json | None, float]:
    """Return the claim (None: nothing to do) and when it was asked for; outlasts an outage as long as a lease."""
    # Else workers would empty the queue during one, and its hints come again only after a minute. Giving up loses
    # nothing: the dispatcher tells again, and the sweep finds the lease of a claim whose answer was lost.
    lease: Json = {"worker": worker, "lease_seconds": deps.settings.worker_lease_seconds}
    give_up, pause = time.monotonic() + lease["lease_seconds"], 0.2
    while True:
        asked_at = time.monotonic()
        try:
            return rpc.claim_generation(deps.rpc.as_service(), generation_id=generation_id, **lease), asked_at
        except Unavailable:
            if stopping() or asked_at + pause > give_up:
                log.warning("claim_failed")
                return None, asked_at
        time.sleep(pause * random.uniform(0.7, 1.3))  # noqa: S311 - only spreads the tries of many workers
        pause = min(pause * 2, 2.0)


def _attempt(deps: Deps, claim: Json, lease: Lease, uploaded: list[str]) -> Outcome | None:
    """Return how this attempt ended; None when another one owns the generation and nothing more may be touched."""
    try:
        result = _produce(deps, claim, lease)
        return Succeeded(_store(deps, claim, result, lease, uploaded), result.cost_micros)
    except Interrupted as stop:
        log.warning("generation_interrupted", reason=stop.reason.value)
        if stop.reason in (Reason.LOST, Reason.EXPIRED):
            return None
        return Failed(stop.reason.value, NOTICES[stop.reason], retryable=stop.reason is Reason.WORKER_STOPPED)
    except ProviderError as error:
        log.warning("provider_failed", code=error.code, reason=error.message, cost_micros=error.cost_micros)
        _count_error(deps, claim["provider"], error.code)
        return Failed(error.code, error.message, error.retryable, error.cost_micros)
    except InvalidParams as error:
        return Failed(error.code, error.message, retryable=False)
    except Unavailable:
        return Failed("storage_unavailable", "The outputs could not be stored.", retryable=True)
    except Exception:
        # A bug of ours must not keep the credits. A new attempt resumes the provider's request, so it costs nothing.
        log.exception("generation_broke")
        return Failed("internal", "Something went wrong on our side.", retryable=True)


def _count_error(deps: Deps, provider: str, code: str) -> None:
    try:
        deps.control.count_error(provider, code)
    except RedisError as error:
        log.warning("error_not_counted", error=str(error))


def _produce(deps: Deps, claim: Json, lease: Lease) -> Result:
    """Check what was asked for, then let the provider do it."""
    # Checked here again, because a row can be made without passing `start`: the operation is open to every user.
    model = Model(claim["model"], claim["params_schema"], claim["max_prompt_chars"])
    model.check(claim["prompt"], claim["params"])
    asked = {**claim, "params": model.with_defaults(claim["params"])}
    return production_for(deps, asked, lease).produce(claim["provider_request_id"])


def _store(deps: Deps, claim: Json, result: Result, lease: Lease, uploaded: list[str]) -> list[Json]:
    """Keep the outputs. If we die here, they are files nobody points at; the next attempt stores its own."""
    owner, attempt = claim["user_id"], claim["attempt"]
    outputs = checked(result, kind=claim["kind"], user_id=owner, generation_id=claim["id"], attempt=attempt)
    for output in outputs:
        uploaded.append(output.path)
        upload = partial(deps.storage.upload, output.path, output.data, output.content_type)
        lease.persist(upload, patience=UPLOAD_PATIENCE)
    return [output.row for output in outputs]


def _settle(service: Caller, claim: Json, outcome: Outcome, patience: float) -> Json:
    """Write the outcome, again and again through an outage; returns the status and who got the slot."""
    # When that fails the lease runs out and the sweep takes over.
    give_up, pause = time.monotonic() + patience, 0.2
    while True:
        try:
            settled = _write(service, claim, outcome)
            log.info("generation_settled", status=settled["status"], attempt=settled["attempt"])
            return settled
        except StaleAttempt:
            log.warning("settle_came_late", attempt=claim["attempt"])
            return LOST
        except AppError as error:
            if error.status < 500 and isinstance(outcome, Succeeded):
                log.error("outcome_refused", code=error.code, reason=error.message)
                outcome = Failed("internal", "Something went wrong on our side.", retryable=False)
            elif error.status < 500 or time.monotonic() + pause > give_up:
                log.error("settle_given_up", code=error.code)
                return UNKNOWN if error.status >= 500 else LOST
        time.sleep(pause * random.uniform(0.7, 1.3))  # noqa: S311 - only spreads the tries of many workers
        pause = min(pause * 2, 5.0)


def _write(service: Caller, claim: Json, outcome: Outcome) -> Json:
    fence: Json = {"generation_id": claim["id"], "attempt": claim["attempt"]}
    if isinstance(outcome, Succeeded):
        return rpc.complete_generation(service, **fence, outputs=outcome.outputs, cost_micros=outcome.cost_micros)
    message = outcome.message.replace("\0", "").encode(errors="replace").decode()[:1000]  # may quote a provider
    return rpc.fail_generation(
        service,
        **fence,
        error_code=outcome.code,
        error_message=message,
        retryable=outcome.retryable,
        cost_micros=outcome.cost_micros,
    )


def sweep(deps: Deps) -> Json:
    """Queue again, or fail and release, whatever lost its lease."""
    return rpc.sweep_generations(deps.rpc.as_service(), limit=BATCH)


def dispatch(deps: Deps) -> int:
    """Tell the workers of queued generations that the queue may have lost; returns how many."""
    deps.queue.ping()  # the next call marks what it returns as told, so be sure that telling is possible
    found = rpc.list_dispatchable(deps.rpc.as_service(), limit=BATCH)
    for row in found:
        deps.queue.enqueue_generation(row["id"], row["attempt"], None, row["queue"])
    return len(found)
