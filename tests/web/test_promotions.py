"""Promo codes over HTTP."""

from __future__ import annotations

import uuid

import pytest

from tests.web.person import Person
from tests.worker.world import World


@pytest.fixture
def code(world: World) -> str:
    """A code that gives 5 credits."""
    admin, code = world.new_user(), f"WEB-{uuid.uuid4().hex[:8]}".upper()
    world.connection.execute("insert into private.user_roles values (%s, 'admin')", [admin.id])
    world.sql.as_user(uuid.UUID(str(admin.id)), "admin_create_promo_code", p_code=code, p_credits=5)
    return code


def test_a_code_is_redeemed_once(alice: Person, code: str) -> None:
    """A repeat of the request answers the same; a second redemption and an unknown code are refused."""
    url, headers = "/api/v1/billing/promo-codes/redeem", {"Idempotency-Key": "one"}
    first = alice.ask("POST", url, json={"code": code.lower()}, headers=headers)
    assert (first.status_code, first.json["credits"]) == (200, 5)
    assert alice.ask("POST", url, json={"code": code}, headers=headers).json == first.json
    assert alice.get("/api/v1/credits/balance").json["balance"] == 30
    refusals = [alice.ask("POST", url, json={"code": name}) for name in (code, "NOSUCHCODE")]
    assert [(r.status_code, r.json["error"]["code"]) for r in refusals] == [
        (409, "promo_code_redeemed"),
        (404, "promo_code_not_found"),
    ]
