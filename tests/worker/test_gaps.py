"""kill -9 in every gap of a paid generation's life: a real worker, a provider that bills, death at the exact call."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from backend.core import generations
from tests.worker.fal import Fal, running_fal
from tests.worker.world import World, eventually

REST = "/rest/v1/rpc/"
UPLOAD = "/storage/v1/object/images/"
# Where the work horse dies: with the call that begins so, which does not arrive any more; or just after it was handled.
GAPS = {
    "submitted, id not stored": ("loses", f"{REST}heartbeat_generation"),
    "id stored, not polled": ("after", f"{REST}heartbeat_generation"),
    "result there, not uploaded": ("loses", UPLOAD),
    "uploaded, not completed": ("loses", f"{REST}complete_generation"),
    "completed, answer lost": ("after", f"{REST}complete_generation"),
}


@pytest.fixture(scope="module")
def fal() -> Iterator[Fal]:
    """A provider that counts what it bills."""
    with running_fal() as fal:
        fal.control(always="slow=0.05")
        yield fal


@pytest.mark.parametrize("gap", GAPS)
def test_a_death_in_any_gap_is_charged_once(world: World, fal: Fal, gap: str) -> None:
    """Regression: H2, J2, J4. One charge always; one order too, unless nobody was told the order's id (no webhook)."""
    world.spawn_worker(**fal.environ, WORKER_HEARTBEAT_SECONDS="60", WORKER_LEASE_SECONDS="240").says("worker_started")
    user, deps = world.new_user(), world.variant(**fal.environ)
    when, call = GAPS[gap]
    started: list[str] = []
    deaths: list[int] = []

    def strike(path: str) -> bool:
        if path.startswith(call) and not deaths:
            eventually(lambda: started)
            deaths.append(int(world.row(started[0])["worker"].rsplit(":", 1)[1]))
            os.kill(deaths[0], signal.SIGKILL)
            return True
        return False

    setattr(world.supabase, when, strike)
    try:
        asked = {"model_id": "fal/flux-schnell", "prompt": "a fox", "params": {"width": 256, "height": 256}}
        started.append(generations.start(deps, user.caller, **asked, key=gap, request_id=None)["id"])
        eventually(lambda: deaths)
    finally:
        setattr(world.supabase, when, lambda path: False)
    assert len(fal.orders(started[0])) == 1
    world.let_lease_run_out(started[0])
    world.let_retry_wait_pass(started[0])
    generations.dispatch(world.deps)
    row = world.becomes(started[0], "succeeded", "failed")
    assert (row["status"], row["attempt"]) == ("succeeded", 1 if gap == "completed, answer lost" else 2)
    assert world.ledger(user) == [("grant", 25), ("usage", -1)]
    assert len(fal.orders(started[0])) == (2 if gap == "submitted, id not stored" else 1)
