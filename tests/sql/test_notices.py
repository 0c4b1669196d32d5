"""Notices: a user is told each thing once, and nobody reads another's."""

from __future__ import annotations

import psycopg
import pytest

from tests.factories import Json, Sql
from tests.sql.conftest import refused

NOTIFY = "select private.notify(%s, %s, %s, %s)"


def test_a_thing_is_told_once_per_user(sql: Sql) -> None:
    """The first call with a key counts; another user has keys of his own."""
    one, two = sql.new_user(), sql.new_user()
    for user, data in ((one, '{"credits": 5}'), (one, '{"credits": 6}'), (two, "{}")):
        sql.connection.execute(NOTIFY, [user, "credits_expiring", data, "expiry:1"])
    told = "select user_id, data from public.notices where user_id = any(%s) order by id"
    assert sql.connection.execute(told, [[one, two]]).fetchall() == [(one, {"credits": 5}), (two, {})]


def test_a_kind_is_a_word(sql: Sql) -> None:
    """A kind is for programs to compare."""
    with pytest.raises(psycopg.errors.CheckViolation):
        sql.connection.execute(NOTIFY, [sql.new_user(), "Not a word", "{}", "key"])


def test_what_was_read_keeps_its_time_and_strangers_read_nothing(sql: Sql) -> None:
    """Ids of others are ignored, whether they exist or not; unread counts what is on other pages too."""
    one, two = sql.new_user(), sql.new_user()
    for key in "abc":
        sql.connection.execute(NOTIFY, [one, "credits_expiring", "{}", key])

    def shown(**arguments: Json) -> Json:
        return sql.as_user(one, "list_notices", **arguments)

    page = shown(p_limit=2)
    assert (len(page["data"]), page["has_more"], page["unread"]) == (2, True, 3)
    newest, middle = (notice["id"] for notice in page["data"])
    last = shown(p_before=middle)["data"]
    assert newest > middle > last[0]["id"] and len(last) == 1
    assert sql.as_user(two, "mark_notices_read", p_ids=f"{{{newest}, {10**15}}}") == {"unread": 0}
    assert sql.as_user(one, "mark_notices_read", p_ids=f"{{{newest}, {middle}, {newest}}}") == {"unread": 1}
    first = shown()["data"][0]["read_at"]
    assert first and sql.as_user(one, "mark_notices_read", p_ids=f"{{{newest}}}") == {"unread": 1}
    assert shown()["data"][0]["read_at"] == first
    assert [notice["id"] for notice in shown(p_unread=True)["data"]] == [last[0]["id"]]
    assert sql.as_user(two, "list_notices") == {"data": [], "has_more": False, "unread": 0}


def test_a_page_and_a_mark_have_bounds(sql: Sql) -> None:
    """As every list."""
    user = sql.new_user()
    for operation, arguments, field in (
        ("list_notices", {"p_limit": 201}, "limit"),
        ("mark_notices_read", {"p_ids": "{}"}, "ids"),
        ("mark_notices_read", {"p_ids": "{" + ",".join("1" * 201) + "}"}, "ids"),
    ):
        with refused(422, "invalid_params") as data:
            sql.as_user(user, operation, **arguments)
        assert data == {"field": field}
