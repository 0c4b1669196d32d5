"""Who can generate: one file or folder per provider, one table of them all."""

from __future__ import annotations

from backend.clients.providers.base import Provider
from backend.clients.providers.fal import FalProvider
from backend.clients.providers.fal.keys import RunScript
from backend.clients.providers.local import LocalProvider
from backend.config import Settings

__all__ = ["NEEDS", "FalProvider", "Provider", "build_providers"]

# The variable without which a provider is not set up.
NEEDS = {"fal": "FAL_KEY"}


def build_providers(settings: Settings, run_script: RunScript) -> dict[str, Provider]:
    """Return the providers that this environment has, by the name that models carry."""
    providers: dict[str, Provider] = {"local": LocalProvider()}
    if settings.fal_keys:
        providers["fal"] = FalProvider(settings, run_script)
    return providers
