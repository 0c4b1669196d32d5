"""Provider keys and the scheduler's jobs, as support staff and admins see them."""

from __future__ import annotations

import pytest
from flask import Flask

from backend.app import create_app
from backend.rpc.scheduler import plan_scheduled_jobs
from tests.web.conftest import NOWHERE
from tests.web.person import Person
from tests.worker.world import World

ADMIN = "/api/v1/admin"


@pytest.fixture
def sue(app: Flask, world: World) -> Person:
    """Sue of support."""
    person = Person(app, world.new_user())
    world.connection.execute("insert into private.user_roles values (%s, 'support')", [person.id])
    return person


def test_jobs_of_the_scheduler_are_shown(world: World, sue: Person, alice: Person) -> None:
    """To staff only; one that has never run says so."""
    jobs = [{"name": "sweep", "interval_seconds": 10}]
    plan_scheduled_jobs(world.deps.rpc.as_service(), jobs=jobs)
    [job] = [one for one in sue.get(f"{ADMIN}/schedule").json["jobs"] if one["name"] == "sweep"]
    assert (job["interval_seconds"], job["last_outcome"], job["runs"]) == (10, None, 0)
    assert {alice.get(f"{ADMIN}/{path}").status_code for path in ("schedule", "providers")} == {403}


def test_keys_are_known_by_their_fingerprint(world: World, alice: Person) -> None:
    """The keys themselves are never shown."""
    world.connection.execute("insert into private.user_roles values (%s, 'support')", [alice.id])
    app = create_app(deps=world.variant(FAL_KEY_1="id1:secret1", FAL_KEY_2="id2:secret2", FAL_QUEUE_URL=NOWHERE))
    sue = Person(app, alice.user)
    answer = sue.get(f"{ADMIN}/providers")
    shown = {"provider", "fingerprint", "load", "resting_until", "last_error"}
    assert [set(key) for key in answer.json["keys"]] == [shown] * 2
    assert "secret" not in answer.text
    text = sue.get("/metrics").text
    assert text.count("scrip_key_resting{") == 2
    assert "secret" not in text
