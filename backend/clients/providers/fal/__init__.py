"""fal.ai: generations by the queue API, results by polling and by webhook, a pool of keys."""

from __future__ import annotations

from backend.clients.providers.fal.provider import FalProvider
from backend.clients.providers.fal.webhooks import Delivery, Forged

__all__ = ["Delivery", "FalProvider", "Forged"]
