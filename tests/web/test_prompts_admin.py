"""System prompts over HTTP."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.web.person import Person
from tests.web.test_adjustments import staff
from tests.web.test_errors import check_shape
from tests.worker.world import World

PROMPTS = "/api/v1/admin/prompts"


@pytest.fixture
def ada(app: Flask, world: World) -> Person:
    """An admin."""
    return staff(app, world, "admin")


@pytest.fixture
def sam(app: Flask, world: World) -> Person:
    """Support staff."""
    return staff(app, world, "support")


@pytest.fixture
def key() -> str:
    """A key that no other test uses."""
    return f"fog-{uuid.uuid4().hex[:12]}"


def post(admin: Person, **body: Any) -> TestResponse:
    """Make a prompt."""
    asked = {"category": "style_preset", "content": "thick fog", "reason": "test", **body}
    return admin.ask("POST", PROMPTS, json=asked)


def patch(admin: Person, key: str, **body: Any) -> TestResponse:
    """Change a prompt."""
    return admin.ask("PATCH", f"{PROMPTS}/{key}", json={"expected_version": 1, "reason": "test", **body})


def test_a_prompt_is_made_changed_and_put_back(ada: Person, sam: Person, key: str) -> None:
    """By admins; support sees it. Who saw an older version is told so."""
    made = post(ada, key=key, title="Fog")
    assert (made.status_code, made.json["created"], made.json["dry_run"]) == (200, 1, False)
    check_shape(post(ada, key=key), 409, "invalid_state")
    assert patch(ada, key, content="thin fog", dry_run=True).json["prompts"][0]["version"] == 2
    edited = patch(ada, key, content="thin fog").json
    assert [edited["prompts"][0][when]["content"] for when in ("before", "after")] == ["thick fog", "thin fog"]
    check_shape(patch(ada, key, content="no fog"), 409, "invalid_state")
    check_shape(patch(ada, "nothing-like-it", content="x"), 404, "prompt_not_found")
    [row] = [row for row in sam.get(f"{PROMPTS}?category=style_preset").json["prompts"] if row["key"] == key]
    assert (row["title"], row["version"], row["kinds"]) == ("Fog", 2, ["image", "video"])
    check_shape(patch(sam, key, expected_version=2, active=False), 403, "forbidden")
    undo = f"{PROMPTS}/changes/{edited['change_id']}/undo"
    assert ada.ask("POST", undo, json={"reason": "oops"}).json["prompts"][0]["after"]["content"] == "thick fog"
    nothing = f"{PROMPTS}/changes/{uuid.uuid4()}/undo"
    check_shape(ada.ask("POST", nothing, json={"reason": "oops"}), 404, "prompt_not_found")


def test_a_malformed_prompt_names_its_field(ada: Person, alice: Person, key: str) -> None:
    """Before it reaches the database, where it can be said there."""
    for field, wrong in {"key": "No", "content": " ", "kinds": ["audio"], "position": 1.5, "colour": "x"}.items():
        answer = post(ada, **{"key": key, field: wrong})
        check_shape(answer, 422, "invalid_params")
        assert field in answer.json["error"]["details"]["field"], field
    check_shape(patch(ada, key, title=None), 422, "invalid_params")
    check_shape(post(alice, key=key), 403, "forbidden")
    check_shape(alice.get(PROMPTS), 403, "forbidden")
