"""Feature flags for admins over HTTP."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from flask import Flask

from backend.flags import FLAGS
from tests.web.person import Person
from tests.web.test_adjustments import ADMIN, staff
from tests.web.test_errors import check_shape
from tests.web.test_flags import NOBODY, URL, WHY, as_they_were
from tests.worker.world import World

SOON = "2099-01-01T00:00:00Z"


@pytest.fixture
def ada(app: Flask, world: World) -> Iterator[Person]:
    """An admin; what she changed is as it was afterwards."""
    yield staff(app, world, "admin")
    as_they_were(world)


def change(admin: Person, key: str = "charts", **what: object) -> Any:
    """Change a flag."""
    return admin.ask("PATCH", f"{URL}/{key}", json=WHY | what)


def plan(admin: Person, *steps: object, **what: object) -> Any:
    """Roll a flag out."""
    return admin.ask("PUT", f"{URL}/charts/plan", json={"steps": steps, **WHY, **what})


def test_support_sees_every_flag_and_changes_none(app: Flask, world: World, ada: Person, alice: Person) -> None:
    """What it is, for whom, since when."""
    sam = staff(app, world, "support")
    listed = sam.get(URL).json["data"]
    assert {row["key"]: row["default_on"] for row in listed} == FLAGS
    assert all(row["description"] and row["version"] for row in listed)
    check_shape(change(sam, enabled=False), 403, "forbidden")
    check_shape(plan(sam), 403, "forbidden")
    check_shape(alice.get(URL), 403, "forbidden")


def test_a_dry_run_changes_nothing(ada: Person) -> None:
    """It tells what would be."""
    tried = change(ada, enabled=False, dry_run=True).json
    assert (tried["enabled"], tried["dry_run"]) == (False, True)
    tried = plan(ada, dry_run=True).json
    assert (tried["plan"], tried["dry_run"]) == (None, True)
    assert next(row for row in ada.get(URL).json["data"] if row["key"] == "charts")["enabled"] is True


def test_a_roll_out_from_nobody_to_everybody(ada: Person, alice: Person) -> None:
    """Switched off, planned, looked at by user, and ended."""
    version = change(ada, enabled=False).json["version"]
    steps = [{"percentage": 10, "at": SOON}, {"percentage": 100, "at": "2099-02-01T01:00:00+01:00"}]
    made = plan(ada, *steps, version=version).json
    assert [(step["percentage"], step["at"]) for step in made["plan"]] == [
        (10, "2099-01-01T00:00:00.000000Z"), (100, "2099-02-01T00:00:00.000000Z"),
    ]  # fmt: skip
    assert (made["enabled"], made["percentage"]) == (True, 0)
    assert change(ada, users=[str(alice.id)]).json["users"] == [str(alice.id)]
    shown = ada.get(f"{ADMIN}/users/{alice.id}").json["flags"]
    assert (shown["charts"], shown["batches"]) == ({"on": True, "why": "user"}, {"on": True, "why": "everybody"})
    assert plan(ada).json["plan"] is None
    acts = ada.get(f"{ADMIN}/audit?subject_type=flag&subject_id=charts&actor=user:{ada.id}").json["data"]
    assert [row["act"] for row in acts] == ["plan_flag", "change_flag", "plan_flag", "change_flag"]


@pytest.mark.parametrize(
    ("what", "field"),
    [
        ({"percentage": 101}, "percentage"),
        ({"percentage": "10"}, "percentage"),
        ({"enabled": "no"}, "enabled"),
        ({"roles": ["god"]}, "roles.0"),
        ({"roles": ["admin"]}, "roles"),
        ({"users": ["alice"]}, "users.0"),
        ({"users": "x"}, "users"),
        ({"version": 0}, "version"),
        ({"reason": " "}, "reason"),
        ({"color": "red"}, "color"),
    ],
)
def test_a_bad_change_names_its_field(ada: Person, what: dict[str, object], field: str) -> None:
    """422, and nothing changes."""
    details: Any = check_shape(change(ada, **what), 422, "invalid_params")["details"]
    assert details["field"] == field


@pytest.mark.parametrize(
    ("step", "field"),
    [
        ({"percentage": 0, "at": SOON}, "steps.0.percentage"),
        ({"percentage": 5}, "steps.0.at"),
        ({"percentage": 5, "at": "tomorrow"}, "steps.0.at"),
        ({"percentage": 5, "at": "2099-01-01T00:00:00"}, "steps.0.at"),
        ({"percentage": 5, "at": SOON}, "steps.0"),  # on for everybody
        ("x", "steps.0"),
    ],
)
def test_a_bad_step_names_its_field(ada: Person, step: object, field: str) -> None:
    """By its place in the plan."""
    details: Any = check_shape(plan(ada, step), 422, "invalid_params")["details"]
    assert details["field"] == field


def test_what_is_not_there_or_not_the_last_version(ada: Person) -> None:
    """404 and 409."""
    check_shape(change(ada, "chart", enabled=False), 404, "flag_not_found")
    check_shape(ada.ask("PUT", f"{URL}/chart/plan", json={"steps": [], **WHY}), 404, "flag_not_found")
    last = change(ada, enabled=False).json["version"]
    late = check_shape(change(ada, enabled=True, version=last - 1), 409, "invalid_state")
    assert late["details"] == {"version": last}
    check_shape(change(ada, percentage=0, users=[str(ada.id)[:-12] + "0" * 12]), 404, "user_not_found")


def test_sign_ups_are_closed_for_strangers_and_nobody_else(ada: Person, world: World) -> None:
    """Supabase Auth asks the flag: 403 with its sentence; who has an account signs in, and servers make new ones."""
    auth, headers = f"{world.supabase.url}/auth/v1", {"apikey": world.keys.publishable_key}
    secret = {"apikey": world.keys.secret_key, "Authorization": f"Bearer {world.keys.secret_key}"}

    def person() -> dict[str, str]:
        return {"email": f"{uuid.uuid4()}@example.test", "password": "correct horse battery"}

    assert httpx.post(f"{auth}/signup", json=person(), headers=headers).status_code == 200
    change(ada, "sign_ups", enabled=False)
    refused = httpx.post(f"{auth}/signup", json=person(), headers=headers)
    assert (refused.status_code, refused.json()["msg"]) == (403, "Sign-ups are closed at the moment.")
    known = person()
    assert httpx.post(f"{auth}/admin/users", json={**known, "email_confirm": True}, headers=secret).status_code == 200
    assert httpx.post(f"{auth}/token?grant_type=password", json=known, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("operation", "odd"),
    [
        ("admin_change_flag", {"p_users": [[NOBODY]], "p_percentage": 0}),
        ("admin_change_flag", {"p_users": [None], "p_percentage": 0}),
        ("admin_change_flag", {"p_users": ["x"]}),
        ("admin_change_flag", {"p_roles": [["admin", "owner"]], "p_percentage": 0}),
        ("admin_change_flag", {"p_roles": [None], "p_percentage": 0}),
        ("admin_change_flag", {"p_percentage": 70_000}),
        ("admin_change_flag", {"p_key": "\u00e9" * 500}),
        ("admin_plan_flag", {"p_percentages": [[1, 2]], "p_times": [SOON, SOON]}),
        ("admin_plan_flag", {"p_percentages": [70_000], "p_times": [SOON]}),
        ("admin_plan_flag", {"p_percentages": [5], "p_times": ["soon"]}),
        ("admin_plan_flag", {"p_percentages": [5], "p_times": [None]}),
        ("admin_plan_flag", {"p_percentages": None, "p_times": [SOON]}),
    ],
)
def test_who_calls_the_database_with_nonsense_is_refused(
    ada: Person, world: World, operation: str, odd: dict[str, object]
) -> None:
    """Past our API, by an admin: refused as the caller's mistake, and nothing changes."""
    before = ada.get(URL).json
    url = f"{world.supabase.url}/rest/v1/rpc/{operation}"
    headers = {"apikey": world.keys.publishable_key, "Authorization": f"Bearer {ada.user.token}"}
    answer = httpx.post(url, json={"p_key": "charts", "p_reason": "test", **odd}, headers=headers)
    assert 400 <= answer.status_code < 500, answer.text
    assert ada.get(URL).json == before
