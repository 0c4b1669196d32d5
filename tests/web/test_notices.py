"""Notices and the threshold of a low balance over HTTP."""

from __future__ import annotations

from tests.web.person import Person
from tests.worker.world import World


def test_a_low_balance_is_told_and_read(alice: Person, bob: Person, world: World) -> None:
    """From the setting to the notice to the mark; nobody else sees any of it."""
    assert alice.get("/api/v1/me").json["low_balance_threshold"] == 5
    changed = alice.ask("PATCH", "/api/v1/me", json={"low_balance_threshold": 25})
    assert (changed.status_code, changed.json["low_balance_threshold"]) == (200, 25)
    hold = world.sql.reserve(alice.id, 1)
    world.sql.as_service("confirm_reservation", p_reservation_id=hold["id"])
    page = alice.get("/api/v1/notices?unread=true").json
    (notice,) = page["data"]
    assert (notice["kind"], notice["data"]) == ("low_balance", {"balance": 24, "threshold": 25})
    assert (page["unread"], bob.get("/api/v1/notices").json["data"]) == (1, [])
    mark = {"json": {"ids": [notice["id"]]}}
    assert bob.ask("POST", "/api/v1/notices/read", **mark).json == {"unread": 0}
    assert alice.get("/api/v1/notices").json["unread"] == 1
    assert alice.ask("POST", "/api/v1/notices/read", **mark).json == {"unread": 0}
    assert alice.get("/api/v1/notices").json["data"][0]["read_at"]


def test_what_makes_no_sense_is_refused(alice: Person) -> None:
    """Naming the field."""
    answers = [
        alice.ask("PATCH", "/api/v1/me", json={"low_balance_threshold": -1}),
        alice.ask("PATCH", "/api/v1/me", json={"low_balance_threshold": "5"}),
        alice.ask("PATCH", "/api/v1/me", json={}),
        alice.ask("POST", "/api/v1/notices/read", json={"ids": []}),
        alice.ask("POST", "/api/v1/notices/read", json={"ids": [2**63]}),
    ]
    assert [(answer.status_code, answer.json["error"]["details"]["field"]) for answer in answers] == [
        (422, "low_balance_threshold")] * 3 + [(422, "ids"), (422, "ids.0")]  # fmt: skip
