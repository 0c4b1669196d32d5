"""Orders whose answer or result is lost: what a webhook tells is used, so that fal is paid once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from backend.clients.providers.fal import Forged
from backend.core import production
from backend.deps import Deps
from backend.rpc import generations as rpc_generations
from backend.rpc import provider_results as rpc
from tests.worker.fal import Fal
from tests.worker.world import User, World, eventually

MODEL = "fal/flux-schnell"


class Office:
    """Takes webhooks as the route does: reads them with the provider, keeps them in the database, wakes the worker."""

    def __init__(self) -> None:
        self.deps: Deps | None = None
        self.outcomes: list[str] = []
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, environ: Any, start: Any) -> Any:
        request = Request(environ)
        deps = self.deps
        assert deps is not None
        try:
            told = deps.providers["fal"].webhooks.read(request.headers, request.get_data(), request.args)  # type: ignore[attr-defined]
        except Forged as error:
            self.outcomes.append(f"forged: {error}")
            return Response(status=401)(environ, start)
        answer = rpc.receive_provider_result(
            deps.rpc.as_service(),
            provider="fal",
            request_id=told.request_id,
            generation_id=told.generation_id,
            attempt=told.attempt,
            status=told.status,
            payload=told.payload,
        )
        self.outcomes.append(answer["outcome"])
        deps.signals.send(told.generation_id)
        return Response()(environ, start)


@pytest.fixture
def office() -> Iterator[Office]:
    """Where webhooks go."""
    office = Office()
    yield office
    office.stop()


@pytest.fixture
def deps(world: World, fal: Fal, office: Office, monkeypatch: pytest.MonkeyPatch) -> Deps:
    """What a process has that is reached by webhooks."""
    office.deps = deps = world.variant(**fal.environ, PUBLIC_API_URL=office.url)
    monkeypatch.setattr(world, "deps", deps)
    monkeypatch.setattr(production, "LOST_ANSWER_PATIENCE", 5.0)
    return deps


@pytest.fixture
def user(world: World) -> User:
    """Somebody with 25 credits."""
    return world.new_user()


def check_paid_once(world: World, fal: Fal, user: User, generation_id: str) -> None:
    """It succeeded, was ordered and billed once, and charged once."""
    row = world.row(generation_id)
    assert row["status"] == "succeeded", row
    assert [order["billed"] for order in fal.orders(generation_id)] == [True]
    assert world.ledger(user)[1:] == [("usage", -row["credits_charged"])]


def test_an_order_whose_answer_is_lost_is_not_placed_again(
    world: World, fal: Fal, office: Office, deps: Deps, user: User
) -> None:
    """The webhook names the request, and the very attempt that lost the answer goes on with it."""
    generation_id = world.start(user, MODEL, prompt="[fal:drop]")
    world.run(generation_id)
    check_paid_once(world, fal, user, generation_id)
    assert office.outcomes == ["learned"]
    assert world.row(generation_id)["attempt"] == 1


def test_an_order_whose_answer_and_webhook_are_lost_is_placed_again(
    world: World, fal: Fal, office: Office, deps: Deps, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """fal documents no idempotency key, so this is what can't be helped: fal is paid twice, the user pays once."""
    monkeypatch.setattr(production, "LOST_ANSWER_PATIENCE", 0.2)
    deps.providers["fal"].longest_poll_seconds = 0.1
    fal.control(script=["drop, webhook=never"])
    generation_id = world.start(user, MODEL)
    world.run(generation_id)
    assert world.row(generation_id)["error_code"] == "provider_unavailable"
    world.let_retry_wait_pass(generation_id)
    world.run(generation_id)
    assert world.row(generation_id)["status"] == "succeeded"
    assert fal.told()["paid_twice"] == [generation_id]
    assert [kind for kind, _ in world.ledger(user)] == ["grant", "usage"]


@pytest.mark.parametrize("how", ["once", "twice", "early", "never"])
def test_webhook_and_polling_are_one_outcome(
    world: World, fal: Fal, office: Office, deps: Deps, user: User, how: str
) -> None:
    """Whichever comes first, and however often the other comes."""
    generation_id = world.start(user, MODEL, prompt=f"[fal:webhook={how}]")
    world.run(generation_id)
    check_paid_once(world, fal, user, generation_id)
    told = {"once": 1, "twice": 2, "early": 1, "never": 0}[how]
    eventually(lambda: len(office.outcomes) == told, why=lambda: str(office.outcomes))
    assert not [one for one in office.outcomes if one.startswith("forged")]


def test_a_forged_webhook_changes_nothing(world: World, fal: Fal, office: Office, deps: Deps, user: User) -> None:
    """Nor does a genuine one of fal's whose address we never gave: any customer of fal could have it sent."""
    generation_id = world.start(user, MODEL, prompt="[fal:webhook=forged]")
    world.run(generation_id)
    check_paid_once(world, fal, user, generation_id)
    eventually(lambda: len(office.outcomes) == 1)
    assert office.outcomes[0].startswith("forged: no key of fal's")
    key = deps.providers["fal"].keys.state()[0]["fingerprint"]  # type: ignore[attr-defined]
    query = {"generation": generation_id, "attempt": "1", "key": key, "proof": "0" * 32}
    with pytest.raises(Forged, match="not one that we gave"):
        deps.providers["fal"].webhooks.read({}, b"{}", query)  # type: ignore[attr-defined]


def test_a_result_that_is_gone_is_taken_from_the_webhook(
    world: World, fal: Fal, office: Office, deps: Deps, user: User
) -> None:
    """What fal told once it need not be asked for again."""
    generation_id = world.start(user, MODEL, prompt="[fal:gone, slow=0.3]")
    world.run(generation_id)
    check_paid_once(world, fal, user, generation_id)


def test_the_webhook_ends_the_wait(world: World, fal: Fal, office: Office, deps: Deps, user: User) -> None:
    """Two looks are enough: one at once, one when fal has called."""
    deps.providers["fal"].poll_seconds = 9.0
    looks: list[str] = []
    poll = deps.providers["fal"].poll
    deps.providers["fal"].poll = lambda work, request_id: looks.append(request_id) or poll(work, request_id)  # type: ignore
    generation_id = world.start(user, MODEL, prompt="[fal:slow=0.3]")
    world.run(generation_id)
    check_paid_once(world, fal, user, generation_id)
    assert len(looks) == 2


def test_a_cancel_ends_the_wait_too(world: World, fal: Fal, office: Office, deps: Deps, user: User) -> None:
    """The lease's voice is heard while the worker waits for the webhook, and fal is asked to stop."""
    deps.providers["fal"].poll_seconds = 9.0
    generation_id = world.start(user, MODEL, prompt="[fal:slow=60]")
    thread = threading.Thread(target=world.run, args=(generation_id,))
    thread.start()
    eventually(lambda: fal.orders(generation_id))
    rpc_generations.cancel_generation(user.caller, generation_id=generation_id)
    thread.join(8)
    assert not thread.is_alive()
    assert world.row(generation_id)["status"] == "canceled"
    assert fal.orders(generation_id)[0]["canceled"]
    assert world.figures(user) == (25, 0, 25)


def test_kill_9_between_submit_and_result_costs_one_order(
    world: World, fal: Fal, office: Office, deps: Deps, user: User
) -> None:
    """Regression: J2. A real worker dies; the next attempt goes on with its request."""
    settings = {**fal.environ, "PUBLIC_API_URL": office.url, "WORKER_LEASE_SECONDS": "60"}
    generation_id = world.start(user, MODEL, prompt="[fal:slow=2]")
    worker = world.spawn_worker(**settings)
    eventually(lambda: world.row(generation_id)["provider_request_id"], seconds=20, why=worker.lines)
    children = Path(f"/proc/{worker.child.pid}/task/{worker.child.pid}/children").read_text().split()
    for pid in [worker.child.pid, *map(int, children)]:
        os.kill(pid, signal.SIGKILL)
    world.let_lease_run_out(generation_id)
    world.let_retry_wait_pass(generation_id)
    world.run(generation_id)
    check_paid_once(world, fal, user, generation_id)
    assert world.row(generation_id)["attempt"] == 2
