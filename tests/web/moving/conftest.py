"""Two environments without prompts, their admins, and what they ask."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from backend.app import create_app
from backend.core.prompt_documents import document, written
from scripts.local.postgres import Postgres
from scripts.local.valkey import Valkey
from tests.prompts.repeating import repeating
from tests.web.conftest import surround
from tests.web.person import Person
from tests.web.test_adjustments import staff
from tests.worker.world import World

PROMPTS = "/api/v1/admin/prompts"
Json = dict[str, Any]


@pytest.fixture(scope="session")
def places(
    postgres: Postgres, template: str, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[World, World]]:
    """Two environments of their own: what is written here reaches no other test."""
    here, there = (tmp_path_factory.mktemp(name) for name in ("here", "there"))
    with (
        surround("prompts_here", postgres, template, valkey, here) as first,
        surround("prompts_there", postgres, template, valkey, there) as second,
    ):
        yield first, second


@pytest.fixture
def here(places: tuple[World, World]) -> World:
    """An environment without prompts."""
    places[0].connection.execute("delete from private.system_prompts")
    return places[0]


@pytest.fixture
def app(here: World) -> Flask:
    """Its application."""
    return create_app(deps=here.deps)


@pytest.fixture
def ada(app: Flask, here: World) -> Person:
    """Its admin."""
    return staff(app, here, "admin")


@pytest.fixture
def bea(places: tuple[World, World]) -> Person:
    """The admin of another environment without prompts."""
    there = places[1]
    there.connection.execute("delete from private.system_prompts")
    return staff(create_app(deps=there.deps), there, "admin")


def send(admin: Person, text: str | bytes, *, key: str | None = None, **query: Any) -> TestResponse:
    """Import a document."""
    asked = urlencode({"reason": "test", **query})
    headers = {"Idempotency-Key": key or uuid.uuid4().hex, "Content-Type": "application/json"}
    return admin.ask("POST", f"{PROMPTS}/import?{asked}", data=text, headers=headers)


def optimize(admin: Person, *, key: str | None = None, **body: Any) -> TestResponse:
    """Look for what is repeated, or take it out."""
    headers = {"Idempotency-Key": key or uuid.uuid4().hex}
    return admin.ask("POST", f"{PROMPTS}/optimize", json=body, headers=headers)


def undo(admin: Person, change: Json) -> TestResponse:
    """Take a change back."""
    return admin.ask("POST", f"{PROMPTS}/changes/{change['change_id']}/undo", json={"reason": "oops"})


def exported(admin: Person) -> Json:
    """The document of an environment."""
    answer = admin.get(f"{PROMPTS}/export")
    assert answer.status_code == 200
    made: Json = json.loads(answer.text)
    return made


def shelf() -> str:
    """A document of the 43 prompts that repeat themselves."""
    return written(document(repeating(), source="test"))
