"""Somebody who uses the API over HTTP."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from tests.worker.world import User

GENERATIONS = "/api/v1/generations"
Json = dict[str, Any]


class Person:
    """A signed-in user; every request carries the token."""

    def __init__(self, app: Flask, user: User) -> None:
        self.user, self.id = user, uuid.UUID(user.id)
        self._app = app

    def ask(self, method: str, path: str, **options: Any) -> TestResponse:
        """Send any request. Each has a client of its own, so that threads don't share one."""
        headers = {"Authorization": f"Bearer {self.user.token}", **options.pop("headers", {})}
        return self._app.test_client().open(path, method=method, headers=headers, **options)

    def get(self, path: str) -> TestResponse:
        """Read."""
        return self.ask("GET", path)

    def create(
        self, model: str = "local/picture", *, prompt: str = "a red fox", key: str | None = None, **params: Any
    ) -> TestResponse:
        """Start a generation."""
        headers = {"Idempotency-Key": key} if key else {}
        return self.ask("POST", GENERATIONS, json={"model": model, "prompt": prompt, "params": params}, headers=headers)

    def started(self, model: str = "local/picture", **options: Any) -> Json:
        """Start a generation that must be accepted, and return it."""
        answer = self.create(model, **options)
        assert answer.status_code == 202, answer.text
        generation: Json = answer.json
        return generation

    def available(self) -> int:
        """Return what could be spent now."""
        available: int = self.get("/api/v1/credits/balance").json["available"]
        return available
