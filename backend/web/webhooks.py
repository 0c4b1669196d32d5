"""What providers tell us by themselves; they prove who they are by a signature."""

from __future__ import annotations

from flask import request

from backend.core.provider_results import receive_from_fal
from backend.errors import InvalidSignature, ProviderNotConfigured, RateLimited
from backend.web.context import deps
from backend.web.limits import count
from backend.web.openapi import Answer, answers, blueprint

bp = blueprint("webhooks", __name__, prefix="/api/v1/webhooks", tag="webhooks")


class Received(Answer):
    """It was kept; `outcome` says what it was to the generation that it is about."""

    outcome: str


@bp.post("/fal", responses=answers(Received, InvalidSignature, RateLimited, ProviderNotConfigured))
def fal() -> dict[str, str]:
    """Take the result of a request from fal, as often as fal tells it; called by fal alone."""
    try:
        return {"outcome": receive_from_fal(deps(), dict(request.headers), request.get_data(), request.args.to_dict())}
    except InvalidSignature:
        count()  # by address. Only what is forged, so that fal can tell of a whole batch at once
        raise
