"""Users as admins see them: found by what is known of them, looked at, suspended, restored, and given limits."""

from __future__ import annotations

import uuid

import pytest

from tests.factories import Json, Sql
from tests.sql.batching import batch
from tests.sql.conftest import refused
from tests.sql.staff import log, staff


def suspend(sql: Sql, admin: uuid.UUID, user: uuid.UUID, suspended: bool = True, **other: Json) -> Json:
    asked = {"p_user_id": user, "p_suspended": suspended, "p_reason": "stolen cards"}
    return sql.as_user(admin, "admin_suspend_user", **{**asked, **other})


def found(sql: Sql, admin: uuid.UUID, **narrow: Json) -> list[str]:
    return [row["id"] for row in sql.as_user(admin, "admin_list_users", **narrow)["data"]]


def test_who_is_suspended_holds_no_credits(sql: Sql) -> None:
    """By none of the ways; restored, all of them are open again. Each change is written once."""
    ada, alice = staff(sql, "admin"), sql.new_user(credits=50)
    assert suspend(sql, ada, alice, p_dry_run=True) == {
        "user_id": str(alice), "suspended": True, "previous": False, "dry_run": True,
    }  # fmt: skip
    sql.reserve(alice, 1)
    for _ in range(2):
        suspend(sql, ada, alice)
    for spend in (lambda: sql.reserve(alice, 1), lambda: sql.generate(alice), lambda: batch(sql, alice, 2)):
        with refused(403, "user_suspended"):
            spend()
    gift = {"p_email": "bob@example.test", "p_credits": 1, "p_message": None, "p_idempotency_key": "g"}
    with refused(403, "forbidden"):
        sql.as_user(alice, "gift_credits", **gift)
    assert sql.balance(alice) == (50, 1, 49)
    assert suspend(sql, ada, alice, False)["previous"] is True
    sql.reserve(alice, 1)
    assert [(row["act"], row["after"]["suspended"]) for row in log(sql)] == [
        ("suspend_user", True), ("suspend_user", False),
    ]  # fmt: skip


def test_who_is_suspended_is_banned_for_supabase_auth(sql: Sql) -> None:
    """Which lets nobody sign in or renew a session before that time."""
    ada, alice = staff(sql, "admin"), sql.new_user()
    query = "select banned_until > now() + interval '99 years' from auth.users where id = %s"
    suspend(sql, ada, alice)
    assert sql.one(query, alice) is True
    suspend(sql, ada, alice, False)
    assert sql.one(query, alice) is None


def test_a_role_goes_before_its_user_is_suspended(sql: Sql) -> None:
    """And nobody who is suspended is given one; support staff suspends nobody."""
    olga, ada, sam, alice = (*(staff(sql, role) for role in ("owner", "admin", "support")), sql.new_user())
    with refused(409, "invalid_state"):
        suspend(sql, ada, olga)
    with refused(403, "forbidden"):
        suspend(sql, sam, alice)
    suspend(sql, ada, alice)
    with refused(403, "user_suspended"):
        sql.as_user(olga, "admin_set_role", p_user_id=alice, p_role="admin", p_reason="x")
    with refused(404, "user_not_found"):
        suspend(sql, ada, uuid.uuid4())
    with refused(422, "invalid_params"):
        suspend(sql, ada, alice, p_suspended=None)


def test_a_user_may_have_slots_of_his_own(sql: Sql) -> None:
    """In place of the setting, until that is taken back."""
    ada, alice = staff(sql, "admin"), sql.new_user(credits=100)

    def limit(slots: int | None) -> Json:
        return sql.as_user(ada, "admin_limit_user", p_user_id=alice, p_concurrency=slots, p_reason="a big customer")

    assert limit(1)["previous"] is None
    assert [sql.generate(alice)["waiting"] for _ in range(2)] == [False, True]
    assert limit(None) == {"user_id": str(alice), "concurrency": None, "previous": 1, "dry_run": False}
    assert [sql.generate(alice)["waiting"] for _ in range(2)] == [False, False]
    with refused(422, "invalid_params") as data:
        limit(1001)
    assert data == {"field": "concurrency"}


def test_users_are_found_by_what_is_known_of_them(sql: Sql) -> None:
    """E-mail, name or id; what a pattern means is taken as it is written."""
    sam, ada = staff(sql, "support"), staff(sql, "admin")
    alice, bob = sql.new_user(credits=7), sql.new_user()
    sql.connection.execute("update auth.users set email = 'Alice_1@wonder.land' where id = %s", [alice])
    sql.connection.execute("update profiles set display_name = '100%% Bob' where user_id = %s", [bob])
    for query in ("alice_1@", "WONDER.LAND", str(alice), f" {str(alice).upper()} "):
        assert found(sql, sam, p_query=query) == [str(alice)], query
    assert found(sql, sam, p_query="100% b") == [str(bob)]
    assert found(sql, sam, p_query="100%%b") == [] and found(sql, sam, p_query="alice.1@wonder") == []
    assert found(sql, sam, p_role="admin") == [str(ada)]
    suspend(sql, ada, bob)
    assert found(sql, sam, p_suspended=True) == [str(bob)]
    with refused(403, "forbidden"):
        found(sql, alice)


def test_users_come_page_by_page(sql: Sql) -> None:
    """Newest first, none twice, none left out."""
    sam = staff(sql, "support")
    for number in range(5):
        user = sql.new_user()
        query = "update profiles set created_at = now() + %s * interval '1 minute' where user_id = %s"
        sql.connection.execute(query, [number // 2, user])
    all_of_them = found(sql, sam)
    pages, before = [], None
    while page := found(sql, sam, p_limit=2, p_before=before):
        pages += page
        before = page[-1]
    assert pages == all_of_them and len(set(pages)) == 6


@pytest.mark.parametrize("role", ["support", "owner"])
def test_all_of_a_user_is_on_one_page(sql: Sql, role: str) -> None:
    """Also of one without a wallet; an unknown id is not found."""
    somebody, ada, alice = staff(sql, role), staff(sql, "admin"), sql.new_user(credits=20)
    asked = {"p_user_id": alice, "p_amount": 5, "p_reason": "goodwill", "p_idempotency_key": "k"}
    sql.as_user(ada, "admin_adjust_credits", **asked)
    sql.generate(alice)
    shown = sql.as_user(somebody, "admin_get_user", p_user_id=alice)
    assert (shown["balance"], shown["credits"]["available"], shown["suspended"]) == (25, 21, False)
    assert [lot["remaining"] for lot in shown["lots"]] == [1, 20], (
        "what an admin gave is burnt before what was paid for"
    )
    assert [row["kind"] for row in shown["transactions"]] == ["grant", "grant"]
    assert len(shown["generations"]) == len(shown["adjustments"]) == len(shown["audit"]) == 1
    sql.forget(ada)
    assert sql.as_user(somebody, "admin_get_user", p_user_id=ada)["credits"] is None
    with refused(404, "user_not_found"):
        sql.as_user(somebody, "admin_get_user", p_user_id=uuid.uuid4())
