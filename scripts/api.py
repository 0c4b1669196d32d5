"""The API as scripts call it: as an admin, patient while it is away, and with refusals as sentences."""

from __future__ import annotations

import argparse
import os
import re
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
    for name in (*names, "SCRIP_TOKEN"):
        if given := os.environ.get(name, "").strip():
            # What no header can hold would be named, token and all, by whoever tried to send it.
            return (
                given if re.fullmatch(r"[\x21-\x7e]+", given) else parser.error(f"{name} is no token: look for spaces")
            )
    return parser.error("set SCRIP_TOKEN to the access token of an admin")


def connect(url: str, token: str, transport: httpx.BaseTransport | None = None) -> httpx.Client:
    """Return a client of the API at this address; Refused when it is none."""
    headers = {"Authorization": f"Bearer {token}"}
    if not re.match(r"https?://\w", url):
        raise Refused(f"{url} is no address: write it like https://api.example.com")
    try:
        return httpx.Client(base_url=url, headers=headers, timeout=30, transport=transport)
    except httpx.InvalidURL as error:
        raise Refused(f"{url} is no address: {error}") from error


def ask(client: httpx.Client, method: str, path: str, **options: Any) -> httpx.Response:
    """Return the JSON answer to a request; Refused when it was refused, or when the server stays away."""
    for _ in range(PATIENCE):
        try:
            answer = client.request(method, path, **options)
        except httpx.InvalidURL as error:
            raise Refused(f"{path} can't be asked for: {error}") from error
        except httpx.RequestError as error:
            refused, wait = Refused(f"the server can't be reached: {error}"), 2.0
        else:
            if answer.is_success:
                return _json(answer)
            refused, wait = _refusal(answer), _seconds(answer.headers.get("Retry-After", ""))
            if answer.status_code not in (429, 503):
                break
        time.sleep(min(wait, 60))
    raise refused


def _json(answer: httpx.Response) -> httpx.Response:
    try:
        answer.json()
    except ValueError as error:
        raise Refused(f"{answer.url} is no API of Scrip: it answered something else than JSON") from error
    return answer


def _seconds(retry_after: str) -> float:
    return float(retry_after) if re.fullmatch(r"\d{1,9}", retry_after) else 2.0  # a gateway may send a date


def _refusal(answer: httpx.Response) -> Refused:
    try:
        error = answer.json()["error"]
        return Refused(f"{answer.status_code} {error['code']}: {error['message']}", error["details"].get("problems"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return Refused(f"{answer.status_code} {answer.text[:200]}")
