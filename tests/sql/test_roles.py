"""Roles are given by owners, looked up on each act, and never leave the project without an owner."""

from __future__ import annotations

import uuid

import psycopg
import pytest

from tests.factories import Json, Sql
from tests.sql.conftest import refused
from tests.sql.staff import log, staff
from tests.sql.test_races import Connect, at_once, count


def set_role(sql: Sql, owner: uuid.UUID, user: uuid.UUID, role: str | None, **other: Json) -> Json:
    asked = {"p_user_id": user, "p_role": role, "p_reason": "joined the team"}
    return sql.as_user(owner, "admin_set_role", **{**asked, **other})


def owners(sql: Sql) -> int:
    number: int = sql.one("select count(*) from private.user_roles where role = 'owner'")
    return number


def test_owners_give_and_take_roles(sql: Sql) -> None:
    """Each change is written once, with what was there before; a repeat changes and writes nothing."""
    olga, alice = staff(sql, "owner"), sql.new_user()
    assert set_role(sql, olga, alice, "support") == {
        "user_id": str(alice), "role": "support", "previous": None, "dry_run": False,
    }  # fmt: skip
    assert set_role(sql, olga, alice, "admin")["previous"] == "support"
    set_role(sql, olga, alice, "admin")
    assert set_role(sql, olga, alice, None, p_dry_run=True)["role"] is None
    assert sql.as_user(alice, "admin_check_role", p_role="admin") == "admin"
    set_role(sql, olga, alice, None)
    with refused(403, "forbidden"):
        sql.as_user(alice, "admin_check_role", p_role="support")
    rows = [(row["act"], row["before"], row["after"], row["reason"], row["role"]) for row in log(sql)]
    assert rows == [
        ("set_role", {"role": None}, {"role": "support"}, "joined the team", "owner"),
        ("set_role", {"role": "support"}, {"role": "admin"}, "joined the team", "owner"),
        ("set_role", {"role": "admin"}, {"role": None}, "joined the team", "owner"),
        ("enter", None, None, None, None),
    ]


@pytest.mark.parametrize("role", [None, "support", "admin"])
def test_nobody_else_does(sql: Sql, role: str | None) -> None:
    """Not even for himself; refused and written down."""
    olga, somebody = staff(sql, "owner"), staff(sql, role)
    for user in (somebody, olga):
        with refused(403, "forbidden"):
            set_role(sql, somebody, user, "owner")
    assert {(row["role"], row["outcome"]) for row in log(sql)} == {(role, "refused")}
    assert owners(sql) == 1


@pytest.mark.parametrize("role", [None, "admin"])
def test_the_last_owner_stays(sql: Sql, role: str | None) -> None:
    """By the operation, by hand, and by deleting the account: the table itself refuses."""
    olga = staff(sql, "owner")
    with refused(409, "last_owner") as data:
        set_role(sql, olga, olga, role)
    assert data == {"user_id": str(olga)}
    for statement in ("delete from private.user_roles", "delete from auth.users where id = %s"):
        with pytest.raises(psycopg.Error, match="last_owner"), sql.connection.transaction():
            sql.connection.execute(statement, [olga] if "%s" in statement else [])  # type: ignore[arg-type]
    assert owners(sql) == 1
    staff(sql, "owner")
    assert set_role(sql, olga, olga, role)["previous"] == "owner"


def test_not_all_owners_at_once(sql: Sql) -> None:
    """One statement over several rows is seen through as well."""
    staff(sql, "owner"), staff(sql, "owner")
    with pytest.raises(psycopg.Error, match="last_owner"), sql.connection.transaction():
        sql.connection.execute("delete from private.user_roles")
    assert owners(sql) == 2


def test_two_owners_who_remove_each_other_at_once(connect: Connect) -> None:
    """One is left, each time."""
    sql = connect()
    for _ in range(5):
        a, b = staff(sql, "owner"), staff(sql, "owner")
        sql.connection.execute("delete from private.user_roles where user_id not in (%s, %s)", [a, b])
        results = at_once(connect, [lambda s: set_role(s, a, b, None), lambda s: set_role(s, b, a, None)])  # noqa: B023
        assert owners(sql) == 1
        assert count(results, "PT409 last_owner") + count(results, "PT403 forbidden") == 1


BAN = "update auth.users set banned_until = private.clock() + interval '1 hour' where id = %s"


def test_an_owner_who_is_banned_does_not_count(sql: Sql) -> None:
    """Supabase Auth bans, by its own operation: who is left must be able to act, by role change, deletion and ban."""
    olga, otto = staff(sql, "owner"), staff(sql, "owner")
    sql.connection.execute(BAN, [otto])
    with refused(409, "last_owner"):
        set_role(sql, olga, olga, None)
    for statement in ("delete from auth.users where id = %s", BAN):
        with pytest.raises(psycopg.Error, match="last_owner"), sql.connection.transaction():
            sql.connection.execute(statement, [olga])  # type: ignore[arg-type]
    sql.move_time(3601)
    assert set_role(sql, olga, olga, None)["previous"] == "owner"
    with pytest.raises(psycopg.Error, match="last_owner"), sql.connection.transaction():
        sql.connection.execute(BAN, [otto])
    sql.connection.execute(BAN, [sql.new_user()])


def test_one_owner_is_banned_and_the_other_removed_at_once(connect: Connect) -> None:
    """One of both is refused, each time."""
    sql = connect()
    for _ in range(5):
        a, b = staff(sql, "owner"), staff(sql, "owner")
        sql.connection.execute("delete from private.user_roles where user_id not in (%s, %s)", [a, b])
        ban = lambda s: s.connection.execute(BAN, [a])  # noqa: B023, E731
        results = at_once(connect, [ban, lambda s: set_role(s, b, b, None)])  # noqa: B023
        assert count(results, "PT409 last_owner") == 1


def test_a_role_must_be_one_and_its_user_too(sql: Sql) -> None:
    """422 naming the field, 404, and a reason."""
    olga, alice = staff(sql, "owner"), sql.new_user()
    with refused(422, "invalid_params") as data:
        set_role(sql, olga, alice, "god")
    assert data == {"field": "role"}
    with refused(422, "invalid_params") as data:
        set_role(sql, olga, alice, "admin", p_reason=None)
    assert data == {"field": "reason"}
    with refused(404, "user_not_found"):
        set_role(sql, olga, uuid.uuid4(), "admin")


def test_a_stale_claim_is_named(sql: Sql) -> None:
    """Who was an admin learns why he is none any more."""
    alice = sql.new_user()
    claims = f'{{"sub": "{alice}", "role": "authenticated", "user_role": "admin"}}'
    with refused(403, "forbidden") as data, sql.connection.transaction():
        sql.connection.execute("select set_config('request.jwt.claims', %s, true)", [claims])
        sql.connection.execute("select private.require_role('admin')")
    assert data == {"required": "admin", "claimed": "admin"}


def test_the_first_owner_comes_by_the_database(sql: Sql) -> None:
    """By e-mail address, however it is written; again changes nothing; an unknown one is refused."""
    alice = sql.new_user()
    for _ in range(2):
        sql.connection.execute("select private.promote_owner(%s)", [f" {alice}@EXAMPLE.test".upper()])
    assert owners(sql) == 1
    [row] = log(sql)
    assert (row["actor"], row["role"], row["after"]) == ("system:promote", None, {"role": "owner"})
    with refused(404, "user_not_found"), sql.connection.transaction():
        sql.connection.execute("select private.promote_owner('nobody@example.test')")


def test_admins_see_who_has_a_role(sql: Sql) -> None:
    """The highest first."""
    support, owner, admin = (staff(sql, role) for role in ("support", "owner", "admin"))
    listed = sql.as_user(admin, "admin_list_roles")
    assert [row["user_id"] for row in listed] == [str(owner), str(admin), str(support)]
    assert listed[0]["email"] == f"{owner}@example.test"
