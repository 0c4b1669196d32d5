"""Signed addresses for the outputs of generations."""

from __future__ import annotations

from typing import Any

import structlog

from backend.errors import AppError
from backend.web.auth import current_user
from backend.web.context import deps

log = structlog.get_logger(__name__)

URL_SECONDS = 3600


def with_urls(*generations: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the generations with an address for each output, all signed in one call as the user."""
    paths = [output["path"] for generation in generations for output in generation["outputs"]]
    urls = signed(paths)
    return [
        {**generation, "outputs": [{**output, "url": urls.get(output["path"])} for output in generation["outputs"]]}
        for generation in generations
    ]


def signed(paths: list[str]) -> dict[str, str]:
    """Return an address for each file that the user may read; none while storage is away."""
    if not paths:
        return {}
    try:
        return deps().storage.sign(paths, current_user().token, URL_SECONDS)
    except AppError as error:
        # What became of the credits is worth telling also while storage is away.
        log.warning("signing_failed", code=error.code)
        return {}
