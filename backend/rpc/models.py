"""Models: what can be generated, and at which price."""

from __future__ import annotations

from typing import Any

from backend.rpc.client import Caller


def list_models(caller: Caller) -> list[dict[str, Any]]:
    """Return every active model with its price rule and the schema of its params."""
    models: list[dict[str, Any]] = caller.call("list_models")
    return models
