"""Who comes in where only admins may: the role is looked up on each request, never taken from the token."""

from __future__ import annotations

import jwt
import pytest
from flask import Blueprint, Flask

from backend.app import create_app
from backend.web.auth import ADMINS, current_user
from scripts.local.supabase.tokens import Tokens
from tests.web.person import Person
from tests.worker.world import World

ROLES = ("support", "admin", "owner")


@pytest.fixture
def app(app: Flask) -> Flask:
    """The application with one more route behind each guard of admins."""
    return with_doors(app)


def with_doors(app: Flask) -> Flask:
    """Add the routes."""
    for name, guard in zip(ROLES, ADMINS, strict=True):
        bp = Blueprint(f"door_{name}", __name__)
        bp.add_url_rule(f"/door/{name}", view_func=lambda: {"id": current_user().id})
        app.before_request_funcs[bp.name] = [guard]
        app.register_blueprint(bp)
    return app


def make(world: World, person: Person, role: str | None) -> Person:
    """Give somebody a role, or take it away; somebody else is an owner too, as the last one stays."""
    world.connection.execute("insert into private.user_roles values (%s, 'owner')", [world.new_user().id])
    world.connection.execute("delete from private.user_roles where user_id = %s", [person.id])
    if role:
        world.connection.execute("insert into private.user_roles values (%s, %s)", [person.id, role])
    return person


def opened(person: Person) -> dict[str, int]:
    """The status at each door."""
    return {name: person.get(f"/door/{name}").status_code for name in ROLES}


@pytest.mark.parametrize(
    ("role", "statuses"),
    [(None, (403, 403, 403)), ("support", (200, 403, 403)), ("admin", (200, 200, 403)), ("owner", (200, 200, 200))],
)
def test_a_role_opens_its_own_door_and_those_below(
    world: World, alice: Person, role: str | None, statuses: tuple[int, ...]
) -> None:
    """support < admin < owner; users are refused in the one shape of errors."""
    make(world, alice, role)
    assert opened(alice) == dict(zip(ROLES, statuses, strict=True))
    if role is None:
        error = alice.get("/door/support").json["error"]
        assert (error["code"], error["details"]) == ("forbidden", {"required": "support"})


def test_a_role_that_was_taken_away_is_dead_at_once(world: World, alice: Person) -> None:
    """With the very token that still claims it; and one that was given works at once, without the claim."""
    claims = jwt.decode(alice.user.token, options={"verify_signature": False}) | {"user_role": "owner"}
    alice.user.token = Tokens(world.keys).sign(claims)
    assert set(opened(alice).values()) == {403}
    assert set(opened(make(world, alice, "owner")).values()) == {200}
    assert set(opened(make(world, alice, None)).values()) == {403}


def test_a_path_that_no_text_can_hold_is_refused_and_written_down(world: World, alice: Person) -> None:
    """A NUL is nothing that the database can store; that is the caller's fault and no 500."""
    path = "/api/v1/admin/prompts/a%00b"
    assert make(world, alice, None).get(path).status_code == 403
    row = world.connection.execute("select subject_id from private.audit_log order by id desc limit 1").fetchone()
    assert row == (f"GET {path}",)
    make(world, alice, "owner")
    assert alice.get(path).json["error"]["code"] == "invalid_params"
    assert alice.ask("PATCH", "/api/v1/admin/flags/a%00b", json={"reason": "x"}).status_code == 422


def test_without_a_good_token_the_database_is_not_asked(world: World, app: Flask) -> None:
    """401, as at every other door."""
    world.supabase.calls.clear()
    for headers in ({}, {"Authorization": "Bearer nonsense"}):
        assert app.test_client().get("/door/support", headers=headers).status_code == 401
    assert not [call for call in world.supabase.calls if call.startswith("/rest")]


def test_while_the_database_is_away_nobody_is_let_in(world: World, alice: Person) -> None:
    """503 and not 403: the role is not known."""
    make(world, alice, "owner")
    with world.supabase.outage("/rest"):
        answer = alice.get("/door/support")
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "unavailable")
    assert answer.headers["Retry-After"]


def test_guessing_is_counted_before_the_database_is_asked(world: World, alice: Person) -> None:
    """Whoever is no admin can't make the database work without end."""
    app = with_doors(create_app(deps=world.variant(RATE_LIMIT_DEFAULT="2/minute")))
    person = Person(app, alice.user)
    world.supabase.calls.clear()
    assert [person.get("/door/owner").status_code for _ in range(4)] == [403, 403, 429, 429]
    assert len([call for call in world.supabase.calls if call.startswith("/rest")]) == 2


def test_owners_see_and_change_the_limits_of_roles(world: World, alice: Person) -> None:
    """Over HTTP as in SQL; support staff has none."""
    path = "/api/v1/admin/roles/admin/limits"
    assert make(world, alice, "admin").get(path).status_code == 403
    make(world, alice, "owner")
    before = alice.get(path).json
    new = {"per_act": 5, "per_day": 6, "ceiling": 7, "reason": "a small shop"}
    assert alice.ask("PUT", path, json={**new, "dry_run": True}).json["per_act"] == 5
    assert alice.get(path).json == before
    changed = alice.ask("PUT", path, json=new).json
    assert (changed["ceiling"], changed["previous"]["ceiling"], changed["dry_run"]) == (7, before["ceiling"], False)
    assert alice.ask("PUT", path, json={**new, "ceiling": 4}).json["error"]["details"]["field"] == "ceiling"
    assert alice.ask("PUT", path, json={**new, "per_act": -1}).status_code == 422
    assert alice.get("/api/v1/admin/roles/support/limits").status_code == 422
    back = {name: before[name] for name in ("per_act", "per_day", "ceiling")}
    assert alice.ask("PUT", path, json={**back, "reason": "back"}).status_code == 200
