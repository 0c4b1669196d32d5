"""Who can generate: one file per provider, one table of them all."""

from __future__ import annotations

from backend.clients.providers.base import Provider
from backend.clients.providers.local import LocalProvider
from backend.config import Settings

__all__ = ["Provider", "build_providers"]


def build_providers(settings: Settings) -> dict[str, Provider]:
    """Return the providers that this environment has, by the name that models carry."""
    return {"local": LocalProvider()}
