"""Gifts over HTTP."""

from __future__ import annotations

from tests.web.person import Person
from tests.worker.world import World

URL = "/api/v1/credits/gifts"


def test_bought_credits_are_given_once_and_the_recipient_is_told(alice: Person, bob: Person, world: World) -> None:
    """The same key again gives nothing more; sign-up credits stay."""
    world.connection.execute("update auth.users set email_confirmed_at = now() where id = %s", [bob.id])
    world.sql.grant(alice.id, 10)
    asked = {"json": {"email": f"{bob.id}@example.test", "credits": 10}, "headers": {"Idempotency-Key": "one"}}
    first, again = (alice.ask("POST", URL, **asked) for _ in range(2))
    assert (first.status_code, first.json["credits"], again.json) == (200, 10, first.json)
    assert (alice.available(), bob.available()) == (25, 35)
    (notice,) = bob.get("/api/v1/notices").json["data"]
    assert (notice["kind"], notice["data"]["gift_id"]) == ("gift_received", first.json["id"])
    refusal = alice.ask("POST", URL, json={"email": f"{bob.id}@example.test", "credits": 1})
    assert (refusal.status_code, refusal.json["error"]["code"]) == (402, "insufficient_credits")


def test_a_day_that_is_full_says_when_it_is_not(alice: Person, world: World) -> None:
    """429 with Retry-After, and the limit in the details."""
    world.sql.grant(alice.id, 500)
    nobody = {"json": {"email": "nobody@example.test", "credits": 100}}
    refusal = [alice.ask("POST", URL, **nobody) for _ in range(3)][2]
    error = refusal.json["error"]
    assert (refusal.status_code, error["code"], error["details"]["max_credits"]) == (429, "rate_limited", 200)
    assert int(refusal.headers["Retry-After"]) > 86_000
