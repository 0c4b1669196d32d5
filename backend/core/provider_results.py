"""Results that providers tell by webhook: kept by the database, which says whom to wake; a worker does the rest.

If we die after the database has kept it, nothing is lost: whoever waits asks the provider anyway, a bit later, and the
dispatcher finds a retry that has become due.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import structlog

from backend.clients.providers.base import ProviderUnavailable
from backend.clients.providers.fal import Delivery, FalProvider, Forged
from backend.core.generations import tell_workers
from backend.deps import Deps
from backend.errors import InvalidSignature, ProviderNotConfigured, Unavailable
from backend.rpc import provider_results as rpc

Json = dict[str, Any]
log = structlog.get_logger(__name__)

TIDY_STEPS = 20  # of an hour's run
TIDY_AT_ONCE = 500


def receive_from_fal(deps: Deps, headers: Mapping[str, str], body: bytes, query: Mapping[str, str]) -> str:
    """Keep what fal delivers; raises InvalidSignature when it is not from fal, Unavailable when that can't be known."""
    fal = deps.providers.get("fal")
    if not isinstance(fal, FalProvider):
        raise ProviderNotConfigured
    try:
        delivery = fal.webhooks.read(headers, body, query)
    except Forged as error:
        log.warning("webhook_forged", provider="fal", reason=str(error))
        raise InvalidSignature from error
    except ProviderUnavailable as error:
        log.warning("webhook_not_verified", provider="fal", reason=error.message)
        raise Unavailable from error
    return _keep(deps, "fal", delivery)


def _keep(deps: Deps, provider: str, delivery: Delivery) -> str:
    """Let the database keep a delivery and tell whoever it concerns; returns what it was to the generation."""
    kept = rpc.receive_provider_result(
        deps.rpc.as_service(),
        provider=provider,
        request_id=delivery.request_id,
        generation_id=delivery.generation_id,
        attempt=delivery.attempt,
        status=delivery.status,
        payload=_storable(delivery.payload),
    )
    outcome = str(kept["outcome"])
    log.info("provider_result", generation_id=delivery.generation_id, status=delivery.status, outcome=outcome)
    if kept["wake"]:
        deps.signals.send(delivery.generation_id)
    if kept["dispatch"]:
        entry = kept["dispatch"]
        tell_workers(deps, entry["id"], entry["attempt"], queue=entry["queue"])
    return outcome


def _storable(payload: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a payload that PostgreSQL can keep, else None: the provider is asked for the result in any case."""
    try:
        text = json.dumps(payload, ensure_ascii=False, allow_nan=False)
        text.encode()
    except ValueError:
        return None
    return None if "\\u0000" in text else payload


def tidy(deps: Deps) -> Json:
    """Forget what providers told long ago, in small steps."""
    deleted = 0
    for _ in range(TIDY_STEPS):
        step = rpc.tidy_provider_results(deps.rpc.as_service(), limit=TIDY_AT_ONCE)
        deleted += step
        if step < TIDY_AT_ONCE:
            break
    return {"deleted": deleted}
