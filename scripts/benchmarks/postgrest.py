"""A PostgREST of one's own, beside which reads are measured: POSTGREST_URL, and POSTGREST_TOKEN, a user's access token.

A gateway before it may want a key: POSTGREST_APIKEY. Only reads go there: nobody's credits are spent by a measurement.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from scripts.benchmarks.ground import CannotMeasure
from scripts.benchmarks.load import MakeRequest, request

TRIAL = "get_credit_balance"
PATIENCE = 10.0


@dataclass(frozen=True)
class PostgREST:
    """Where it is, and what it wants to see."""

    url: str
    headers: dict[str, str]

    def call(self, operation: str) -> MakeRequest:
        """Requests of an operation that needs no arguments."""
        return lambda: request("POST", f"{self.url}/rpc/{operation}", self.headers, b"{}")


def given() -> PostgREST | None:
    """The one that the environment names, once it has answered; CannotMeasure says what is wrong with it."""
    url, token = os.environ.get("POSTGREST_URL", "").rstrip("/"), os.environ.get("POSTGREST_TOKEN", "")
    if not url:
        return None
    if not _is_plain_http(url):
        raise CannotMeasure(
            f"POSTGREST_URL must be like http://host:port, because TLS would be measured with it: {url}"
        )
    if not token:
        raise CannotMeasure("POSTGREST_URL needs POSTGREST_TOKEN, the access token of a user who has an account there")
    apikey = os.environ.get("POSTGREST_APIKEY", "")
    found = PostgREST(url, {"Authorization": f"Bearer {token}"} | ({"apikey": apikey} if apikey else {}))
    _try(found)
    return found


def _is_plain_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme == "http" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _try(found: PostgREST) -> None:
    try:
        answer = httpx.post(f"{found.url}/rpc/{TRIAL}", headers=found.headers, json={}, timeout=PATIENCE)
    except (httpx.HTTPError, httpx.InvalidURL) as trouble:
        raise CannotMeasure(f"POSTGREST_URL {found.url} does not answer: {trouble}") from None
    if answer.is_success:
        return
    why = {
        401: "rejects POSTGREST_TOKEN or POSTGREST_APIKEY",
        403: f"does not let POSTGREST_TOKEN's role call {TRIAL}",
        404: f"has no operation {TRIAL}: its database has no Scrip, or the path of the address is wrong",
    }.get(answer.status_code, "cannot be measured")
    raise CannotMeasure(f"POSTGREST_URL {found.url} {why}: {answer.status_code} {answer.text[:200]}")
