"""The stand-in for fal in a thread, and how tests speak to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from scripts.local.fal.server import make_server

KEYS = ("fal-local-key-number-one", "fal-local-key-number-two")


class Fal:
    """One stand-in."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.environ = {
            "FAL_KEY_1": KEYS[0],
            "FAL_KEY_2": KEYS[1],
            "FAL_QUEUE_URL": self.url,
            "FAL_JWKS_URL": f"{self.url}/.well-known/jwks.json",
        }

    def control(self, **wanted: Any) -> None:
        """Script what comes."""
        httpx.post(f"{self.url}/__control", json=wanted).raise_for_status()

    def told(self) -> dict[str, Any]:
        """Return every order that was taken."""
        found: dict[str, Any] = httpx.get(f"{self.url}/__requests").json()
        return found

    def orders(self, generation_id: str) -> list[dict[str, Any]]:
        """Return the orders of one generation."""
        return [row for row in self.told()["requests"] if row["generation"] == generation_id]


@contextmanager
def running_fal() -> Iterator[Fal]:
    """Serve it on a free port."""
    server = make_server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield Fal(server.server_port)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
