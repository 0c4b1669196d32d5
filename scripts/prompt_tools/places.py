"""Where prompts are: in a file, or behind the API of an environment."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from backend.core.prompt_documents import decode, parse
from backend.errors import InvalidParams
from scripts.api import Refused, ask, connect, token

Json = dict[str, Any]
PROMPTS = "/api/v1/admin/prompts"


@dataclass(frozen=True)
class Environment:
    """An environment and its prompts; every call is that of the admin whose token was given."""

    url: str
    client: httpx.Client

    def export(self) -> str:
        """Return its prompts as a document."""
        return ask(self.client, "GET", f"{PROMPTS}/export").text

    def load(self, document: bytes, key: str, **query: Any) -> Json:
        """Send a document; the same key does it once."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        return _json(ask(self.client, "POST", f"{PROMPTS}/import", content=document, params=query, headers=headers))

    def optimize(self, **body: Any) -> Json:
        """Ask what prompts repeat, or take it out."""
        return _json(ask(self.client, "POST", f"{PROMPTS}/optimize", json=body))

    def undo(self, change: str, **body: Any) -> Json:
        """Put prompts back to what they were before a change."""
        return _json(ask(self.client, "POST", f"{PROMPTS}/changes/{change}/undo", json=body))


def _json(answer: httpx.Response) -> Json:
    found: Json = answer.json()
    return found


Reach = Callable[..., Environment]


def reach(
    parser: argparse.ArgumentParser, url: str, transport: httpx.BaseTransport | None, *tokens: str
) -> Environment:
    """Return the environment at an address, with the token of the first of these variables, or SCRIP_TOKEN."""
    return Environment(url, connect(url, token(parser, *tokens), transport))


def is_address(place: str) -> bool:
    """Whether it is an environment's address, and not a file."""
    return place.startswith(("http://", "https://"))


def content(file: str) -> bytes:
    """Return what a file holds; `-` is what is pasted or piped in."""
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise Refused(f"{file}: {error.strerror}") from error


def prompts(data: bytes, name: str) -> list[Json]:
    """Return the prompts of a document, whatever its checksum says."""
    try:
        return parse(decode(data), accept_changed=True)
    except InvalidParams as error:
        raise Refused(f"{name} is no document of prompts", error.details["problems"]) from error


def new_key() -> str:
    """Return a key for one request, however often it must be sent."""
    return f"prompts:{uuid4().hex}"
