"""Says once that Redis is away, and once that it is back."""

from __future__ import annotations

import structlog

log = structlog.get_logger(__name__)


class Outage:
    """Whether Redis is away, as far as this process knows."""

    def __init__(self) -> None:
        self.ongoing = False

    def began(self, error: Exception) -> None:
        """Redis did not answer."""
        if not self.ongoing:
            log.warning("redis_away", error=str(error))
        self.ongoing = True

    def ended(self) -> None:
        """Redis answered."""
        if self.ongoing:
            log.info("redis_back")
        self.ongoing = False
