"""Users over HTTP, for support staff and admins."""

from __future__ import annotations

import uuid

import httpx
import pytest
from flask import Flask

from tests.web.person import Person
from tests.web.test_adjustments import ADMIN, staff
from tests.web.test_errors import check_shape
from tests.worker.world import World

WHY = {"reason": "stolen cards"}


@pytest.fixture
def sam(app: Flask, world: World) -> Person:
    """Support staff."""
    return staff(app, world, "support")


@pytest.fixture
def ada(app: Flask, world: World) -> Person:
    """An admin."""
    return staff(app, world, "admin")


def test_support_finds_a_user_and_sees_all_of_him(sam: Person, alice: Person) -> None:
    """By a part of the address; whoever is none of us does not."""
    listed = sam.get(f"{ADMIN}/users?q={str(alice.id)[:13]}&suspended=false&limit=5").json
    assert [row["id"] for row in listed["data"]] == [str(alice.id)]
    shown = sam.get(f"{ADMIN}/users/{alice.id}").json
    assert (shown["credits"]["available"], shown["lots"][0]["remaining"], shown["audit"]) == (25, 25, [])
    check_shape(sam.get(f"{ADMIN}/users/{uuid.uuid4()}"), 404, "user_not_found")
    check_shape(sam.get(f"{ADMIN}/users/nobody"), 422, "invalid_params")
    check_shape(sam.get(f"{ADMIN}/users?role=god"), 422, "invalid_params")
    check_shape(alice.get(f"{ADMIN}/users"), 403, "forbidden")


def test_who_is_suspended_starts_nothing(ada: Person, sam: Person, alice: Person) -> None:
    """With the token that he has; what he owns stays in sight. Restored, he goes on."""
    url = f"{ADMIN}/users/{alice.id}"
    check_shape(sam.ask("POST", f"{url}/suspend", json=WHY), 403, "forbidden")
    assert ada.ask("POST", f"{url}/suspend", json=WHY).json["suspended"] is True
    check_shape(alice.create(), 403, "user_suspended")
    assert alice.available() == 25
    assert [row["outcome"] for row in ada.get(url).json["audit"]] == ["done", "refused"]
    assert ada.ask("POST", f"{url}/restore", json=WHY).json["previous"] is True
    alice.started()


def test_who_is_suspended_can_not_sign_in_again(world: World, app: Flask, ada: Person) -> None:
    """Supabase Auth refuses the password and the refresh token, and takes both again when he is restored."""
    auth, headers = f"{world.supabase.url}/auth/v1", {"apikey": world.keys.publishable_key}
    login = {"email": f"{uuid.uuid4()}@example.test", "password": "correct horse battery"}
    admin = {"apikey": world.keys.secret_key, "Authorization": f"Bearer {world.keys.secret_key}"}
    made = httpx.post(f"{auth}/admin/users", json={**login, "email_confirm": True}, headers=admin).json()

    def sign_in() -> httpx.Response:
        return httpx.post(f"{auth}/token?grant_type=password", json=login, headers=headers)

    session = sign_in().json()
    ada.ask("POST", f"{ADMIN}/users/{made['id']}/suspend", json=WHY)
    assert sign_in().status_code == 400
    renewal = {"refresh_token": session["refresh_token"]}
    assert httpx.post(f"{auth}/token?grant_type=refresh_token", json=renewal, headers=headers).status_code == 400
    ada.ask("POST", f"{ADMIN}/users/{made['id']}/restore", json=WHY)
    assert sign_in().status_code == 200


def test_a_user_has_slots_of_his_own(ada: Person, alice: Person) -> None:
    """A dry run changes nothing."""
    url = f"{ADMIN}/users/{alice.id}/limits"
    assert ada.ask("PUT", url, json={"concurrency": 1, **WHY, "dry_run": True}).json["concurrency"] == 1
    assert ada.ask("PUT", url, json={"concurrency": 1, **WHY}).json["previous"] is None
    assert [alice.started()["waiting"] for _ in range(2)] == [False, True]
    check_shape(ada.ask("PUT", url, json={"concurrency": -1, **WHY}), 422, "invalid_params")
