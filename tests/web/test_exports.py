"""What admins take along as a file: payments, the ledger of a user; and the page of payments that need somebody."""

from __future__ import annotations

import csv
import io
import json

import pytest

from tests.sql import payments
from tests.web.person import Person
from tests.worker.world import World

PAYMENTS = "/api/v1/admin/payments"


@pytest.fixture
def sam(world: World, bob: Person) -> Person:
    """Sam, who works in support."""
    world.connection.execute("insert into private.user_roles values (%s, 'support')", [bob.id])
    return bob


def test_a_flagged_payment_is_found(world: World, alice: Person, sam: Person) -> None:
    """With its reason; users and unknown words are refused."""
    flagged = payments.apply(world.sql, payments.start(world.sql, alice.user.id), currency="eur")
    query = f"{PAYMENTS}?status=flagged&user_id={alice.id}"
    [row] = sam.get(query).json["data"]
    assert (row["id"], row["flag_reason"], row["status"]) == (flagged["id"], "wrong_currency", "flagged")
    assert alice.get(query).status_code == 403
    assert sam.get(f"{PAYMENTS}?status=odd").json["error"]["details"]["field"] == "status"


def test_payments_are_taken_along(world: World, alice: Person, sam: Person) -> None:
    """More than a page of them; as CSV or as JSON lines, the same rows."""
    made = [payments.start(world.sql, alice.user.id)["id"] for _ in range(203)]
    got = sam.get(f"{PAYMENTS}/export?format=csv&user_id={alice.id}")
    assert (got.status_code, got.content_type) == (200, "text/csv; charset=utf-8")
    assert got.headers["Content-Disposition"] == 'attachment; filename="payments.csv"'
    rows = list(csv.DictReader(io.StringIO(got.text)))
    assert [row["id"] for row in rows] == made[::-1]
    lines = sam.get(f"{PAYMENTS}/export?format=jsonl&user_id={alice.id}").text.splitlines()
    assert [json.loads(line)["id"] for line in lines] == made[::-1]
    assert list(json.loads(lines[0])) and set(json.loads(lines[0])) == set(rows[0])


def test_the_ledger_of_a_user_is_taken_along(world: World, alice: Person, sam: Person) -> None:
    """As pages and as a file; what a spreadsheet would run is quoted."""
    world.sql.as_service(
        "grant_credits",
        p_user_id=alice.user.id,
        p_amount=3,
        p_source="admin",
        p_idempotency_key="k",
        p_reason="=1+1",
    )
    path = f"/api/v1/admin/users/{alice.id}/transactions"
    page = sam.get(path).json
    assert page["data"] == alice.get("/api/v1/credits/transactions").json["data"]
    rows = list(csv.DictReader(io.StringIO(sam.get(f"{path}/export").text)))
    assert (rows[0]["amount"], rows[0]["reason"]) == ("3", "'=1+1")
    lines = [json.loads(line) for line in sam.get(f"{path}/export?format=jsonl").text.splitlines()]
    assert lines == page["data"]
    assert alice.get(f"{path}/export").status_code == 403
    assert (
        sam.get(f"/api/v1/admin/users/{world.sql.one('select gen_random_uuid()')}/transactions/export").status_code
        == 404
    )


def test_an_event_is_dismissed(world: World, alice: Person, sam: Person) -> None:
    """By an admin, with a reason; tried first."""
    event = payments.record(world.sql)
    path = f"{PAYMENTS}/events/{event}/dismiss"
    assert sam.ask("POST", path, json={"reason": "by hand"}).status_code == 403
    world.connection.execute("update private.user_roles set role = 'admin' where user_id = %s", [sam.id])
    assert sam.ask("POST", path).json["error"]["details"]["field"] == "reason"
    tried = sam.ask("POST", path, json={"reason": "by hand", "dry_run": True}).json
    assert (tried["state"], tried["dry_run"], tried["id"]) == ("ignored", True, event)
    assert world.sql.one("select state from private.stripe_events where id = %s", event) == "received"
    assert sam.ask("POST", path, json={"reason": "by hand"}).json["last_error"] == "by hand"
    assert sam.ask("POST", f"{PAYMENTS}/events/{event}/retry").status_code == 409
