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


def test_admins_make_list_and_switch_off_codes(alice: Person, bob: Person, world: World) -> None:
    """Nobody else does; what makes no sense names its field."""
    url, name = "/api/v1/admin/promo-codes", f"ADMIN-{uuid.uuid4().hex[:8]}".upper()
    world.connection.execute("insert into private.user_roles values (%s, 'admin')", [bob.id])
    new = {"code": name.lower(), "credits": 3, "valid_until": "2099-01-01T00:00:00Z", "max_uses": 2}
    assert alice.ask("POST", url, json=new).status_code == 403
    assert bob.ask("POST", url, json={**new, "dry_run": True}).json["dry_run"] is True
    made = bob.ask("POST", url, json=new)
    assert (made.status_code, made.json["code"], made.json["version"]) == (200, name, 1), made.text
    assert bob.ask("POST", url, json=new).json["version"] == 1
    assert bob.get(f"{url}?after={name[:-1]}&limit=1").json["data"] == [
        {key: value for key, value in made.json.items() if key != "dry_run"}
    ]
    assert bob.ask("POST", f"{url}/{name}/deactivate", json={"dry_run": True}).json["active"] is False
    off = bob.ask("POST", f"{url}/{name}/deactivate").json
    assert (off["version"], off["active"], off["max_uses"]) == (2, False, 2)
    redeemed = alice.ask("POST", "/api/v1/billing/promo-codes/redeem", json={"code": name})
    assert (redeemed.status_code, bob.ask("POST", f"{url}/NOSUCH/deactivate").status_code) == (404, 404)
    wrong = [
        {**new, "bonus_percent": 5},
        {"code": name},
        {**new, "valid_until": "soon"},
        {**new, "valid_from": 5},
        {**new, "code": "a b"},
    ]
    assert [bob.ask("POST", url, json=one).status_code for one in wrong] == [422] * 5
