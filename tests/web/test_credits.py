"""Who am I, and what do I have: the account and the ledger over HTTP."""

from __future__ import annotations

import uuid

import httpx
import jsonschema
import pytest
from flask import Flask

from tests.web.person import Person
from tests.web.test_errors import check_shape
from tests.worker.world import User, World


def test_a_user_who_signed_up_has_credits_and_an_account(app: Flask, world: World) -> None:
    """The whole way: sign-up at Auth, then /me with the token that Auth gave."""
    answer = httpx.post(
        f"{world.supabase.url}/auth/v1/signup",
        headers={"apikey": world.keys.publishable_key},
        json={"email": f"{uuid.uuid4().hex}@example.com", "password": "correct horse"},
    ).json()
    person = Person(app, User(answer["user"]["id"], answer["access_token"], world.deps.rpc.as_anon()))
    me = person.get("/api/v1/me").json
    assert (me["id"], me["email"], me["role"]) == (answer["user"]["id"], answer["user"]["email"], None)
    assert me["credits"] == {"balance": 25, "held": 0, "available": 25, "low_balance": False, "expiring": []}


def test_the_balance_shows_what_is_held(alice: Person) -> None:
    """available = balance - held."""
    alice.started()
    balance = alice.get("/api/v1/credits/balance").json
    assert (balance["balance"], balance["held"], balance["available"]) == (25, 4, 21)


def test_the_ledger_comes_in_pages_newest_first(alice: Person, world: World) -> None:
    """Keyset pages: nothing is shown twice, nothing is left out."""
    for amount in (1, 2, 3):
        world.sql.grant(alice.id, amount)
    first = alice.get("/api/v1/credits/transactions?limit=3").json
    assert ([row["amount"] for row in first["data"]], first["has_more"]) == ([3, 2, 1], True)
    last = alice.get(f"/api/v1/credits/transactions?limit=3&before={first['data'][-1]['id']}").json
    assert ([(row["kind"], row["amount"]) for row in last["data"]], last["has_more"]) == ([("grant", 25)], False)


def test_nobody_sees_the_ledger_of_another(alice: Person, bob: Person, world: World) -> None:
    """Not even with the id of a row."""
    world.sql.grant(bob.id, 1000)
    newest = bob.get("/api/v1/credits/transactions").json["data"][0]["id"]
    page = alice.get(f"/api/v1/credits/transactions?before={newest + 1}").json
    assert [row["amount"] for row in page["data"]] == [25]
    assert alice.get("/api/v1/credits/balance").json["balance"] == 25


def test_a_user_without_profile_and_wallet_can_read_and_be_granted(alice: Person, world: World) -> None:
    """`Profile not found` can't happen to a signed-in user."""
    world.sql.forget(alice.id)
    assert alice.get("/api/v1/credits/transactions").json == {"data": [], "has_more": False}
    assert alice.get("/api/v1/credits/balance").status_code == 200
    world.sql.forget(alice.id)
    assert alice.get("/api/v1/me").status_code == 200
    before = alice.available()
    world.sql.grant(alice.id, 7)
    assert alice.available() == before + 7


def test_a_token_of_a_deleted_user_has_no_account(alice: Person, world: World) -> None:
    """The token is still good, the user is gone: a refusal, not a bug."""
    world.connection.execute("delete from auth.users where id = %s", [alice.id])
    check_shape(alice.get("/api/v1/me"), 404, "user_not_found")
    check_shape(alice.create(), 404, "user_not_found")


@pytest.mark.parametrize("path", ["/api/v1/me", "/api/v1/credits/balance", "/api/v1/credits/transactions"])
def test_answers_fit_the_document(alice: Person, path: str) -> None:
    """What is documented is what is sent."""
    document = alice.get("/openapi.json").json
    schema = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    answer = alice.get(path)
    assert answer.status_code == 200
    jsonschema.validate(answer.json, {**schema, "components": document["components"]})
