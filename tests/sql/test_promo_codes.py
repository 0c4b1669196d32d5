"""Promo codes give their credits within their caps, whoever asks at the same time, and tell nothing to who guesses."""

from __future__ import annotations

import uuid

import psycopg
import pytest

from tests.factories import Json, Sql
from tests.sql.conftest import refused
from tests.sql.test_races import Connect, at_once, count


@pytest.fixture
def admin(sql: Sql) -> uuid.UUID:
    """Somebody who may make codes."""
    return new_admin(sql)


def new_admin(sql: Sql) -> uuid.UUID:
    user = sql.new_user()
    sql.connection.execute("insert into private.user_roles values (%s, 'admin')", [user])
    return user


def create(sql: Sql, admin: uuid.UUID, code: str = "WELCOME", **other: Json) -> Json:
    return sql.as_user(admin, "admin_create_promo_code", **{"p_code": code, "p_credits": 5, **other})


def redeem(sql: Sql, user: uuid.UUID, code: str = "WELCOME", key: str | None = None) -> Json:
    return sql.as_user(user, "redeem_promo_code", p_code=code, p_idempotency_key=key or uuid.uuid4().hex)


def test_a_code_gives_promotional_credits_that_may_expire(sql: Sql, admin: uuid.UUID) -> None:
    """However it is written; the lot is not paid, and ends when the code says."""
    alice = sql.new_user()
    create(sql, admin, " welcome ", p_credits_last_days=30)
    got = redeem(sql, alice, "Welcome")
    assert (got["code"], got["credits"]) == ("WELCOME", 5) and got["expires_at"]
    assert sql.one("select source from credit_grants where wallet_id = %s", sql.wallet(alice)) == "promotion"
    assert sql.balance(alice) == (5, 0, 5)
    sql.move_time(30 * 86_400)
    assert sql.balance(alice) == (0, 0, 0)
    assert sql.problems() == []


def test_a_repeat_of_the_key_has_the_same_outcome(sql: Sql, admin: uuid.UUID) -> None:
    """Also when the code has been switched off; another code under the key is refused."""
    alice = sql.new_user()
    create(sql, admin)
    create(sql, admin, "OTHER")
    first = redeem(sql, alice, key="k")
    create(sql, admin, p_active=False)
    assert redeem(sql, alice, "welcome", key="k") == first
    assert sql.ledger(alice) == [("grant", 5)]
    with refused(409, "idempotency_key_reused"):
        redeem(sql, alice, "OTHER", key="k")


def test_a_key_of_a_user_stands_in_nobodys_way(sql: Sql, admin: uuid.UUID) -> None:
    """Regression: H12: it is not a key of the ledger, and another user may have the same."""
    alice, bob = sql.new_user(), sql.new_user()
    create(sql, admin)
    for user in (alice, bob):
        assert redeem(sql, user, key="same")["credits"] == 5
    grant = {"p_user_id": alice, "p_amount": 7, "p_source": "admin", "p_idempotency_key": "same"}
    assert sql.as_service("grant_credits", **grant)["amount"] == 7


def test_a_user_redeems_as_often_as_the_code_says(sql: Sql, admin: uuid.UUID) -> None:
    """That tells him only what he did himself."""
    alice = sql.new_user()
    create(sql, admin, p_max_uses_per_user=2)
    redeem(sql, alice)
    redeem(sql, alice)
    with refused(409, "promo_code_redeemed"):
        redeem(sql, alice)
    assert sql.balance(alice) == (10, 0, 10)


@pytest.mark.parametrize(
    "bounds",
    [
        {"p_active": False},
        {"p_valid_until": "2020-01-01T00:00:00Z"},
        {"p_valid_from": "2099-01-01T00:00:00Z"},
        {"p_max_uses": 1},
        None,
    ],
)
def test_who_guesses_learns_nothing(sql: Sql, admin: uuid.UUID, bounds: Json) -> None:
    """Off, over, to come, used up by others, unknown: one answer."""
    alice = sql.new_user()
    if bounds:
        create(sql, admin, **bounds)
    if bounds == {"p_max_uses": 1}:
        redeem(sql, admin)
    with refused(404, "promo_code_not_found") as data:
        redeem(sql, alice)
    assert data == {}
    assert sql.ledger(alice) == []


def test_a_change_is_a_new_version(sql: Sql, admin: uuid.UUID) -> None:
    """Redemptions keep theirs, uses go on counting, the same again makes none, and nobody changes a version."""
    alice, bob = sql.new_user(), sql.new_user()
    assert create(sql, admin, p_max_uses=2)["version"] == 1
    assert create(sql, admin, p_max_uses=2)["version"] == 1
    redeem(sql, alice)
    changed = create(sql, admin, p_credits=9, p_max_uses=2)
    assert (changed["version"], changed["uses"]) == (2, 1)
    assert redeem(sql, bob)["credits"] == 9
    versions = sql.connection.execute("select version from private.promo_redemptions order by created_at").fetchall()
    assert versions == [(1,), (2,)]
    with refused(404, "promo_code_not_found"):
        redeem(sql, admin)
    for statement in ("update private.promo_code_versions set credits = 1", "delete from private.promo_code_versions"):
        with pytest.raises(psycopg.Error, match="forbidden"), sql.connection.transaction():
            sql.connection.execute(statement)


def test_only_admins_make_codes_and_only_sensible_ones(sql: Sql, admin: uuid.UUID) -> None:
    """Each refusal names the field."""
    with refused(403, "forbidden"):
        create(sql, sql.new_user())
    with refused(400, "invalid_amount"):
        create(sql, admin, p_credits=0)
    wrong: list[Json] = [
        {"code": "a b"}, {"p_credits_last_days": 0}, {"p_valid_from": "infinity"}, {"p_max_uses": 0},
        {"p_valid_from": "2027-01-01", "p_valid_until": "2026-01-01"}, {"p_max_uses_per_user": 0},
    ]  # fmt: skip
    for values in wrong:
        with refused(422, "invalid_params") as data:
            create(sql, admin, **values)
        assert data["field"] in {name.removeprefix("p_") for name in values}


def test_a_code_is_no_way_around_the_limits_of_a_role(sql: Sql, admin: uuid.UUID) -> None:
    """One user gets by it no more than its maker may add to him alone; what is there already can be switched off."""
    for values, amount in (({"p_credits": 1001}, 1001), ({"p_credits": 501, "p_max_uses_per_user": 2}, 1002)):
        with refused(403, "limit_exceeded") as data:
            create(sql, admin, **values)
        assert data == {"amount": amount, "per_act": 1000}
    create(sql, admin, p_credits=500, p_max_uses_per_user=2)
    sql.connection.execute("update private.role_limits set per_act = 10")
    assert sql.as_user(admin, "admin_deactivate_promo_code", p_code="WELCOME")["active"] is False
    with refused(403, "limit_exceeded"):
        create(sql, admin, p_credits=500, p_max_uses_per_user=2)


def test_a_code_with_10_uses_under_100_parallel_redeemers(connect: Connect) -> None:
    """Exactly 10, and the books are sound."""
    sql = connect()
    create(sql, new_admin(sql), p_max_uses=10)
    users = [sql.new_user() for _ in range(100)]
    results = at_once(connect, [lambda s, user=user: redeem(s, user) for user in users], connections=100)  # type: ignore[misc]
    assert sum(isinstance(result, dict) for result in results) == 10
    assert count(results, "PT404 promo_code_not_found") == 90
    assert sql.one("select sum(balance) from wallets") == 50
    assert sql.one("select uses from private.promo_codes") == 10
    assert sql.problems() == []


def test_one_user_many_times_at_once_redeems_once(connect: Connect) -> None:
    """The per-user cap is counted under the same lock, and one key is one redemption."""
    sql = connect()
    create(sql, new_admin(sql))
    alice, bob = sql.new_user(), sql.new_user()
    results = at_once(connect, [lambda s: redeem(s, alice)] * 20)
    assert count(results, "PT409 promo_code_redeemed") == 19
    same = at_once(connect, [lambda s: redeem(s, bob, key="k")["transaction_id"]] * 20)
    assert len(set(map(str, same))) == 1
    assert (sql.balance(alice), sql.balance(bob)) == ((5, 0, 5), (5, 0, 5))
