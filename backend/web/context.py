"""What a view may ask for: the process's dependencies and the id of this request."""

from __future__ import annotations

from typing import cast

from flask import current_app, g

from backend.deps import Deps


def deps() -> Deps:
    """Return what this process needs towards the outside world."""
    return cast(Deps, current_app.extensions["deps"])


def request_id() -> str:
    """Return the id that this request carries through logs, answers and jobs."""
    return cast(str, g.request_id)
