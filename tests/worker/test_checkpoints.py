"""The daily checkpoints as the scheduler makes them: in steps, once a day, and never without a key."""

from __future__ import annotations

import base64
import uuid

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from structlog.testing import capture_logs

from backend.core import checkpoints
from backend.core.checkpoints import Checkpoints
from backend.deps import Deps
from backend.errors import Unavailable
from tests.worker.world import World

KEY = base64.b64encode(b"k" * 32).decode()


@pytest.fixture
def signing(world: World) -> Deps:
    """The scheduler's surroundings, with a key."""
    return world.variant(LEDGER_SIGNING_KEY=KEY)


def signed(world: World) -> int:
    """How many checkpoints there are."""
    return int(world.sql.one("select count(*) from private.ledger_checkpoints"))


def test_a_pass_signs_every_head_in_steps(world: World, signing: Deps, monkeypatch: pytest.MonkeyPatch) -> None:
    """Doing it again, in this process or in another one, changes nothing; a user's key checks the signature."""
    monkeypatch.setattr(checkpoints, "BATCH", 2)
    users = [world.new_user() for _ in range(5)]
    once = Checkpoints()
    assert once.sign(signing)["signed"] >= 5
    before = signed(world)
    assert (once.sign(signing), Checkpoints().sign(signing), signed(world)) == ({"signed": 0}, {"signed": 0}, before)
    for user in users:
        (one,) = user.caller.call("export_credit_transactions")["checkpoints"]
        text = checkpoints.text(one["day"], one)
        public = Ed25519PrivateKey.from_private_bytes(b"k" * 32).public_key()
        assert one["public_key"] == public.public_bytes_raw().hex()
        public.verify(bytes.fromhex(one["signature"]), text)


def test_a_pass_that_broke_off_is_done_again(world: World, signing: Deps) -> None:
    """The database is away for a moment; the next look finishes what is left."""
    world.new_user()
    one, before = Checkpoints(), signed(world)
    with world.supabase.outage("/rest/v1/rpc/store_checkpoints"), pytest.raises(Unavailable):
        one.sign(signing)
    assert signed(world) == before
    assert one.sign(signing)["signed"] >= 1


def test_without_a_key_nothing_is_signed_and_it_is_said_once(world: World) -> None:
    """An installation may do without."""
    world.new_user()
    one, before = Checkpoints(), signed(world)
    with capture_logs() as lines:
        assert [one.sign(world.deps) for _ in range(3)] == [{"signed": 0}] * 3
    assert [line["event"] for line in lines] == ["checkpoints_off"]
    assert signed(world) == before


def test_the_scheduler_signs_by_itself(world: World) -> None:
    """A real process with a key in its environment."""
    user = world.new_user()
    scheduler = world.spawn_scheduler(LEDGER_SIGNING_KEY=KEY, SCHEDULE_CHECKPOINT_SECONDS="0.2")
    scheduler.says("checkpoints_signed")
    assert world.sql.as_user(uuid.UUID(user.id), "export_credit_transactions")["checkpoints"]
    assert KEY not in scheduler.lines()
