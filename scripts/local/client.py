"""A user of Scrip, as an app in a browser would be: Auth at Supabase, everything else at the API."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Self

import httpx

from scripts.local.supabase.keys import Keys

FINISHED = ("succeeded", "failed", "canceled")
PATIENCE = 90.0


class CallFailed(RuntimeError):
    """A server answered with an error, or not at all."""


class Client:
    """One signed-in user."""

    def __init__(self, web_url: str, supabase_url: str, keys: Keys) -> None:
        self._supabase_url = supabase_url
        self._apikey = keys.publishable_key
        self._web = httpx.Client(base_url=f"{web_url}/api/v1", timeout=20)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._web.close()

    def sign_up(self, email: str, password: str) -> None:
        """Make an account and use it from now on."""
        response = self._web.post(
            f"{self._supabase_url}/auth/v1/signup",
            json={"email": email, "password": password},
            headers={"apikey": self._apikey},
        )
        self._web.headers["Authorization"] = f"Bearer {answer(response)['access_token']}"

    def balance(self) -> dict[str, Any]:
        """GET /credits/balance"""
        return self._get("/credits/balance")

    def ledger(self) -> list[dict[str, Any]]:
        """GET /credits/transactions, newest first."""
        return list(self._get("/credits/transactions")["data"])

    def quote(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """POST /generations/quote"""
        return answer(self._web.post("/generations/quote", json={k: wanted[k] for k in ("model", "params", "prompt")}))

    def generate(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """POST /generations"""
        response = self._web.post("/generations", json=wanted)
        made = answer(response)
        if response.status_code != 202:
            raise CallFailed(f"POST /generations answered {response.status_code}, which must be 202")
        return made

    def follow(self, generation_id: str) -> dict[str, Any]:
        """Ask for a generation until it has finished."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            generation = self._get(f"/generations/{generation_id}")
            if generation["status"] in FINISHED:
                return generation
            time.sleep(0.2)
        raise CallFailed(f"generation {generation_id} is still {generation['status']} after {PATIENCE:.0f} s")

    def packages(self) -> list[dict[str, Any]]:
        """GET /billing/packages"""
        return list(self._get("/billing/packages")["data"])

    def checkout(self, package_id: str) -> dict[str, Any]:
        """POST /billing/checkout"""
        return answer(self._web.post("/billing/checkout", json={"package_id": package_id}))

    def payments(self) -> list[dict[str, Any]]:
        """GET /billing/payments, newest first."""
        return list(self._get("/billing/payments")["data"])

    def download(self, url: str) -> bytes:
        """Fetch a signed URL, which needs no token."""
        response = httpx.get(url, timeout=20)
        if response.status_code != 200:
            raise CallFailed(f"GET {url.partition('?')[0]} answered {response.status_code}: {response.text[:300]}")
        return response.content

    def _get(self, path: str) -> dict[str, Any]:
        return answer(self._web.get(path))


def answer(response: httpx.Response) -> dict[str, Any]:
    """The JSON of an answer; an error is raised with what the server said."""
    if response.status_code >= 400:
        request = response.request
        raise CallFailed(f"{request.method} {request.url.path} answered {response.status_code}: {response.text[:500]}")
    return dict(response.json())
