"""Admins over HTTP: credits, roles and the audit log, with the request that each row came from."""

from __future__ import annotations

import csv
import io
import json
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.web.person import Person
from tests.web.test_errors import check_shape
from tests.worker.world import World

ADMIN = "/api/v1/admin"


def staff(app: Flask, world: World, role: str) -> Person:
    """Somebody with a role."""
    person = Person(app, world.new_user())
    world.connection.execute("insert into private.user_roles values (%s, %s)", [person.id, role])
    return person


@pytest.fixture
def ada(app: Flask, world: World) -> Person:
    """An admin."""
    return staff(app, world, "admin")


@pytest.fixture
def eve(app: Flask, world: World) -> Person:
    """Another admin."""
    return staff(app, world, "admin")


@pytest.fixture
def olga(app: Flask, world: World) -> Person:
    """An owner."""
    return staff(app, world, "owner")


def adjust(admin: Person, user: Person, amount: int, *, key: str | None = None, **body: Any) -> TestResponse:
    """Add credits, or take them away."""
    asked = {"amount": amount, "reason": "goodwill", **body}
    headers = {"Idempotency-Key": key or uuid.uuid4().hex, "X-Request-Id": "r-1"}
    return admin.ask("POST", f"{ADMIN}/users/{user.id}/credits", json=asked, headers=headers)


def trail(admin: Person, **narrow: object) -> list[dict[str, Any]]:
    """What the audit log says."""
    query = "&".join(f"{name}={value}" for name, value in narrow.items())
    rows: list[dict[str, Any]] = admin.get(f"{ADMIN}/audit?{query}").json["data"]
    return rows


def test_credits_are_added_to_what_is_there(ada: Person, alice: Person) -> None:
    """The answer says what was added and the new total; a repeat of the key adds nothing."""
    first = adjust(ada, alice, 30, key="one", expires_at="2100-01-01T00:00:00Z")
    assert (first.status_code, first.headers["Idempotency-Key"]) == (200, "one")
    assert (first.json["added"], first.json["balance"], first.json["status"]) == (30, 55, "applied")
    assert adjust(ada, alice, 30, key="one", expires_at="2100-01-01T00:00:00Z").json == first.json
    assert alice.available() == 55
    check_shape(adjust(ada, alice, 31, key="one"), 409, "idempotency_key_reused")
    check_shape(adjust(ada, alice, -56), 402, "insufficient_credits")
    assert adjust(ada, alice, -55, dry_run=True).json["balance"] == 0
    assert alice.available() == 55
    assert adjust(ada, alice, -55).json["balance"] == 0


def test_a_row_of_the_log_names_its_request(ada: Person, alice: Person) -> None:
    """Actor, role, act, subject, before, after, reason, request id and address."""
    adjust(ada, alice, 30)
    [row] = trail(ada, subject_type="user", subject_id=alice.id)
    assert (row["actor"], row["role"], row["act"]) == (f"user:{ada.id}", "admin", "adjust_credits")
    assert (row["before"]["balance"], row["after"]["balance"], row["reason"]) == (25, 55, "goodwill")
    assert (row["request_id"], row["ip"], row["outcome"]) == ("r-1", "127.0.0.1", "done")


def test_a_malformed_body_names_its_field(ada: Person, alice: Person) -> None:
    """422, and nothing moves."""
    wrong: dict[str, Any] = {"amount": "5", "reason": " ", "expires_at": "soon", "dry_run": "yes", "extra": 1}
    for field, value in wrong.items():
        error = check_shape(adjust(ada, alice, **{"amount": 5, field: value}), 422, "invalid_params")
        assert error["details"]["field"] == field  # type: ignore[index]
    check_shape(adjust(ada, alice, 0), 400, "invalid_amount")
    assert alice.available() == 25


def test_support_reads_and_does_not_adjust(app: Flask, world: World, ada: Person, alice: Person) -> None:
    """The refusal is in the log, with what was asked for."""
    sam = staff(app, world, "support")
    error = check_shape(adjust(sam, alice, 5), 403, "forbidden")
    assert error["details"] == {"required": "admin"}
    assert sam.get(f"{ADMIN}/adjustments").status_code == 200
    [row] = trail(ada, actor=f"user:{sam.id}")
    assert (row["act"], row["role"], row["outcome"], row["request"]["amount"]) == (
        "adjust_credits",
        "support",
        "refused",
        5,
    )
    assert row["refusal"] == {"status": 403, "code": "forbidden", "details": {"required": "admin"}}


def test_whoever_is_turned_away_at_the_door_is_written_down(ada: Person, alice: Person, bob: Person) -> None:
    """With what they asked for; once an hour for who has no role."""
    for _ in range(2):
        check_shape(adjust(alice, bob, 5), 403, "forbidden")
    [row] = trail(ada, actor=f"user:{alice.id}")
    assert (row["act"], row["role"], row["subject_id"]) == ("enter", None, f"POST {ADMIN}/users/{bob.id}/credits")


def test_above_the_limit_another_admin_decides(ada: Person, eve: Person, alice: Person) -> None:
    """One's own can't be approved."""
    asked = adjust(ada, alice, 1001).json
    assert (asked["status"], asked["added"], asked["balance"]) == ("pending", 0, 25)
    url, why = f"{ADMIN}/adjustments/{asked['id']}", {"reason": "checked"}
    assert asked["id"] in {row["id"] for row in eve.get(f"{ADMIN}/adjustments?status=pending").json["data"]}
    check_shape(ada.ask("POST", f"{url}/approve", json=why), 403, "self_approval")
    made = eve.ask("POST", f"{url}/approve", json=why).json
    assert (made["status"], made["added"], made["balance"]) == ("applied", 1001, 1026)
    check_shape(ada.ask("POST", f"{url}/reject", json=why), 409, "invalid_state")
    check_shape(adjust(ada, alice, 100_001), 403, "limit_exceeded")
    unknown = f"{ADMIN}/adjustments/{uuid.uuid4()}/approve"
    check_shape(eve.ask("POST", unknown, json=why), 404, "adjustment_not_found")
    assert alice.available() == 1026


def test_two_admins_adding_100_times_in_parallel(ada: Person, eve: Person, alice: Person) -> None:
    """The sum is exact, 100 audit rows, and replays add nothing."""
    start = threading.Barrier(8)

    def add(worker: int) -> list[int]:
        start.wait()
        mine = range(worker, 100, 8)
        return [adjust((ada, eve)[n % 2], alice, 3, key=f"{n}").status_code for n in mine]

    for _ in range(2):
        with ThreadPoolExecutor(8) as threads:
            assert {status for found in threads.map(add, range(8)) for status in found} == {200}
        assert alice.available() == 325
        assert len(trail(ada, subject_type="user", subject_id=alice.id, limit=200)) == 100


def test_owners_give_roles_and_take_them(ada: Person, olga: Person, alice: Person) -> None:
    """At once, whatever the token says; admins don't."""
    url = f"{ADMIN}/users/{alice.id}/role"
    check_shape(ada.ask("PUT", url, json={"role": "support", "reason": "x"}), 403, "forbidden")
    made = olga.ask("PUT", url, json={"role": "support", "reason": "joined"}).json
    assert made == {"user_id": str(alice.id), "role": "support", "previous": None, "dry_run": False}
    assert alice.get(f"{ADMIN}/adjustments").status_code == 200
    assert str(alice.id) in {one["user_id"] for one in ada.get(f"{ADMIN}/roles").json["data"]}
    olga.ask("PUT", url, json={"role": None, "reason": "left"})
    check_shape(alice.get(f"{ADMIN}/adjustments"), 403, "forbidden")
    nobody = f"{ADMIN}/users/{uuid.uuid4()}/role"
    check_shape(olga.ask("PUT", nobody, json={"role": "admin", "reason": "x"}), 404, "user_not_found")
    check_shape(olga.ask("PUT", url, json={"role": "god", "reason": "x"}), 422, "invalid_params")


def test_the_last_owner_stays_also_when_two_remove_each_other(app: Flask, world: World, olga: Person) -> None:
    """409 for one of them, or 403 when the other was faster."""
    other = staff(app, world, "owner")
    world.connection.execute(
        "delete from private.user_roles where role = 'owner' and user_id not in (%s, %s)", [olga.id, other.id]
    )
    start = threading.Barrier(2)

    def remove(pair: tuple[Person, Person]) -> int:
        start.wait()
        return pair[0].ask("PUT", f"{ADMIN}/users/{pair[1].id}/role", json={"role": None, "reason": "x"}).status_code

    with ThreadPoolExecutor(2) as threads:
        statuses = sorted(threads.map(remove, [(olga, other), (other, olga)]))
    assert statuses in ([200, 403], [200, 409])
    left = [one["user_id"] for one in (olga, other)[statuses[0] == 0].get(f"{ADMIN}/roles").json.get("data", [])]
    assert world.sql.one("select count(*) from private.user_roles where role = 'owner'") == 1, left


def test_the_log_is_taken_along_as_a_file(ada: Person, alice: Person) -> None:
    """CSV and JSON lines, as searched, with the chain; nothing that a spreadsheet would run."""
    for amount in (1, 2):
        adjust(ada, alice, amount, reason="=1+1")
    query = f"actor=user:{ada.id}&outcome=done"
    answer = ada.get(f"{ADMIN}/audit/export?{query}")
    assert answer.content_type.startswith("text/csv") and "audit.csv" in answer.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [json.loads(row["request"])["amount"] for row in rows] == [2, 1]
    assert {row["reason"] for row in rows} == {"'=1+1"}
    lines = [json.loads(line) for line in ada.get(f"{ADMIN}/audit/export?{query}&format=jsonl").text.splitlines()]
    assert lines == trail(ada, actor=f"user:{ada.id}", outcome="done")
    assert lines[0]["hash"] == rows[0]["hash"]
    check_shape(alice.get(f"{ADMIN}/audit/export"), 403, "forbidden")
