"""Notices: a user is told each thing once, and nobody reads another's."""

from __future__ import annotations

import psycopg
import pytest

from tests.factories import Sql

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
