"""The production failure, replayed: an admin adds credits, something is set up wrongly, and the answer names the cause.

On a production server admins could not apply credits and nobody could tell why: a missing session gave a 500. Each case
here is one thing that can be wrong; none of them is a 500. That doctor finds each misconfiguration by name is shown in
tests/scripts/test_doctor.py.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, LiteralString

import pytest
from flask import Flask
from pydantic import SecretStr
from werkzeug.test import TestResponse

from backend.app import create_app
from backend.config import ConfigError
from backend.deps import build_deps
from scripts.local.supabase.keys import make_keys
from scripts.local.supabase.tokens import Tokens
from tests.web.person import Person
from tests.web.test_errors import check_shape
from tests.worker.world import World


@dataclass
class Scene:
    """An admin who adds 5 credits to what Alice has; a case changes one thing of it."""

    app: Flask
    world: World
    admin: Person
    user_id: str
    claims: dict[str, Any] = field(default_factory=dict)
    signed_in: bool = True
    outage: Callable[[], AbstractContextManager[None]] = nullcontext

    def token(self) -> dict[str, str]:
        """What the admin's page sends."""
        now = int(time.time())
        basic = {
            "sub": str(self.admin.id),
            "role": "authenticated",
            "aud": "authenticated",
            "iat": now,
            "exp": now + 60,
        }
        issuer = {"iss": f"{self.world.supabase.url}/auth/v1"}
        token = Tokens(self.world.keys).sign(basic | issuer | self.claims)
        return {"Authorization": f"Bearer {token}"} if self.signed_in else {}

    def add(self) -> TestResponse:
        """Send the request."""
        headers = self.token()
        body = {"amount": 5, "reason": "goodwill"}
        with self.outage():
            return self.app.test_client().post(
                f"/api/v1/admin/users/{self.user_id}/credits", json=body, headers=headers
            )

    def demote(self) -> None:
        """Take the role away."""
        self.world.connection.execute("delete from private.user_roles where user_id = %s", [self.admin.id])

    def promote(self) -> None:
        """Let nothing be refused for the role."""
        self.world.connection.execute(
            "update private.user_roles set role = 'owner' where user_id = %s", [self.admin.id]
        )

    def with_keys(self, **keys: str) -> None:
        """Run the server with other keys, past the check that it makes when it starts."""
        given = {name: SecretStr(key) if name == "secret_key" else key for name, key in keys.items()}
        self.app = create_app(deps=build_deps(self.world.deps.settings.model_copy(update=given)))


def no_token(scene: Scene) -> None:
    """A session that was lost on the way."""
    scene.signed_in = False


def expired_token(scene: Scene) -> None:
    """A page left open over lunch."""
    scene.claims = {"iat": int(time.time()) - 7200, "exp": int(time.time()) - 3600}


def users_token(scene: Scene) -> None:
    """Signed in as somebody who is no admin."""
    scene.demote()


def stale_claim(scene: Scene) -> None:
    """The token still says admin; the role is gone."""
    scene.demote()
    scene.claims = {"user_role": "admin"}


def wrong_service_key(scene: Scene) -> None:
    """Of another project. The admin's request needs no service key; see below what does."""
    scene.with_keys(secret_key=make_keys().secret_key)


def publishable_key_as_secret(scene: Scene) -> None:
    """Started all the same."""
    scene.with_keys(secret_key=scene.world.keys.publishable_key)


def wrong_publishable_key(scene: Scene) -> None:
    """Of another project."""
    scene.with_keys(publishable_key=make_keys().publishable_key)


def database_down(scene: Scene) -> None:
    """It accepts no connection."""
    scene.outage = scene.world.database_outage


def missing_user(scene: Scene) -> None:
    """An id that nobody has."""
    scene.user_id = str(uuid.UUID(int=7))


def missing_wallet(scene: Scene) -> None:
    """A user who signed up before there were wallets."""
    scene.world.sql.forget(uuid.UUID(scene.user_id))


CASES: list[tuple[Callable[[Scene], None], int, str | None, dict[str, Any], str]] = [
    (no_token, 401, "unauthenticated", {}, "Sign in and send the access token as a bearer token."),
    (expired_token, 401, "unauthenticated", {"reason": "expired"}, "The access token has expired: refresh it."),
    (users_token, 403, "forbidden", {"required": "support"}, "This needs the role support."),
    (
        stale_claim,
        403,
        "forbidden",
        {"required": "support", "claimed": "admin"},
        "This needs the role support. Your token says admin, which you are not any more: sign in again.",
    ),
    (wrong_service_key, 200, None, {}, ""),
    (publishable_key_as_secret, 200, None, {}, ""),
    (
        wrong_publishable_key,
        503,
        "misconfigured",
        {"variable": "SUPABASE_PUBLISHABLE_KEY", "mend": "Run scripts/doctor.py with the variables of this server."},
        "The project does not accept SUPABASE_PUBLISHABLE_KEY of this server.",
    ),
    (database_down, 503, "unavailable", {}, "A part of the service can't be reached; try again shortly."),
    (missing_user, 404, "user_not_found", {"user_id": str(uuid.UUID(int=7))}, "There is no such user."),
    (missing_wallet, 200, None, {}, ""),
]


def admin_routes(app: Flask) -> list[tuple[str, str]]:
    """Every method and path for admins, with something in each place."""
    named = {"role": "admin", "queue": "low", "key": "fog", "flag": "payments"}
    return [
        (method, re.sub(r"<(?:\w+:)?(\w+)>", lambda found: named.get(found[1], str(uuid.UUID(int=7))), rule.rule))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/admin/")
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


@pytest.fixture
def scene(app: Flask, world: World, alice: Person, bob: Person) -> Scene:
    """Bob is an admin, and not the last owner."""
    world.connection.execute("insert into private.user_roles values (%s, 'admin')", [bob.id])
    return Scene(app, world, bob, str(alice.id))


@pytest.mark.parametrize(
    ("break_it", "status", "code", "details", "message"), CASES, ids=lambda one: getattr(one, "__name__", "")
)
def test_each_misconfiguration_answers_with_its_cause(
    scene: Scene,
    break_it: Callable[[Scene], None],
    status: int,
    code: str | None,
    details: dict[str, Any],
    message: str,
) -> None:
    """The right status, and a JSON error that names it; what does not stand in the way does not stop it."""
    break_it(scene)
    answer = scene.add()
    if code:
        error = check_shape(answer, status, code)
        assert (error["message"], error["details"]) == (message, details)
        return
    assert answer.status_code == status, answer.text
    # The wallet that is made on the way comes with 25 sign-up credits, so the total is the same in each case.
    assert (answer.json["added"], answer.json["balance"]) == (5, 30)


@pytest.mark.parametrize(
    ("break_it", "cause"),
    [
        (wrong_service_key, "The project does not accept SUPABASE_SECRET_KEY of this server."),
        (publishable_key_as_secret, "SUPABASE_SECRET_KEY of this server has no secret key's rights."),
    ],
)
def test_what_needs_the_service_key_names_it(scene: Scene, break_it: Callable[[Scene], None], cause: str) -> None:
    """Also /ready, before anybody notices."""
    break_it(scene)
    error = check_shape(scene.app.test_client().get("/ready"), 503, "unavailable")
    assert error["details"]["checks"]["database"] == cause  # type: ignore[index]


def test_a_server_does_not_start_with_the_publishable_key_as_secret(world: World) -> None:
    """It says which variable is wrong, and how."""
    with pytest.raises(ConfigError, match="SUPABASE_SECRET_KEY holds the publishable key"):
        world.variant(SUPABASE_SECRET_KEY=world.keys.publishable_key)


DOORS: list[tuple[Callable[[Scene], None], int, str, dict[str, Any]]] = [
    (no_token, 401, "unauthenticated", {}),
    (expired_token, 401, "unauthenticated", {"reason": "expired"}),
    (users_token, 403, "forbidden", {}),
    (stale_claim, 403, "forbidden", {"claimed": "admin"}),
    (wrong_publishable_key, 503, "misconfigured", {"variable": "SUPABASE_PUBLISHABLE_KEY"}),
    (database_down, 503, "unavailable", {}),
]


@pytest.mark.parametrize(("break_it", "status", "code", "details"), DOORS, ids=lambda one: getattr(one, "__name__", ""))
def test_every_route_of_admins_answers_with_the_same_cause(
    scene: Scene, break_it: Callable[[Scene], None], status: int, code: str, details: dict[str, Any]
) -> None:
    """None of them with 500, before anything is read of what was asked."""
    break_it(scene)
    token = scene.token()
    routes = admin_routes(scene.app)
    with scene.outage():
        answers = [scene.app.test_client().open(path, method=method, headers=token, json={}) for method, path in routes]
    for (method, path), answer in zip(routes, answers, strict=True):
        error = check_shape(answer, status, code)
        assert details.items() <= dict(error["details"]).items(), (method, path)  # type: ignore[call-overload]


@pytest.mark.parametrize("break_it", [wrong_service_key, publishable_key_as_secret])
def test_no_route_of_admins_breaks_on_a_service_key_that_is_wrong(
    scene: Scene, break_it: Callable[[Scene], None]
) -> None:
    """What needs none goes on; what does says which variable is wrong."""
    scene.promote()
    break_it(scene)
    told = set()
    for method, path in admin_routes(scene.app):
        answer = scene.app.test_client().open(path, method=method, headers=scene.token(), json={})
        if answer.status_code >= 500:
            told.add(check_shape(answer, 503, answer.json["error"]["code"])["code"])
    assert told <= {"misconfigured", "payments_not_configured"}


@pytest.mark.parametrize("bearer", ["", "Bearer", "Bearer ", "Bearer null", "Bearer undefined", "Basic YTpi", "null"])
def test_what_a_page_sends_without_a_session_is_401(scene: Scene, bearer: str) -> None:
    """Regression: the session was gone, the page sent "undefined", and the server answered 500."""
    for method, path in admin_routes(scene.app)[:3]:
        answer = scene.app.test_client().open(path, method=method, headers={"Authorization": bearer}, json={})
        check_shape(answer, 401, "unauthenticated")


@pytest.mark.parametrize(
    ("harm", "mend", "lacking"),
    [
        (
            "alter function public.admin_adjust_credits rename to not_there",
            "alter function public.not_there rename to admin_adjust_credits",
            "admin_adjust_credits",
        ),
        (
            "revoke execute on function public.admin_adjust_credits from authenticated",
            "grant execute on function public.admin_adjust_credits to authenticated",
            "admin_adjust_credits",
        ),
        (
            "alter function public.admin_check_role rename to not_there",
            "alter function public.not_there rename to admin_check_role",
            "admin_check_role",
        ),
    ],
)
def test_migrations_that_are_missing_are_named(
    scene: Scene, harm: LiteralString, mend: LiteralString, lacking: str
) -> None:
    """503 with the operation, and where to look; doctor names it too (tests/scripts/test_doctor.py)."""
    scene.world.connection.execute(harm)
    try:
        error = check_shape(scene.add(), 503, "misconfigured")
    finally:
        scene.world.connection.execute(mend)
    assert error["details"] == {
        "operation": lacking,
        "mend": "Run scripts/doctor.py with the variables of this server.",
    }
    assert "migrations are missing" in str(error["message"])
    assert scene.add().status_code == 200
