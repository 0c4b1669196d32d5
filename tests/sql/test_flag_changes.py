"""What admins do about flags: changes and plans, written down, and never two that do not see each other."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.factories import Json, Sql
from tests.sql.conftest import refused
from tests.sql.flagging import change, chosen, plan, why
from tests.sql.staff import log, staff
from tests.sql.test_races import Connect, at_once, count

DAY = 86_400
MANY = [str(uuid.UUID(int=n)) for n in range(1001)]
SOON, NEVER = {"times": ["2099-01-01"]}, {"times": ["infinity"]}


@pytest.fixture
def ada(sql: Sql) -> uuid.UUID:
    """An admin."""
    return staff(sql, "admin")


def flag(sql: Sql, key: str = "charts") -> Json:
    """As admins see it."""
    return next(one for one in sql.as_user(staff(sql, "support"), "admin_list_flags") if one["key"] == key)


def test_a_change_is_seen_and_written_down(sql: Sql, ada: uuid.UUID) -> None:
    """By whom, why, from what to what; what is left out stays; the same again changes and writes nothing."""
    alice = sql.new_user()
    assert flag(sql)["version"] == 1 and flag(sql)["updated_by"] is None
    made = change(sql, ada, "charts", percentage=10, roles=["support"], users=[str(alice)])
    assert (made["enabled"], made["percentage"], made["roles"], made["users"]) == (True, 10, ["support"], [str(alice)])
    assert (made["version"], made["updated_by"], made["dry_run"]) == (2, str(ada), False)
    off = change(sql, ada, "charts", enabled=False)
    assert {**off, "enabled": True, "version": 2, "updated_at": made["updated_at"]} == made
    for _ in range(2):
        assert change(sql, ada, "charts", enabled=False, roles=["support"])["version"] == 3
    assert change(sql, ada, "charts", roles=[], users=[])["users"] == []
    rows = [row for row in log(sql) if row["act"] == "change_flag"]
    assert [(row["subject_type"], row["subject_id"], row["reason"], row["outcome"]) for row in rows] == [
        ("flag", "charts", "test", "done")
    ] * 3
    assert (rows[1]["before"]["enabled"], rows[1]["after"]["enabled"]) == (True, False)


@pytest.mark.parametrize(
    ("what", "status", "code", "data"),
    [
        ({"percentage": 101}, 422, "invalid_params", {"field": "percentage"}),
        ({"percentage": -1}, 422, "invalid_params", {"field": "percentage"}),
        ({"roles": ["god"], "percentage": 5}, 422, "invalid_params", {"field": "roles"}),
        ({"roles": ["admin"]}, 422, "invalid_params", {"field": "roles"}),
        ({"users": MANY[:1]}, 422, "invalid_params", {"field": "users"}),
        ({"users": MANY, "percentage": 0}, 422, "invalid_params", {"field": "users"}),
        ({"users": MANY[:1], "percentage": 0}, 404, "user_not_found", {"user_id": MANY[0]}),
        ({"enabled": False, "version": 7}, 409, "invalid_state", {"version": 1}),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_and_nothing_changes(
    sql: Sql, ada: uuid.UUID, what: Json, status: int, code: str, data: Json
) -> None:
    """The field is named, also where roles choose nobody as it is on for everybody; the attempt is written."""
    before = flag(sql)
    with refused(status, code) as said:
        change(sql, ada, "charts", **what)
    assert said == data
    assert flag(sql) == before
    assert log(sql)[-1]["outcome"] == "refused"


def test_an_unknown_flag_and_a_missing_reason_are_refused(sql: Sql, ada: uuid.UUID) -> None:
    """By both operations; nobody makes a flag by changing it."""
    for act in (change, plan):
        with refused(404, "flag_not_found") as data:
            act(sql, ada, "chart")
        assert data == {"flag": "chart"}
        for reason in ("", " ", "x" * 501):
            with refused(422, "invalid_params") as data:
                act(sql, ada, "charts", reason=reason)
            assert data == {"field": "reason"}


def test_support_looks_and_does_not_touch(sql: Sql) -> None:
    """And a user is not even shown them; each attempt to change is written down."""
    sam, alice = staff(sql, "support"), sql.new_user()
    assert sql.as_user(sam, "admin_list_flags")
    for act in (change, plan):
        with refused(403, "forbidden"):
            act(sql, sam, "charts")
    assert [row["outcome"] for row in log(sql)] == ["refused", "refused"]
    with refused(403, "forbidden"):
        sql.as_user(alice, "admin_list_flags")


def test_two_admins_at_once_see_each_other(connect: Connect) -> None:
    """Of twenty who have seen the same version one changes it; without a version none is lost."""
    sql = connect()
    admins = [staff(sql, "admin") for _ in range(20)]
    tasks: list[Any] = [
        lambda s, a=a, n=n: change(s, a, "charts", percentage=n, version=1) for n, a in enumerate(admins)
    ]
    results = at_once(connect, tasks)
    assert count(results, "PT409 invalid_state") == 19
    [won] = [result for result in results if isinstance(result, dict)]
    assert (flag(sql)["version"], flag(sql)["percentage"]) == (2, won["percentage"])
    users = [sql.new_user() for _ in range(2)]
    both: list[Any] = [
        lambda s: change(s, admins[0], "charts", users=[str(users[0])]),
        lambda s: change(s, admins[1], "charts", enabled=False),
        lambda s: plan(s, admins[2], "animations", (10, 0)),
    ]
    assert all(isinstance(result, dict) for result in at_once(connect, both)[:2])
    now = flag(sql)
    assert (now["users"], now["enabled"], now["version"]) == ([str(users[0])], False, 4)
    assert sql.one("select count(*) from public.verify_audit_log()") == 0


def test_a_plan_takes_its_steps_by_itself(sql: Sql, ada: uuid.UUID) -> None:
    """By the clock alone; a flag that was off is on for those whose turn has come, and 100 is everybody."""
    users = [uuid.uuid4() for _ in range(300)]
    change(sql, ada, "charts", enabled=False)
    made = plan(sql, ada, "charts", (10, DAY), (50, 2 * DAY), (100, 3 * DAY))
    assert (made["enabled"], made["percentage"]) == (True, 0)
    assert [(step["percentage"], step["reached"]) for step in made["plan"]] == [(10, False), (50, False), (100, False)]
    seen = [chosen(sql, "charts", users)]
    for day in (1, 2, 3):
        sql.move_time(DAY)
        seen.append(chosen(sql, "charts", users))
        assert flag(sql)["percentage"] == (10, 50, 100)[day - 1]
        assert [step["reached"] for step in flag(sql)["plan"]] == [day >= n for n in (1, 2, 3)]
        assert flag(sql)["version"] == made["version"], "nobody changed it"
    assert seen[0] == set() and seen[1] < seen[2] < seen[3] == set(users)
    assert {why(sql, "charts", who) for who in (None, users[0])} == {"plan"}
    assert [row["act"] for row in log(sql)] == ["change_flag", "plan_flag"]
    assert [step["percentage"] for step in log(sql)[-1]["after"]["plan"]] == [10, 50, 100]


def test_a_hand_ends_a_plan_and_leaves_the_share_where_it_was(sql: Sql, ada: uuid.UUID) -> None:
    """Switched off in a hurry and on again, it is on for whom it was; naming a user is no hand on the share."""
    alice = sql.new_user()
    change(sql, ada, "charts", enabled=False)
    plan(sql, ada, "charts", (30, 0), (100, DAY))
    assert change(sql, ada, "charts", users=[str(alice)])["plan"][0]["reached"] is True
    ended = change(sql, ada, "charts", enabled=False)
    assert (ended["plan"], ended["percentage"]) == (None, 30)
    sql.move_time(2 * DAY)
    assert (change(sql, ada, "charts", enabled=True)["percentage"], why(sql, "charts", alice)) == (30, "user")
    plan(sql, ada, "charts", (60, DAY))
    assert change(sql, ada, "charts", percentage=5)["plan"] is None
    sql.move_time(2 * DAY)
    assert flag(sql)["percentage"] == 5


def test_a_plan_is_cancelled_where_it_is(sql: Sql, ada: uuid.UUID) -> None:
    """No steps: what is reached stays. The same plan again is the same outcome, also after a step."""
    change(sql, ada, "charts", percentage=0)
    steps = {"percentages": [30, 100], "times": ["2026-01-01T00:00:00Z", "2099-01-01T00:00:00Z"]}
    versions = [plan(sql, ada, "charts", **steps)["version"] for _ in range(2)]
    assert versions == [3, 3]
    for _ in range(2):
        ended = plan(sql, ada, "charts")
        assert (ended["plan"], ended["percentage"], ended["version"]) == (None, 30, 4)
    assert [row["act"] for row in log(sql)] == ["change_flag", "plan_flag", "plan_flag"]


@pytest.mark.parametrize(
    ("steps", "field"),
    [
        ([(5, 0)], "steps.0"),  # not above where it is
        ([(20, 0), (20, DAY)], "steps.1"),
        ([(20, DAY), (30, DAY - 9)], "steps.1"),
        ([(20, 0), (50, DAY), (101, 2 * DAY)], "steps.2"),
        ([(n, n * DAY) for n in range(11, 32)], "steps"),
    ],
)
def test_a_plan_that_does_not_rise_is_refused(sql: Sql, ada: uuid.UUID, steps: Any, field: str) -> None:
    """It only opens: nobody loses what he has."""
    change(sql, ada, "charts", percentage=10)
    with refused(422, "invalid_params") as data:
        plan(sql, ada, "charts", *steps)
    assert data == {"field": field, "percentage": 10}
    assert flag(sql)["plan"] is None


@pytest.mark.parametrize("odd", [NEVER, {"times": []}, SOON | {"percentages": []}, SOON | {"percentages": [20, 30]}])
def test_a_step_needs_both_a_share_and_a_time(sql: Sql, ada: uuid.UUID, odd: Json) -> None:
    """A real time, too."""
    change(sql, ada, "charts", percentage=10)
    with refused(422, "invalid_params"):
        plan(sql, ada, "charts", **({"percentages": [20]} | SOON | odd))


def test_what_is_on_for_everybody_can_not_be_rolled_out(sql: Sql, ada: uuid.UUID) -> None:
    """The refusal says where it is."""
    with refused(422, "invalid_params") as data:
        plan(sql, ada, "charts", (50, DAY))
    assert data == {"field": "steps.0", "percentage": 100}
