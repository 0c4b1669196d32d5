"""What Prometheus reads."""

from __future__ import annotations

from flask import Response

from backend.core import observed
from backend.errors import Forbidden, RateLimited, Unauthenticated
from backend.metrics import CONTENT_TYPE, exposition
from backend.web.context import deps
from backend.web.openapi import Answer, answers, blueprint

bp = blueprint("metrics", __name__, tag="health", scheme="metrics")


class Exposition(Answer):
    """Counters and gauges in Prometheus' text format."""


RESPONSES = answers(Exposition, Unauthenticated, Forbidden, RateLimited)
RESPONSES[200]["content"] = {"text/plain": {"schema": {"type": "string"}}}


@bp.get("/metrics", responses=RESPONSES)
def show() -> Response:
    """Tell what this installation does, as far as its parts answer."""
    return Response(exposition(observed.families(deps())), content_type=CONTENT_TYPE)
