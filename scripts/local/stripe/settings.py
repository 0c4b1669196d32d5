"""What a local Stripe is told when it starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass
class Settings:
    """Keys, addresses, and how this account behaves."""

    secret_key: str = "sk_test_local"  # noqa: S105 - not a secret: it opens nothing but this fake
    webhook_secret: str = "whsec_local"  # noqa: S105 - the same
    webhook_url: str | None = None
    url: str = "http://127.0.0.1:12111"
    file: Path | None = None
    seed: int | None = None
    retry_seconds: float = 1.0  # before a webhook's second delivery; doubled for each one after
    deliveries: int = 12
    tax_percent: int = 0  # what automatic tax adds
    after_dunning: str = "canceled"  # or "unpaid": what a subscription becomes when its renewals stay unpaid
