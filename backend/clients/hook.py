"""A web address that is told of alerts: one POST of JSON each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
from pydantic import SecretStr

from backend.errors import Unavailable

SECONDS = 5.0


class Hook:
    """Posts to one address, which is itself a secret."""

    def __init__(self, url: SecretStr) -> None:
        self._url = url

    def post(self, body: Mapping[str, Any]) -> None:
        """Send it, or raise Unavailable when it was not taken with a 2xx."""
        try:
            answer = httpx.post(self._url.get_secret_value(), json=body, timeout=SECONDS, follow_redirects=False)
        except httpx.HTTPError as error:
            raise Unavailable(f"The webhook for alerts did not answer: {type(error).__name__}.") from error
        if not answer.is_success:
            raise Unavailable(f"The webhook for alerts answered {answer.status_code}.")
