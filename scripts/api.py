"""The API as scripts call it: as an admin, patient while it is away, and with refusals as sentences."""

from __future__ import annotations

import argparse
import os
import time
from typing import Any

import httpx

PATIENCE = 5  # how often a request is sent again while the server is away or asks to wait


class Refused(Exception):
    """The API refused; the message says why, and problems each single thing."""

    def __init__(self, message: str, problems: list[dict[str, Any]] | None = None) -> None:
        super().__init__(message)
        self.problems = problems or []


def token(parser: argparse.ArgumentParser, *names: str) -> str:
    """Return the access token of an admin from the first of these variables that is set."""
    given = next((found for name in (*names, "SCRIP_TOKEN") if (found := os.environ.get(name, "").strip())), None)
    return given or parser.error("set SCRIP_TOKEN to the access token of an admin")


def connect(url: str, token: str, transport: httpx.BaseTransport | None = None) -> httpx.Client:
    """Return a client of the API at this address."""
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=url, headers=headers, timeout=30, transport=transport)


def ask(client: httpx.Client, method: str, path: str, **options: Any) -> httpx.Response:
    """Return the answer to a request; Refused when it was refused, or when the server stays away."""
    for _ in range(PATIENCE):
        try:
            answer = client.request(method, path, **options)
        except httpx.TransportError as error:
            refused, wait = Refused(f"the server can't be reached: {error}"), 2.0
        else:
            if answer.is_success:
                return answer
            refused, wait = _refusal(answer), float(answer.headers.get("Retry-After", 2))
            if answer.status_code not in (429, 503):
                break
        time.sleep(min(wait, 60))
    raise refused


def _refusal(answer: httpx.Response) -> Refused:
    try:
        error = answer.json()["error"]
        return Refused(f"{answer.status_code} {error['code']}: {error['message']}", error["details"].get("problems"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return Refused(f"{answer.status_code} {answer.text[:200]}")
