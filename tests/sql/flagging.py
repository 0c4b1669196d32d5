"""What tests of flags start from: changing one as an admin does, and asking for it."""

from __future__ import annotations

import uuid

from tests.factories import Json, Sql

ON = ("everybody", "user", "role", "percentage", "plan")


def change(sql: Sql, admin: uuid.UUID, key: str, **what: Json) -> Json:
    """A change by hand; `enabled`, `percentage`, `roles`, `users`, `version`, `dry_run`."""
    return sql.as_user(admin, "admin_change_flag", p_key=key, **_named({"reason": "test", **what}))


def plan(sql: Sql, admin: uuid.UUID, key: str, *steps: tuple[int, float], **what: Json) -> Json:
    """A roll-out: (percentage, seconds from now) for each step."""
    times = [sql.one("select (private.clock() + make_interval(secs => %s))::text", float(after)) for _, after in steps]
    asked = {"percentages": [share for share, _ in steps], "times": times, "reason": "test", **what}
    return sql.as_user(admin, "admin_plan_flag", p_key=key, **_named(asked))


def why(sql: Sql, key: str, user: uuid.UUID | None) -> str:
    """Why a flag is on or off for somebody; both answers of the evaluator must agree."""
    reason: str = sql.one("select private.flag_reason(f, %s) from public.feature_flags f where f.key = %s", user, key)
    assert sql.one("select private.flag_on(%s, %s)", key, user) is (reason in ON)
    return reason


def chosen(sql: Sql, key: str, users: list[uuid.UUID]) -> set[uuid.UUID]:
    """Those of the users for whom it is on."""
    query = "select u from unnest(%s::uuid[]) u where private.flag_on(%s, u)"
    return {row[0] for row in sql.connection.execute(query, [users, key]).fetchall()}


def _named(given: Json) -> Json:
    """Arguments of an operation; a list is an array of PostgreSQL and no JSON."""
    return {f"p_{name}": _array(value) if isinstance(value, list) else value for name, value in given.items()}


def _array(values: list[Json]) -> str:
    return "{" + ",".join(f'"{value}"' for value in values) + "}"
