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


def test_versions_are_shown_compared_and_used_again(ada: Person, sam: Person, key: str) -> None:
    """The history says who, why and what; a comparison which words."""
    post(ada, key=key, content="thick fog, cold light")
    patch(ada, key, content="thin fog, cold blue light", reason="too thick")
    url = f"{PROMPTS}/{key}"
    history = sam.get(url).json["history"]
    assert [(row["version"], row["reason"], row["created_by"]) for row in history] == [
        (2, "too thick", str(ada.id)), (1, "test", str(ada.id)),
    ]  # fmt: skip
    compared = sam.get(f"{url}/compare?from=1&to=2").json
    assert (compared["from"]["version"], compared["to"]["version"]) == (1, 2)
    assert [(one["change"], one["text"]) for one in compared["differences"]] == [
        ("removed", "thick"), ("added", "thin"), ("same", " fog, cold "), ("added", "blue "), ("same", "light"),
    ]  # fmt: skip
    check_shape(sam.get(f"{url}/compare?from=1&to=3"), 404, "prompt_not_found")
    check_shape(sam.get(f"{url}/compare?from=1"), 422, "invalid_params")
    asked = {"version": 1, "expected_version": 2, "reason": "it was better"}
    check_shape(sam.ask("POST", f"{url}/activate", json=asked), 403, "forbidden")
    change = ada.ask("POST", f"{url}/activate", json=asked).json
    assert (change["source"], change["prompts"][0]["after"]["content"]) == ("rollback", "thick fog, cold light")
    check_shape(ada.ask("POST", f"{url}/activate", json=asked), 409, "invalid_state")
    check_shape(sam.get(f"{PROMPTS}/nothing-like-it"), 404, "prompt_not_found")


def test_a_preset_is_chosen_and_shown(ada: Person, alice: Person, key: str) -> None:
    """Users see that it is there and which version they got, not what it says; staff sees what is sent."""
    post(ada, key=key, title="Fog")
    listed = {row["key"]: row for row in alice.get("/api/v1/prompts/presets").json["data"]}
    assert listed[key] == {
        "key": key, "category": "style_preset", "title": "Fog", "description": "", "kinds": ["image", "video"],
    }  # fmt: skip
    asked = {"model": "local/picture", "prompt": "a red fox", "params": {}, "presets": [key]}
    made = alice.ask("POST", "/api/v1/generations", json=asked).json
    assert (made["prompt"], made["presets"]) == ("a red fox", [{"key": key, "version": 1}])
    assert alice.get(f"/api/v1/generations/{made['id']}").json["presets"] == made["presets"]
    assert ada.ask("POST", f"{PROMPTS}/preview", json=asked).json == {
        "model": "local/picture", "prompt": "a red fox, thick fog", "params": {}, "presets": made["presets"],
    }  # fmt: skip
    check_shape(alice.ask("POST", f"{PROMPTS}/preview", json=asked), 403, "forbidden")
    batch = alice.ask("POST", "/api/v1/batches", json={"items": [asked, {**asked, "presets": []}]}).json
    ids = [item["generation_id"] for item in batch["items"]["data"]]
    shown = [alice.get(f"/api/v1/generations/{one}").json["presets"] for one in ids]
    assert shown == [made["presets"], []]


@pytest.mark.parametrize("presets", ["fog", [1], [""], ["fog", "fog"], ["x" * 65], [f"p{n}" for n in range(11)]])
def test_presets_that_make_no_sense_are_refused(alice: Person, presets: Any) -> None:
    """Naming the field; nothing is held."""
    asked = {"model": "local/picture", "prompt": "a red fox", "presets": presets}
    answer = alice.ask("POST", "/api/v1/generations", json=asked)
    check_shape(answer, 422, "invalid_params")
    assert answer.json["error"]["details"]["field"].startswith("presets")
    answer = alice.ask("POST", "/api/v1/batches", json={"items": [asked]})
    check_shape(answer, 422, "invalid_params")
    assert answer.json["error"]["details"]["field"].startswith("items.0.presets")
    assert alice.available() == 25


def test_a_batch_from_before_there_were_presets_is_answered_by_its_key(alice: Person, world: World) -> None:
    """Its digest knows nothing of presets."""
    item = {"model": "local/picture", "prompt": "a red fox", "params": {}}
    sent = {"json": {"items": [item]}, "headers": {"Idempotency-Key": "old"}}
    made = alice.ask("POST", "/api/v1/batches", **sent).json
    query = "select request_digest = private.request_digest('create_batch', %s::jsonb) from batches where id = %s"
    assert world.sql.one(
        query, '[[{"model": "local/picture", "prompt": "a red fox", "params": {}}], false]', made["id"]
    )


def test_fallbacks_are_counted_where_prometheus_looks(app: Flask, world: World) -> None:
    """By the built-in that stood in, as the scheduler's job has summed them up."""
    query = "insert into private.metric_totals values ('preset_fallbacks', '{\"preset\": \"watercolor\"}', 3)"
    world.connection.execute(query)
    shown = app.test_client().get("/metrics").text
    world.connection.execute("delete from private.metric_totals where name = 'preset_fallbacks'")
    assert 'scrip_preset_fallbacks_total{preset="watercolor"} 3.0' in shown
