"""Webhooks of fal: signed by fal, meant for us, told as often as fal likes; one outcome and never a second charge."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from rq.job import Job
from werkzeug import Request, Response
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from backend.app import create_app
from backend.clients.providers.base import Work
from backend.clients.providers.fal.webhooks import webhook_url
from backend.deps import Deps
from backend.rpc import generations as rpc
from scripts.local.fal.webhooks import Signer
from tests.web.conftest import NOWHERE
from tests.web.person import Person
from tests.web.test_errors import check_shape
from tests.worker.world import World, eventually

MODEL = "fal/flux-dev"
PAYLOAD = {"images": [{"url": "https://fal.example/a.png"}]}


class Fal:
    """fal as it delivers: its signature, and a server for its public keys that can be away."""

    def __init__(self) -> None:
        self.signer, self.status = Signer(), 200
        self._server = make_server("127.0.0.1", 0, self._keys, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}/jwks.json"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        """Be gone."""
        self._server.shutdown()
        self._server.server_close()

    @Request.application
    def _keys(self, request: Request) -> Response:
        return Response(json.dumps(self.signer.jwks()), status=self.status, content_type="application/json")


@pytest.fixture(scope="module")
def one_fal() -> Iterator[Fal]:
    """The fal of this file."""
    server = Fal()
    yield server
    server.stop()


@pytest.fixture
def fal(one_fal: Fal) -> Fal:
    """The same, with its keys on show."""
    one_fal.status = 200
    return one_fal


@pytest.fixture
def deps(world: World, fal: Fal) -> Deps:
    """What a process has that may order from fal."""
    return world.variant(FAL_KEY_1="fal-test-key-one", FAL_QUEUE_URL=NOWHERE, FAL_JWKS_URL=fal.url)


@pytest.fixture
def app(deps: Deps) -> Flask:
    """The application there."""
    return create_app(deps=deps)


class Order:
    """A generation that a worker has claimed and ordered, and fal's telling of it."""

    def __init__(self, app: Flask, world: World, deps: Deps, fal: Fal) -> None:
        self.world, self.deps, self.fal, self.client = world, deps, fal, app.test_client()
        self.alice = Person(app, world.new_user())
        self.id = self.alice.started(MODEL)["id"]
        self.request, self.key = uuid.uuid4().hex, next(iter(deps.providers["fal"].keys._keys.values()))  # type: ignore[attr-defined]
        self.claim = rpc.claim_generation(deps.rpc.as_service(), generation_id=self.id, worker="w")
        assert self.claim is not None

    @property
    def row(self) -> dict[str, object]:
        """The generation as it is stored."""
        return self.world.row(self.id)

    @property
    def full_id(self) -> str:
        """The request's id as it is kept."""
        return f"{self.key.fingerprint}:{self.request}"

    def keep(self) -> None:
        """Let the worker write the id of its request down."""
        beat = {"generation_id": self.id, "attempt": 1, "provider_request_id": self.full_id}
        rpc.heartbeat_generation(self.deps.rpc.as_service(), **beat)  # type: ignore[arg-type]

    def complete(self) -> None:
        """Let the worker settle."""
        rpc.complete_generation(self.deps.rpc.as_service(), generation_id=self.id, attempt=1, outputs=[])

    def tell(self, body: bytes | None = None, *, signer: Signer | None = None, spoil: str = "") -> TestResponse:
        """Deliver as fal does."""
        work = Work(self.id, 1, MODEL, "", {})
        said = body or json.dumps({"request_id": self.request, "status": "OK", "payload": PAYLOAD}).encode()
        headers = (signer or self.fal.signer).headers(self.request, said)
        return self.client.post(webhook_url("", work, self.key) + spoil, data=said, headers=headers)


@pytest.fixture
def order(app: Flask, world: World, deps: Deps, fal: Fal) -> Order:
    """A generation that runs."""
    return Order(app, world, deps, fal)


def outcome(answer: TestResponse) -> str:
    """What it was to the generation."""
    assert answer.status_code == 200, answer.text
    return str(answer.json["outcome"])


def test_the_same_webhook_twice_is_one_outcome_and_one_charge(order: Order) -> None:
    """Before and after the settle."""
    order.keep()
    assert [outcome(order.tell()) for _ in range(2)] == ["expected", "expected"]
    order.complete()
    assert outcome(order.tell()) == "expected"
    assert (order.row["cost_micros"], order.row["credits_charged"]) == (19661, 4)
    assert order.alice.available() == 21


def test_it_wakes_the_worker_that_waits(order: Order) -> None:
    """Through Redis, by the generation's id."""
    order.keep()
    woken: list[bool] = []
    waiting = threading.Thread(target=lambda: woken.append(order.deps.signals.wait(order.id, 10)))
    waiting.start()
    order.tell()
    waiting.join()
    assert woken == [True]


def test_before_the_submits_answer_is_stored_it_names_the_request(order: Order) -> None:
    """So that a worker which dies now does not order again."""
    assert outcome(order.tell()) == "learned"
    assert order.row["provider_request_id"] == order.full_id
    order.keep()
    order.complete()
    assert (outcome(order.tell()), order.row["credits_charged"]) == ("learned", 4)


def test_a_retry_that_waits_is_queued_at_once_with_the_request(order: Order) -> None:
    """Its worker was lost before it could write the request down."""
    order.world.let_lease_run_out(order.id)
    assert order.row["status"] == "queued"
    assert outcome(order.tell()) == "learned"
    eventually(lambda: Job.exists(f"gen-{order.id}-1", connection=order.deps.redis))
    claim = rpc.claim_generation(order.deps.rpc.as_service(), generation_id=order.id, worker="w")
    assert claim is not None and claim["provider_request_id"] == order.full_id


def test_after_a_cancel_it_is_kept_and_gives_and_takes_nothing(order: Order) -> None:
    """Regression: J6. What fal bills all the same is counted once."""
    order.keep()
    order.alice.ask("POST", f"/api/v1/generations/{order.id}/cancel")
    failure = {"error_code": "canceled", "error_message": "", "retryable": False}
    rpc.fail_generation(order.deps.rpc.as_service(), generation_id=order.id, attempt=1, **failure)  # type: ignore[arg-type]
    assert [outcome(order.tell()) for _ in range(2)] == ["late", "late"]
    assert (order.row["status"], order.row["cost_micros"], order.alice.available()) == ("canceled", 19661, 25)


@pytest.mark.parametrize(
    "how",
    ["another signer", "no headers", "another address", "another attempt", "another body", "no JSON", "an old one"],
)
def test_what_is_forged_or_old_is_refused_and_changes_nothing(
    order: Order, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is kept of it, and the true one still counts."""
    before = order.row
    work = Work(order.id, 1, MODEL, "", {})
    address = webhook_url("", work, order.key)
    said = json.dumps({"request_id": order.request, "status": "OK", "payload": PAYLOAD}).encode()
    headers = order.fal.signer.headers(order.request, said)
    if how == "another signer":
        answer = order.tell(signer=Signer())
    elif how == "no headers":
        answer = order.client.post(address, data=said, content_type="application/json")
    elif how == "another address":
        answer = order.client.post(address.replace(order.id, str(uuid.uuid4())), data=said, headers=headers)
    elif how == "another attempt":
        answer = order.client.post(address.replace("attempt=1", "attempt=2"), data=said, headers=headers)
    elif how == "another body":
        answer = order.client.post(address, data=said.replace(b"OK", b"KO"), headers=headers)
    elif how == "no JSON":
        answer = order.tell(b"[]")
    else:
        monkeypatch.setattr("scripts.local.fal.webhooks.time.time", lambda: 1_700_000_000)
        headers = order.fal.signer.headers(order.request, said)
        monkeypatch.undo()
        answer = order.client.post(address, data=said, headers=headers)
    check_shape(answer, 400, "invalid_signature")
    assert order.row == before
    assert order.world.sql.one("select count(*) from private.provider_results where generation_id = %s", order.id) == 0
    assert outcome(order.tell()) == "learned"


def test_without_fals_keys_it_is_asked_to_come_again(order: Order) -> None:
    """Not refused: a 503 makes fal try again."""
    order.fal.status = 500
    check_shape(order.tell(), 503, "unavailable")
    order.fal.status = 200
    order.deps.providers["fal"].webhooks._known = (-1e9, ())  # type: ignore[attr-defined]  # the pause is over
    assert outcome(order.tell()) == "learned"


@pytest.mark.parametrize("text", ["\\u0000", "\\ud800", "NaN"])
def test_what_postgresql_can_not_keep_is_left_out(order: Order, text: str) -> None:
    """The outcome is the same, and nobody sees a 500."""
    value = text if text == "NaN" else f'"{text}"'
    body = f'{{"request_id": "{order.request}", "status": "ERROR", "payload": {{"detail": {value}}}}}'.encode()
    assert outcome(order.tell(body)) == "learned"


def test_a_generation_that_is_gone_is_answered_so_that_fal_stops(order: Order) -> None:
    """Its owner was erased, say."""
    order.id = str(uuid.uuid4())
    assert outcome(order.tell()) == "unknown"


def test_a_giant_body_is_refused(order: Order) -> None:
    """The worker asks fal for the result in any case."""
    check_shape(order.tell(b"x" * 300_000), 413, "payload_too_large")


def test_forgeries_are_counted_and_true_ones_are_not(world: World, deps: Deps, fal: Fal) -> None:
    """A whole batch may be told in a second; who forges is held up."""
    limited = world.variant(
        FAL_KEY_1="fal-test-key-one", FAL_QUEUE_URL=NOWHERE, FAL_JWKS_URL=fal.url, RATE_LIMIT_PUBLIC="2/minute"
    )
    order = Order(create_app(deps=limited), world, limited, fal)
    assert {outcome(order.tell()) for _ in range(5)} == {"learned"}
    statuses = [order.tell(signer=Signer()).status_code for _ in range(3)]
    assert statuses == [400, 400, 429]


def test_without_a_key_of_fal_nobody_is_let_in(client: FlaskClient) -> None:
    """There is nothing that it could be about."""
    check_shape(client.post("/api/v1/webhooks/fal", data=b"{}"), 503, "provider_not_configured")


def test_a_machine_without_espeak_says_so(app: Flask, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the list, and when somebody tries; nothing is held."""
    monkeypatch.setattr("backend.clients.providers.speech.espeakng_loader", None)
    alice = Person(app, world.new_user())
    listed = {model["id"]: model for model in alice.get("/api/v1/generations/models/supported").json["data"]}
    assert not listed["local/speech"]["available"]
    assert "espeakng-loader" in listed["local/speech"]["unavailable_reason"]
    assert listed["local/picture"]["available"]
    check_shape(alice.create("local/speech"), 503, "provider_not_configured")
    assert alice.available() == 25
