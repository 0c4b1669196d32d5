"""The base of every refusal of Scrip."""

from __future__ import annotations

from typing import Any


class AppError(Exception):
    """The request was refused."""

    code: str
    status: int

    def __init__(self, message: str | None = None, /, **details: Any) -> None:
        self.message = message or (type(self).__doc__ or "").strip()
        self.details: dict[str, Any] = details
        super().__init__(self.message)
