"""Generations over HTTP: what can be made, its price, start, list, read, cancel."""

from __future__ import annotations

import uuid

import httpx
import jsonschema
import pytest
from flask import Flask
from rq.job import Job

from tests.web.person import GENERATIONS, Person
from tests.web.test_errors import check_shape
from tests.worker.world import World


def test_everyone_sees_what_can_be_made(app: Flask, world: World) -> None:
    """Prices are shown before anyone signs up."""
    models = app.test_client().get(f"{GENERATIONS}/models/supported").json["data"]
    picture = next(model for model in models if model["id"] == "local/picture")
    assert picture["price"] == {"base_credits": 0, "unit": "images", "unit_credits": 4}
    assert picture["params_schema"]["properties"]["width"]["maximum"] == 2048


def test_a_model_that_can_not_run_here_is_marked_and_refused(app: Flask, alice: Person) -> None:
    """Without a key of fal its models stay on the list, say what is missing, and nothing is held for them."""
    models = app.test_client().get(f"{GENERATIONS}/models/supported").json["data"]
    available = {model["id"]: model["available"] for model in models}
    assert available["local/picture"] and not available["fal/flux-schnell"]
    reason = next(model["unavailable_reason"] for model in models if model["id"] == "fal/flux-schnell")
    answer = alice.ask("POST", GENERATIONS, json={"model": "fal/flux-schnell", "prompt": "a red fox"})
    error = check_shape(answer, 503, "provider_not_configured")
    assert error["message"] == reason
    assert "FAL_KEY" in reason
    assert alice.available() == 25


def test_a_quote_says_the_price_and_reserves_nothing(alice: Person) -> None:
    """And how the price comes about."""
    quote = alice.ask("POST", f"{GENERATIONS}/quote", json={"model": "local/picture", "params": {"num_images": 3}}).json
    assert (quote["model"], quote["credits"]) == ("local/picture", 12)
    assert quote["breakdown"]["unit_credits"] == 4
    assert alice.available() == 25


def test_a_generation_starts_queued_with_its_price_held(alice: Person) -> None:
    """202, where to follow it, and the key that names it."""
    answer = alice.create(num_images=2)
    generation = answer.json
    assert (answer.status_code, generation["status"]) == (202, "queued")
    assert generation["credits"] == {"reserved": 8, "charged": 0}
    assert uuid.UUID(answer.headers["Idempotency-Key"])
    assert alice.get(answer.headers["Location"]).json == generation
    assert alice.available() == 17


def test_the_job_is_in_the_queue_with_the_request_id(alice: Person, world: World) -> None:
    """One request can be followed from the first header to the worker's last line."""
    body = {"model": "local/picture", "prompt": "a red fox"}
    answer = alice.ask("POST", GENERATIONS, json=body, headers={"X-Request-Id": "follow-me"})
    job = Job.fetch(f"gen-{answer.json['id']}-0", connection=world.deps.redis)
    assert (answer.headers["X-Request-Id"], job.args) == ("follow-me", (answer.json["id"], "follow-me"))


def test_a_finished_generation_has_addresses_that_work(alice: Person, world: World) -> None:
    """The worker draws a picture; the API hands out signed addresses, made as the user."""
    started = alice.started(num_images=2, width=64, height=64)
    world.run(started["id"])
    generation = alice.get(f"{GENERATIONS}/{started['id']}").json
    assert (generation["status"], generation["credits"]) == ("succeeded", {"reserved": 8, "charged": 8})
    assert [output["path"].split("/")[0] for output in generation["outputs"]] == [alice.user.id] * 2
    for output in generation["outputs"]:
        picture = httpx.get(output["url"])
        assert (picture.status_code, len(picture.content)) == (200, output["bytes"])
    listed = alice.get(GENERATIONS).json["data"][0]
    assert [output["path"] for output in listed["outputs"]] == [output["path"] for output in generation["outputs"]]
    assert all(output["url"] for output in listed["outputs"])


def test_a_failed_generation_says_why_and_costs_nothing(alice: Person, world: World) -> None:
    """What became of the credits is read from the ledger. (regression: H22)"""
    started = alice.started("local/always-fails", code="content_refused")
    world.run(started["id"])
    generation = alice.get(f"{GENERATIONS}/{started['id']}").json
    assert (generation["status"], generation["credits"]["charged"]) == ("failed", 0)
    assert generation["error"]["code"] == "content_refused"
    assert alice.available() == 25


def test_the_list_comes_in_pages_newest_first(alice: Person) -> None:
    """Keyset pages, and only those of one state when asked."""
    ids = [alice.started("local/slow", seconds=1)["id"] for _ in range(3)]
    first = alice.get(f"{GENERATIONS}?limit=2").json
    assert ([row["id"] for row in first["data"]], first["has_more"]) == (ids[:0:-1], True)
    last = alice.get(f"{GENERATIONS}?limit=2&before={first['data'][-1]['id']}").json
    assert ([row["id"] for row in last["data"]], last["has_more"]) == (ids[:1], False)
    alice.ask("POST", f"{GENERATIONS}/{ids[1]}/cancel")
    assert [row["id"] for row in alice.get(f"{GENERATIONS}?status=canceled").json["data"]] == [ids[1]]


def test_a_queued_generation_can_be_canceled(alice: Person) -> None:
    """The credits are back at once; cancelling twice is the same outcome."""
    generation = alice.started()
    for _ in range(2):
        canceled = alice.ask("POST", f"{GENERATIONS}/{generation['id']}/cancel")
        assert (canceled.status_code, canceled.json["status"]) == (200, "canceled")
        assert alice.available() == 25


def test_a_finished_generation_can_not_be_canceled(alice: Person, world: World) -> None:
    """It is there and it is paid."""
    generation = alice.started(width=64, height=64)
    world.run(generation["id"])
    error = check_shape(alice.ask("POST", f"{GENERATIONS}/{generation['id']}/cancel"), 409, "invalid_state")
    assert error["details"] == {"status": "succeeded"}


def test_nobody_reaches_the_generation_of_another(alice: Person, bob: Person) -> None:
    """The same answer as for an id that nobody has."""
    theirs = bob.started()["id"]
    for unknown in (theirs, str(uuid.uuid4())):
        check_shape(alice.get(f"{GENERATIONS}/{unknown}"), 404, "generation_not_found")
        check_shape(alice.ask("POST", f"{GENERATIONS}/{unknown}/cancel"), 404, "generation_not_found")
        check_shape(alice.get(f"{GENERATIONS}?before={unknown}"), 404, "generation_not_found")
    assert alice.get(GENERATIONS).json["data"] == []
    assert bob.get(f"{GENERATIONS}/{theirs}").json["status"] == "queued"


@pytest.mark.parametrize("path", [GENERATIONS, f"{GENERATIONS}/quote"])
def test_an_unknown_model_is_404(alice: Person, path: str) -> None:
    """Nothing is held."""
    check_shape(alice.ask("POST", path, json={"model": "nobody/nothing", "prompt": "x"}), 404, "model_not_found")
    assert alice.available() == 25


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"params": {"width": 64.5}}, "params.width"),
        ({"params": {"width": 10_000}}, "params.width"),
        ({"params": {"num_images": 5}}, "params.num_images"),
        ({"params": {"num_images": "4"}}, "params.num_images"),
        ({"params": {"num_images": True}}, "params.num_images"),
        ({"params": {"num_images": 1.0}}, "params.num_images"),
        ({"params": {"num_images": -1}}, "params.num_images"),
        ({"params": {"price": 0}}, "params.price"),
        ({"params": {"style": "porcelain"}}, "params.style"),
        ({"prompt": "   "}, "prompt"),
        ({"prompt": "x" * 5000}, "prompt"),
    ],
    ids=str,
)
def test_params_that_the_model_does_not_take_are_422(alice: Person, body: dict[str, object], field: str) -> None:
    """The field is named, and nothing is held."""
    answer = alice.ask("POST", GENERATIONS, json={"model": "local/picture", "prompt": "a red fox", **body})
    assert check_shape(answer, 422, "invalid_params")["details"]["field"] == field
    assert alice.available() == 25


def test_without_credits_the_answer_is_402_and_says_how_many_lack(alice: Person) -> None:
    """Nothing is started."""
    for _ in range(6):
        alice.started()
    error = check_shape(alice.create(), 402, "insufficient_credits")
    assert error["details"]
    assert len(alice.get(GENERATIONS).json["data"]) == 6


def test_answers_fit_the_document(alice: Person, world: World) -> None:
    """What is documented is what is sent, also for a finished generation."""
    done = alice.started(width=64, height=64)["id"]
    world.run(done)
    document = alice.get("/openapi.json").json
    body = {"model": "local/picture", "prompt": "a red fox"}
    asked = [
        ("post", GENERATIONS, "202", alice.create()),
        ("post", f"{GENERATIONS}/quote", "200", alice.ask("POST", f"{GENERATIONS}/quote", json=body)),
        ("get", GENERATIONS, "200", alice.get(GENERATIONS)),
        ("get", f"{GENERATIONS}/{{generation_id}}", "200", alice.get(f"{GENERATIONS}/{done}")),
        ("get", f"{GENERATIONS}/models/supported", "200", alice.get(f"{GENERATIONS}/models/supported")),
        ("get", "/ready", "200", alice.get("/ready")),
        ("get", "/health", "200", alice.get("/health")),
    ]
    for method, path, status, answer in asked:
        schema = document["paths"][path][method]["responses"][status]["content"]["application/json"]["schema"]
        assert str(answer.status_code) == status, answer.text
        jsonschema.validate(answer.json, {**schema, "components": document["components"]})


@pytest.mark.parametrize(
    ("name", "method", "path"),
    [
        ("get_credit_balance", "GET", "/api/v1/credits/balance"),
        ("list_generations", "GET", GENERATIONS),
        ("create_generation", "POST", GENERATIONS),
        ("get_me", "GET", "/api/v1/me"),
    ],
)
def test_a_hot_route_asks_the_database_once(alice: Person, world: World, name: str, method: str, path: str) -> None:
    """One request, one round trip; what models there are is remembered."""
    alice.started()
    world.supabase.calls.clear()
    body = {"json": {"model": "local/picture", "prompt": "a red fox"}} if method == "POST" else {}
    assert alice.ask(method, path, **body).status_code < 300
    assert world.supabase.calls == [f"/rest/v1/rpc/{name}"]
