"""What providers tell by webhook about the requests that we made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from backend.rpc.client import Caller

Json = dict[str, Any]


def receive_provider_result(
    caller: Caller,
    *,
    provider: str,
    request_id: str,
    generation_id: UUID | str,
    attempt: int,
    status: str,
    payload: Mapping[str, Any] | None,
) -> Json:
    """Keep what a provider told of a request, once, and return what is to be done about it."""
    answer: Json = caller.call(
        "receive_provider_result",
        p_provider=provider,
        p_request_id=request_id,
        p_generation_id=generation_id,
        p_attempt=attempt,
        p_status=status,
        p_payload=payload,
    )
    return answer


def get_provider_result(caller: Caller, *, provider: str, request_id: str) -> Json | None:
    """Return {status, payload} as the provider told it, or None."""
    found: Json | None = caller.call("get_provider_result", p_provider=provider, p_request_id=request_id)
    return found


def tidy_provider_results(caller: Caller, *, limit: int = 500) -> int:
    """Forget what was told long ago of generations that have ended, and return how many rows that were."""
    return int(caller.call("tidy_provider_results", p_limit=limit)["deleted"])
