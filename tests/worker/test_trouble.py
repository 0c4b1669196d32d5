"""What goes wrong around one attempt: a process that dies, a provider that garbles, storage or database away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from backend.clients.providers.base import ProviderError, ProviderUnavailable
from backend.core import generations, production
from backend.errors import ProviderNotConfigured, Unavailable
from backend.rpc import generations as rpc
from tests.patience import LONG
from tests.worker.scripted import PICTURE, Died, ScriptedProvider
from tests.worker.world import World, eventually


@pytest.fixture
def provider(world: World) -> Iterator[ScriptedProvider]:
    """The outside party of this test."""
    world.deps.providers["scripted"] = scripted = ScriptedProvider()
    yield scripted
    del world.deps.providers["scripted"]


@contextmanager
def running(world: World, generation_id: str, **options: Any) -> Iterator[threading.Thread]:
    """Run a generation beside the test."""
    thread = threading.Thread(target=world.run, args=(generation_id,), kwargs=options)
    thread.start()
    yield thread
    thread.join(LONG)
    assert not thread.is_alive()


@pytest.fixture(autouse=True)
def _fresh_calls(world: World) -> None:
    world.supabase.calls.clear()


def dies() -> None:
    raise Died


def breaks() -> None:
    raise RuntimeError("a bug of ours")


def is_gone() -> None:
    raise ProviderUnavailable("connection refused")


def refuses() -> None:
    raise ProviderError("content_refused", "Not this.", retryable=False)


@pytest.mark.parametrize("step", ["on_submit", "on_poll", "on_fetch"])
def test_a_process_that_dies_at_any_step_keeps_no_credits(world: World, provider: ScriptedProvider, step: str) -> None:
    """Regression: H2, J2, J4. Three attempts die there; the sweep ends each, and in the end gives everything back."""
    user = world.new_user()
    generation_id = world.start(user, "scripted/model")
    setattr(provider, step, dies)
    for attempt in (1, 2, 3):
        with pytest.raises(Died):
            world.run(generation_id)
        assert world.row(generation_id)["status"] == "running"
        world.let_lease_run_out(generation_id)
        assert world.row(generation_id)["status"] == ("queued" if attempt < 3 else "failed")
    assert world.figures(user) == (25, 0, 25)
    assert world.ledger(user) == [("grant", 25)]
    assert len(provider.submitted) <= 1


def test_a_second_attempt_goes_on_with_the_request_of_the_first(world: World, provider: ScriptedProvider) -> None:
    """What the provider was paid for once is not ordered again."""
    user = world.new_user()
    generation_id = world.start(user, "scripted/model")
    provider.on_poll = dies
    with pytest.raises(Died):
        world.run(generation_id)
    world.let_lease_run_out(generation_id)
    provider.on_poll = lambda: None
    world.run(generation_id)
    assert world.row(generation_id)["status"] == "succeeded"
    assert len(provider.submitted) == 1
    assert set(provider.polled) == {provider.submitted[0]} == {world.row(generation_id)["provider_request_id"]}
    assert world.ledger(user) == [("grant", 25), ("usage", -10)]


def test_a_request_that_the_provider_lost_is_ordered_anew(world: World, provider: ScriptedProvider) -> None:
    """An id that leads nowhere is no reason to give up."""
    generation_id = world.start(world.new_user(), "scripted/model")
    provider.on_poll = dies
    with pytest.raises(Died):
        world.run(generation_id)
    world.let_lease_run_out(generation_id)

    def knows_only_the_new() -> None:
        if provider.polled[-1] == provider.submitted[0]:
            raise ProviderError("provider_failed", "Unknown request.", retryable=True)

    provider.on_poll = knows_only_the_new
    world.run(generation_id)
    assert world.row(generation_id)["status"] == "succeeded"
    assert len(provider.submitted) == 2


@pytest.mark.parametrize(
    "files",
    [
        pytest.param((), id="nothing"),
        pytest.param((b'{"detail": "queue is full"}',), id="an error body"),
        pytest.param((PICTURE, PICTURE[:-40]), id="one good and one cut-off file"),
        pytest.param((PICTURE,) * 17, id="more than anybody asked for"),
    ],
)
def test_an_answer_that_is_no_picture_is_not_charged(
    world: World, provider: ScriptedProvider, files: tuple[bytes, ...]
) -> None:
    """Regression: H20, H21. Tried again, and given up with the credits back."""
    user = world.new_user()
    generation_id = world.start(user, "scripted/model")
    provider.files = files
    for _ in range(3):
        world.run(generation_id)
    row = world.row(generation_id)
    assert (row["status"], row["error_code"], row["outputs"]) == ("failed", "provider_bad_answer", [])
    assert world.figures(user) == (25, 0, 25)


def test_a_refusal_of_the_provider_is_final(world: World, provider: ScriptedProvider) -> None:
    """Its code and words reach the user; the credits go back at once."""
    user = world.new_user()
    generation_id = world.start(user, "scripted/model")
    provider.on_poll = refuses
    world.run(generation_id)
    row = world.row(generation_id)
    assert (row["status"], row["error_code"], row["error_message"]) == ("failed", "content_refused", "Not this.")
    assert world.figures(user) == (25, 0, 25)


def test_whatever_a_provider_says_can_be_written_down(world: World, provider: ScriptedProvider) -> None:
    """NUL, half characters and a novel: the failure is settled at once all the same."""

    def rambles() -> None:
        raise ProviderError("provider_failed", "nul \0, half \ud83d, " + "long " * 1000, retryable=False)

    user = world.new_user()
    generation_id = world.start(user, "scripted/model")
    provider.on_poll = rambles
    world.run(generation_id)
    assert world.row(generation_id)["status"] == "failed"
    assert world.figures(user) == (25, 0, 25)


@pytest.mark.parametrize("step", ["on_submit", "on_poll", "on_fetch"])
def test_a_bug_of_ours_keeps_no_credits(world: World, provider: ScriptedProvider, step: str) -> None:
    """Whatever is raised, the attempt is settled, and users read no internals."""
    user = world.new_user()
    generation_id = world.start(user, "scripted/model")
    setattr(provider, step, breaks)
    for _ in range(3):
        world.run(generation_id)
    row = world.row(generation_id)
    assert (row["status"], row["error_code"]) == ("failed", "internal")
    assert "bug" not in row["error_message"]
    assert world.figures(user) == (25, 0, 25)
    assert len(provider.submitted) <= 1


def test_a_provider_that_nobody_set_up_is_said_so(world: World) -> None:
    """The API refuses its models before anything is held; a call to the database gets them back at once."""
    user = world.new_user()
    with pytest.raises(ProviderNotConfigured):
        world.start(user, "nobody/model")
    asked = {"model_id": "nobody/model", "prompt": "a fox", "params": {}, "idempotency_key": "nobody"}
    generation_id = rpc.create_generation(user.caller, **asked)["id"]
    world.run(generation_id)
    assert world.row(generation_id)["error_code"] == "provider_not_configured"
    assert world.figures(user) == (25, 0, 25)


def test_a_provider_that_is_gone_for_a_moment_is_waited_for(world: World, provider: ScriptedProvider) -> None:
    """The request goes on over there; it is not ordered again."""
    generation_id = world.start(world.new_user(), "scripted/model")
    provider.on_poll = lambda: is_gone() if len(provider.polled) < 3 else None
    world.run(generation_id)
    assert world.row(generation_id)["status"] == "succeeded"
    assert len(provider.submitted) == 1


def test_a_provider_that_stays_away_ends_the_attempt(
    world: World, provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After some patience the generation goes back to the queue."""
    monkeypatch.setattr(production, "PATIENCE", 0.5)
    generation_id = world.start(world.new_user(), "scripted/model")
    provider.on_poll = is_gone
    world.run(generation_id)
    row = world.row(generation_id)
    assert (row["status"], row["error_code"]) == ("queued", "provider_unavailable")


def test_a_provider_that_takes_too_long_is_cancelled(world: World, provider: ScriptedProvider) -> None:
    """The model's own time-out; nothing is charged."""
    user = world.new_user()
    generation_id = world.start(user, "scripted/hasty")
    provider.finished.clear()
    world.run(generation_id)
    assert world.row(generation_id)["error_code"] == "provider_timeout"
    assert provider.canceled == provider.submitted
    assert world.figures(user) == (25, 0, 25)


def test_a_running_generation_can_be_cancelled(world: World, provider: ScriptedProvider) -> None:
    """Regression: J6. The next heartbeat says so; the provider is told, the credits are back."""
    user = world.new_user()
    generation_id = world.start(user, "scripted/model")
    provider.finished.clear()
    with running(world, generation_id):
        eventually(lambda: provider.polled)
        rpc.cancel_generation(user.caller, generation_id=generation_id)
        world.becomes(generation_id, "canceled")
    assert provider.canceled == provider.submitted
    assert world.figures(user) == (25, 0, 25)


def test_a_cancel_after_the_end_changes_nothing(world: World, provider: ScriptedProvider) -> None:
    """Regression: J6. A worker that finishes first wins; what was delivered is charged."""
    user = world.new_user()
    generation_id = world.start(user, "scripted/model")
    provider.on_fetch = lambda: rpc.cancel_generation(user.caller, generation_id=generation_id)
    world.run(generation_id)
    assert world.row(generation_id)["status"] == "succeeded"
    assert world.figures(user) == (15, 0, 15)


def test_progress_can_be_watched(world: World, provider: ScriptedProvider) -> None:
    """It travels with the heartbeats."""
    generation_id = world.start(world.new_user(), "scripted/model")
    provider.finished.clear()
    with running(world, generation_id):
        eventually(lambda: world.row(generation_id)["progress"] == 0.5)
        provider.finished.set()


def test_a_worker_that_lost_its_lease_stops_and_touches_nothing(world: World, provider: ScriptedProvider) -> None:
    """Regression: J1. It hears of it at its next heartbeat; not even the provider's request is cancelled, for the other
    attempt goes on with it."""
    user = world.new_user()
    generation_id = world.start(user, "scripted/model")
    provider.finished.clear()
    with running(world, generation_id) as late:
        eventually(lambda: provider.polled)
        world.let_lease_run_out(generation_id)
        with running(world, generation_id):
            late.join(LONG)
            assert not late.is_alive()
            provider.finished.set()
    row = world.row(generation_id)
    assert (row["status"], row["attempt"], provider.canceled) == ("succeeded", 2, [])
    assert [output["path"].split("/")[-1] for output in row["outputs"]] == ["2-0.png"]
    assert world.ledger(user) == [("grant", 25), ("usage", -10)]


@pytest.mark.parametrize("late_end", ["completes", "fails"])
def test_a_result_that_comes_late_is_refused(world: World, provider: ScriptedProvider, late_end: str) -> None:
    """Regression: J1. No heartbeat in between: the settle itself is refused, and the other attempt's outcome stands."""
    user, mute = world.new_user(), world.variant(WORKER_HEARTBEAT_SECONDS="60", WORKER_LEASE_SECONDS="240")
    mute.providers["scripted"] = first = ScriptedProvider()
    first.finished.clear()
    generation_id = world.start(user, "scripted/model")
    with running(world, generation_id, deps=mute):
        eventually(lambda: first.polled)
        world.let_lease_run_out(generation_id)
        world.run(generation_id)
        settled = world.row(generation_id)
        first.on_fetch = refuses if late_end == "fails" else lambda: None
        first.finished.set()
    assert (settled["status"], settled["attempt"]) == ("succeeded", 2)
    assert world.row(generation_id) == settled
    assert world.ledger(user) == [("grant", 25), ("usage", -10)]
    assert files(world, generation_id) == ["2-0.png"], "what the late one stored is not left lying about"


def files(world: World, generation_id: str) -> list[str]:
    """What storage holds of a generation."""
    query = "select name from storage.objects where name like %s order by name"
    found = world.connection.execute(query, [f"%/{generation_id}/%"]).fetchall()
    return [name.rsplit("/", 1)[1] for (name,) in found]


def test_files_of_an_attempt_that_failed_are_removed(
    world: World, provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of two was stored, the second could not be; the next attempt stores its own two."""
    monkeypatch.setattr(generations, "UPLOAD_PATIENCE", 0)
    provider.files = (PICTURE, PICTURE)
    generation_id = world.start(world.new_user(), "scripted/model")
    monkeypatch.setattr(world.supabase, "loses", lambda path: path.endswith("/1-1.png"))
    world.run(generation_id)
    assert world.row(generation_id)["error_code"] == "storage_unavailable"
    assert any(path.endswith("/1-0.png") for path in world.supabase.calls)
    assert files(world, generation_id) == []
    world.let_retry_wait_pass(generation_id)
    world.run(generation_id)
    assert world.row(generation_id)["status"] == "succeeded"
    assert files(world, generation_id) == ["2-0.png", "2-1.png"]


def test_files_stay_when_only_the_answer_to_the_settle_was_lost(
    world: World, provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was written, or may have been: the row points at them."""
    lost: list[str] = []

    def lose(path: str) -> None:
        if path.endswith("/complete_generation") and not lost:
            lost.append(path)
            raise ConnectionAbortedError

    monkeypatch.setattr(world.supabase, "after", lose)
    monkeypatch.setattr(world.deps.rpc._http, "timeout", 2)  # the answer is waited for so long, not for 10 seconds
    generation_id = world.start(world.new_user(), "scripted/model")
    world.run(generation_id)
    row = world.row(generation_id)
    assert (len(lost), row["status"], row["attempt"]) == (1, "succeeded", 1)
    assert files(world, generation_id) == ["1-0.png"]


def test_storage_that_is_away_for_a_moment_is_waited_for(world: World, provider: ScriptedProvider) -> None:
    """The same attempt stores it a second later."""
    generation_id = world.start(world.new_user(), "scripted/model")
    with world.supabase.outage("/storage/v1/"), running(world, generation_id):
        time.sleep(0.8)
        world.supabase.down = ()
    assert (world.row(generation_id)["status"], world.row(generation_id)["attempt"]) == ("succeeded", 1)


def test_storage_that_stays_away_puts_it_back_without_ordering_again(
    world: World, provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next attempt fetches the same request and stores it; charged once."""
    monkeypatch.setattr(generations, "UPLOAD_PATIENCE", 0.5)
    user = world.new_user()
    generation_id = world.start(user, "scripted/model")
    with world.supabase.outage("/storage/v1/"):
        world.run(generation_id)
        row = world.row(generation_id)
        assert (row["status"], row["error_code"]) == ("queued", "storage_unavailable")
    world.run(generation_id)
    assert world.row(generation_id)["status"] == "succeeded"
    assert len(provider.submitted) == 1
    assert world.ledger(user) == [("grant", 25), ("usage", -10)]


@pytest.mark.parametrize("settle", ["complete_generation", "fail_generation"])
def test_a_settle_is_repeated_until_it_is_written(world: World, provider: ScriptedProvider, settle: str) -> None:
    """The work is done and only its outcome can't be written: it is tried again while the lease lives."""
    user = world.new_user()
    generation_id = world.start(user, "scripted/model")
    if settle == "fail_generation":
        provider.on_poll = refuses
    with world.supabase.outage(f"/rest/v1/rpc/{settle}"), running(world, generation_id):
        eventually(lambda: world.supabase.calls.count(f"/rest/v1/rpc/{settle}") > 1)
        world.supabase.down = ()
    row = world.row(generation_id)
    assert row["status"] == ("failed" if settle == "fail_generation" else "succeeded")
    assert row["attempt"] == 1


def test_a_settle_that_can_not_be_written_is_left_to_the_sweep(world: World, provider: ScriptedProvider) -> None:
    """Patience ends with the lease; the next attempt goes on with the same request, and is charged once."""
    user, brief = world.new_user(), world.variant(WORKER_LEASE_SECONDS="2")
    brief.providers["scripted"] = provider
    generation_id = world.start(user, "scripted/model")
    with world.supabase.outage("/rest/v1/rpc/complete_generation"):
        world.run(generation_id, deps=brief)
        assert world.row(generation_id)["status"] == "running"
    world.let_lease_run_out(generation_id)
    world.run(generation_id)
    assert (world.row(generation_id)["status"], len(provider.submitted)) == ("succeeded", 1)
    assert world.ledger(user) == [("grant", 25), ("usage", -10)]


def test_a_short_database_outage_costs_nothing(world: World, provider: ScriptedProvider) -> None:
    """The result waits, the settle is repeated, the lease still lives: charged once, by the same attempt."""
    user = world.new_user()
    generation_id = world.start(user, "scripted/model")
    provider.finished.clear()
    with running(world, generation_id):
        eventually(lambda: provider.polled)
        with world.database_outage():
            provider.finished.set()
            time.sleep(1)
    assert (world.row(generation_id)["status"], world.row(generation_id)["attempt"]) == ("succeeded", 1)
    assert world.ledger(user) == [("grant", 25), ("usage", -10)]


def test_a_database_outage_that_outlasts_the_lease_leaves_it_to_the_next_attempt(
    world: World, provider: ScriptedProvider
) -> None:
    """The worker gives up by its own clock; afterwards another attempt goes on with the same request."""
    user, brief = world.new_user(), world.variant(WORKER_LEASE_SECONDS="2")
    brief.providers["scripted"] = provider
    generation_id = world.start(user, "scripted/model")
    provider.finished.clear()
    with running(world, generation_id, deps=brief) as worker:
        eventually(lambda: provider.polled)
        with world.database_outage():
            worker.join(LONG)
            assert not worker.is_alive()
    assert world.row(generation_id)["status"] == "running"
    eventually(lambda: swept(world, generation_id))
    provider.finished.set()
    world.run(generation_id)
    assert (world.row(generation_id)["status"], len(provider.submitted)) == ("succeeded", 1)
    assert world.ledger(user) == [("grant", 25), ("usage", -10)]


def test_without_the_database_no_provider_is_asked(world: World, provider: ScriptedProvider) -> None:
    """Regression: A2. No hold, no work; the generation is still queued afterwards."""
    generation_id, began = world.start(world.new_user(), "scripted/model"), time.monotonic()
    with world.database_outage():
        world.run(generation_id, stopping=_after(began + 1))
    assert (provider.submitted, time.monotonic() - began > 1) == ([], True)
    assert world.row(generation_id)["status"] == "queued"


def test_a_worker_that_can_not_claim_waits_for_the_database(world: World, provider: ScriptedProvider) -> None:
    """It keeps the hint: else an outage of seconds would empty the queue, and delay all of it by a minute."""
    generation_id = world.start(world.new_user(), "scripted/model")
    with world.supabase.outage("/rest/v1/rpc/claim_generation"), running(world, generation_id):
        eventually(lambda: world.supabase.calls.count("/rest/v1/rpc/claim_generation") > 1)
        world.supabase.down = ()
    assert (world.row(generation_id)["status"], world.row(generation_id)["attempt"]) == ("succeeded", 1)


@pytest.mark.parametrize("patience", [0.0, 0.5])
def test_a_worker_that_is_stopped_hands_its_work_back(
    world: World, provider: ScriptedProvider, patience: float
) -> None:
    """Queued again at once, no failure counted, and the request goes on in another worker."""
    user = world.new_user()
    generation_id = world.start(user, "scripted/model")
    provider.finished.clear()
    due_at = time.monotonic() + patience
    world.run(generation_id, stopping=_after(due_at))
    row = world.row(generation_id)
    assert (row["status"], row["failures"], provider.canceled) == ("queued", 0, [])
    provider.finished.set()
    world.run(generation_id)
    assert world.row(generation_id)["status"] == "succeeded"
    assert len(provider.submitted) == 1


def swept(world: World, generation_id: str) -> bool:
    """Sweep, and tell whether the generation was queued again."""
    with suppress(Unavailable):
        generations.sweep(world.deps)
    return bool(world.row(generation_id)["status"] == "queued")


def _after(moment: float) -> Callable[[], bool]:
    return lambda: time.monotonic() >= moment
