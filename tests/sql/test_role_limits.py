"""How many credits a role may adjust is what owners say, and the audit log says which of them."""

from __future__ import annotations

import uuid

import pytest

from tests.factories import Json, Sql
from tests.sql.conftest import refused
from tests.sql.staff import log, staff
from tests.sql.test_adjustments import adjust, decide

NEW = {"per_act": 10, "per_day": 15, "ceiling": 20}


def set_limits(sql: Sql, owner: uuid.UUID, role: str = "admin", **other: Json) -> Json:
    asked: Json = {f"p_{name}": value for name, value in NEW.items()} | {"p_role": role, "p_reason": "a small shop"}
    return sql.as_user(owner, "admin_set_role_limits", **{**asked, **other})


def test_new_limits_count_from_the_next_adjustment_on(sql: Sql) -> None:
    """Of that role only; what was adjusted before counts against the new day."""
    olga, ada, alice = staff(sql, "owner"), staff(sql, "admin"), sql.new_user()
    adjust(sql, ada, alice, 6)
    changed = set_limits(sql, olga)
    assert changed == {
        "role": "admin", **NEW, "dry_run": False, "previous": {"per_act": 1000, "per_day": 5000, "ceiling": 100_000},
    }  # fmt: skip
    assert sql.as_user(olga, "admin_get_role_limits", p_role="admin") == {"role": "admin", **NEW}
    assert [adjust(sql, ada, alice, amount)["status"] for amount in (11, 9, 1)] == ["pending", "applied", "pending"]
    with refused(403, "limit_exceeded"):
        adjust(sql, ada, alice, 21)
    assert adjust(sql, olga, alice, 5000)["status"] == "applied"


def test_what_waits_is_judged_by_the_limits_of_the_day_it_is_approved(sql: Sql) -> None:
    """By those of whoever approves; it goes on waiting for somebody who may."""
    olga, ada, eve, alice = staff(sql, "owner"), staff(sql, "admin"), staff(sql, "admin"), sql.new_user()
    asked = adjust(sql, ada, alice, 2000)
    set_limits(sql, olga)
    with refused(403, "limit_exceeded"):
        decide(sql, eve, asked)
    assert decide(sql, olga, asked)["added"] == 2000


def test_each_change_is_written_once_and_nobody_else_makes_one(sql: Sql) -> None:
    """With what was there before; a repeat is no change."""
    olga, ada = staff(sql, "owner"), staff(sql, "admin")
    set_limits(sql, olga)
    assert set_limits(sql, olga)["previous"] == NEW
    for admin in (ada, staff(sql, "support")):
        with refused(403, "forbidden"):
            set_limits(sql, admin, p_per_act=1000)
        with refused(403, "forbidden"):
            sql.as_user(admin, "admin_get_role_limits", p_role="admin")
    rows = [(row["act"], row["subject_id"], row["after"], row["reason"], row["outcome"]) for row in log(sql)]
    assert rows[0] == ("set_role_limits", "admin", NEW, "a small shop", "done")
    assert log(sql)[0]["before"] == {"per_act": 1000, "per_day": 5000, "ceiling": 100_000}
    assert [row[4] for row in rows] == ["done", "refused", "refused"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"p_role": "support"}, "role"), ({"p_role": None}, "role"), ({"p_per_act": None}, "per_act"),
        ({"p_per_day": -1}, "per_day"), ({"p_ceiling": 1_000_000_001}, "ceiling"), ({"p_ceiling": 9}, "ceiling"),
        ({"p_reason": " "}, "reason"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(sql: Sql, change: Json, field: str) -> None:
    """Naming the field; the limits stay."""
    olga = staff(sql, "owner")
    with refused(422, "invalid_params") as data:
        set_limits(sql, olga, **change)
    assert data == {"field": field}
    assert sql.as_user(olga, "admin_get_role_limits", p_role="admin")["per_act"] == 1000


def test_a_role_without_a_row_adjusts_nothing_until_it_gets_limits(sql: Sql) -> None:
    """Removed by hand: zeros, and not an error."""
    olga, ada, alice = staff(sql, "owner"), staff(sql, "admin"), sql.new_user()
    sql.connection.execute("delete from private.role_limits where role = 'admin'")
    with refused(403, "limit_exceeded"):
        adjust(sql, ada, alice, 1)
    assert sql.as_user(olga, "admin_get_role_limits", p_role="admin")["ceiling"] == 0
    set_limits(sql, olga)
    assert adjust(sql, ada, alice, 1)["status"] == "applied"
