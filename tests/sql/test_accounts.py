"""Accounts: everybody who can sign in has a profile, a wallet and their sign-up credits."""

from __future__ import annotations

import uuid

import pytest

from tests.factories import Sql
from tests.sql.conftest import refused


def sign_up(sql: Sql) -> uuid.UUID:
    user_id = uuid.uuid4()
    sql.connection.execute("insert into auth.users (id, email) values (%s, %s)", [user_id, f"{user_id}@example.test"])
    return user_id


def test_a_sign_up_makes_profile_wallet_and_credits(sql: Sql) -> None:
    """25 credits, in the same transaction as the user."""
    alice = sign_up(sql)
    assert sql.balance(alice) == (25, 0, 25)
    assert sql.ledger(alice) == [("grant", 25)]
    me = sql.as_user(alice, "get_me")
    assert (me["id"], me["role"], me["credits"]["available"]) == (str(alice), None, 25)


def test_credits_given_at_sign_up_are_a_setting(sql: Sql) -> None:
    """None is a choice too."""
    sql.connection.execute("update private.settings set signup_credits = 0")
    assert sql.balance(sign_up(sql)) == (0, 0, 0)


def test_a_failing_bonus_never_blocks_a_sign_up(sql: Sql) -> None:
    """Whatever is wrong with it: here an amount that the ledger refuses."""
    sql.connection.execute("alter table private.settings drop constraint settings_signup_credits_check")
    sql.connection.execute("update private.settings set signup_credits = -3")
    alice = sign_up(sql)
    assert sql.balance(alice) == (0, 0, 0)
    sql.grant(alice, 5)
    assert sql.balance(alice) == (5, 0, 5)
    assert sql.problems() == []


@pytest.mark.parametrize(
    "first", ["get_credit_balance", "get_me", "reserve_credits", "create_generation", "grant_credits"]
)
def test_every_operation_makes_what_is_missing(sql: Sql, first: str) -> None:
    """ "Profile not found" cannot happen to a signed-in user."""
    alice = sign_up(sql)
    sql.forget(alice)
    match first:
        case "reserve_credits":
            sql.reserve(alice, 1)
        case "create_generation":
            sql.generate(alice)
        case "grant_credits":
            assert sql.grant(alice, 5)["balance_after"] == 30
        case _:
            sql.as_user(alice, first)
    assert sql.one("select count(*) from profiles where user_id = %s", alice) == 1
    assert sql.balance(alice)[0] == (30 if first == "grant_credits" else 25)
    assert sql.problems() == []


def test_a_missing_profile_alone_is_made_again(sql: Sql) -> None:
    """The wallet is not touched."""
    alice = sign_up(sql)
    sql.connection.execute("delete from profiles where user_id = %s", [alice])
    assert sql.as_user(alice, "get_me")["id"] == str(alice)
    assert sql.balance(alice) == (25, 0, 25)


def test_credits_for_nobody_are_refused(sql: Sql) -> None:
    """404 instead of a wallet without an owner."""
    with refused(404, "user_not_found"):
        sql.grant(uuid.uuid4(), 5)


def test_an_erased_person_leaves_sound_books(sql: Sql) -> None:
    """The wallet stays, without a name."""
    alice = sql.new_user(credits=10)
    wallet = sql.wallet(alice)
    sql.generate(alice)
    sql.connection.execute("delete from auth.users where id = %s", [alice])
    assert sql.one("select user_id from wallets where id = %s", wallet) is None
    assert sql.one("select balance from wallets where id = %s", wallet) == 10
    assert sql.problems(wallet) == []


@pytest.mark.parametrize("role", ["owner", None])
def test_the_token_hook_adds_the_role(sql: Sql, role: str | None) -> None:
    """Called by Supabase Auth; the platform's own claims stay."""
    alice = sign_up(sql)
    if role:
        sql.connection.execute("insert into private.user_roles (user_id, role) values (%s, %s)", [alice, role])
    event = f'{{"user_id": "{alice}", "claims": {{"role": "authenticated", "sub": "{alice}"}}}}'
    claims = sql.one("select public.custom_access_token_hook(%s::jsonb) -> 'claims'", event)
    assert claims == {"role": "authenticated", "sub": str(alice), "user_role": role}
    assert sql.as_user(alice, "get_me")["role"] == role


# Grants: the rest of credits in.


def test_one_key_grants_once(sql: Sql) -> None:
    """Regression: P8, P10."""
    alice = sql.new_user()
    request = {"p_user_id": alice, "p_amount": 5, "p_source": "purchase", "p_idempotency_key": "key"}
    first = sql.as_service("grant_credits", **request)
    assert sql.as_service("grant_credits", **request) == first
    for change in ({"p_amount": 6}, {"p_source": "admin"}, {"p_reason": "because"}, {"p_reference": "x"}):
        with refused(409, "idempotency_key_reused"):
            sql.as_service("grant_credits", **(request | change))
    assert sql.balance(alice) == (5, 0, 5)


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"p_amount": 0}, 400, "invalid_amount"),
        ({"p_amount": -5}, 400, "invalid_amount"),
        ({"p_source": "thin air"}, 422, "invalid_params"),
        ({"p_source": None}, 422, "invalid_params"),
        ({"p_idempotency_key": None}, 422, "invalid_params"),
        ({"p_expires_at": "2020-01-01T00:00:00Z"}, 422, "invalid_params"),
    ],
)
def test_a_bad_grant_is_refused(sql: Sql, change: dict[str, object], status: int, code: str) -> None:
    """And nothing is written."""
    alice = sql.new_user()
    request = {"p_user_id": alice, "p_amount": 5, "p_source": "purchase", "p_idempotency_key": "key"}
    with refused(status, code):
        sql.as_service("grant_credits", **(request | change))
    assert sql.ledger(alice) == []


@pytest.mark.parametrize(
    ("source", "contra"),
    [
        ("purchase", "purchases"), ("subscription", "subscriptions"), ("promotion", "promotions"),
        ("signup", "promotions"), ("admin", "adjustments"), ("gift", "gifts"), ("refund", "usage"),
    ],
)  # fmt: skip
def test_each_source_has_its_contra_account(sql: Sql, source: str, contra: str) -> None:
    """Double entry in one row."""
    assert sql.grant(sql.new_user(), 5, source=source)["contra"] == contra
