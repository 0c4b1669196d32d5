"""Feature flags over HTTP: what a user is told, what a flag closes, and how soon a change counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask

from backend.app import create_app
from backend.config import load_settings
from backend.deps import build_deps
from backend.flags import FLAGS, VARIABLES
from backend.web.flags import SECONDS, Flags, require_flag
from tests.web.person import Person
from tests.web.test_adjustments import ADMIN, staff
from tests.web.test_config import GOOD, problems
from tests.web.test_errors import check_shape
from tests.worker.world import World

WHY = {"reason": "test"}
URL = f"{ADMIN}/flags"
NOBODY = "00000000-0000-4000-8000-000000000000"
ARCHIVE = f"/api/v1/batches/{NOBODY}/archive"


@pytest.fixture
def ada(app: Flask, world: World) -> Iterator[Person]:
    """An admin; what she changed is as it was afterwards."""
    yield staff(app, world, "admin")
    as_they_were(world)


def as_they_were(world: World) -> None:
    """Put every flag back to its default."""
    world.connection.execute(
        "update public.feature_flags set enabled = default_on, percentage = 100, roles = '{}', users = '{}',"
        " plan_percentages = '{}', plan_times = '{}'"
    )


def fresh(world: World, **more: str) -> Flask:
    """One more process: an app with settings, connections and a memory of its own."""
    return create_app(deps=build_deps(load_settings(world.environ | more)))


def switch(admin: Person, key: str, **what: object) -> None:
    """Change a flag."""
    answer = admin.ask("PATCH", f"{URL}/{key}", json=what | WHY)
    assert answer.status_code == 200, answer.json


def test_a_user_is_told_what_is_on(alice: Person, app: Flask) -> None:
    """Every flag that code knows, by key; who is not signed in is not told."""
    assert alice.get("/api/v1/flags").json == {"flags": FLAGS, "overridden": []}
    check_shape(app.test_client().get("/api/v1/flags"), 401, "unauthenticated")


def test_a_view_closes_with_its_flag(ada: Person, alice: Person, world: World) -> None:
    """403 with the flag's key, in a process that has not asked before; nothing else closes."""
    check_shape(alice.ask("POST", ARCHIVE), 404, "batch_not_found")
    switch(ada, "image_processing", enabled=False)
    closed = Person(fresh(world), alice.user)
    answer = check_shape(closed.ask("POST", ARCHIVE), 403, "feature_disabled")
    assert answer["details"] == {"flag": "image_processing"}
    closed.started()
    switch(ada, "image_processing", enabled=True, percentage=0, users=[str(alice.id)])
    check_shape(Person(fresh(world), alice.user).ask("POST", ARCHIVE), 404, "batch_not_found")
    check_shape(Person(fresh(world), world.new_user()).ask("POST", ARCHIVE), 403, "feature_disabled")


def test_the_database_refuses_what_it_guards_at_once(ada: Person, alice: Person) -> None:
    """In a process that had remembered it as on, and without a second call for those that are on."""
    alice.get("/api/v1/flags")
    switch(ada, "generations", enabled=False)
    assert check_shape(alice.create(), 403, "feature_disabled")["details"] == {"flag": "generations"}
    body = {"items": [{"model": "local/picture", "prompt": "a fox"}]}
    check_shape(alice.ask("POST", "/api/v1/batches", json=body), 403, "feature_disabled")
    assert alice.available() == 25
    switch(ada, "generations", enabled=True)
    alice.started()


def test_a_hot_route_pays_no_second_call(alice: Person, world: World) -> None:
    """The flag is asked inside create_generation."""
    world.supabase.calls.clear()
    alice.started()
    assert [path for path in map(str, world.supabase.calls) if "get_flags" in path] == []
    assert len([path for path in map(str, world.supabase.calls) if "/rpc/" in path]) == 1


def test_a_process_remembers_for_three_seconds_and_not_longer(alice: Person, bob: Person, world: World) -> None:
    """Each user once, however many views ask; and never more users than it has room for."""
    now, memory = [100.0], Flags(world.deps.settings, clock=lambda: now[0])

    def asked(user: Person) -> int:
        world.supabase.calls.clear()
        for _ in range(3):
            assert memory.is_on("charts", user.user.id, user.user.caller)
        return world.supabase.calls.count("/rest/v1/rpc/get_flags")

    assert [asked(alice), asked(alice), asked(bob)] == [1, 0, 1]
    now[0] += SECONDS - 0.01
    assert asked(alice) == 0
    now[0] += 0.01
    assert asked(alice) == 1
    small = Flags(world.deps.settings, room=2, clock=lambda: now[0])
    for user in (alice, bob, Person(alice._app, world.new_user())):
        small.of(user.user.id, user.user.caller)
    assert len(small._known) == 1


def test_while_the_database_is_away_it_is_unavailable(alice: Person, world: World) -> None:
    """A flag that can't be asked is neither on nor off."""
    with world.supabase.outage("/rest/v1"):
        check_shape(Person(fresh(world), alice.user).ask("POST", ARCHIVE), 503, "unavailable")


@pytest.mark.parametrize(
    ("row", "override", "expected"), [(True, "off", 403), (False, "on", 404), (True, "on", 404), (False, "off", 403)]
)
def test_an_override_decides_what_a_view_asks(
    ada: Person, alice: Person, world: World, row: bool, override: str, expected: int
) -> None:
    """In the process that has it, whatever the row says; it is told to users, and nothing else is overridden."""
    switch(ada, "image_processing", enabled=row)
    person = Person(fresh(world, FLAG_IMAGE_PROCESSING=override), alice.user)
    assert person.ask("POST", ARCHIVE).status_code == expected
    told = person.get("/api/v1/flags").json
    assert told == {"flags": FLAGS | {"image_processing": override == "on"}, "overridden": ["image_processing"]}


def test_an_override_closes_what_the_database_guards_and_opens_none_of_it(
    ada: Person, alice: Person, world: World
) -> None:
    """Generations, batches and purchases: two locks, and each of them shuts."""
    closed = Person(fresh(world, FLAG_GENERATIONS="off", FLAG_PAYMENTS="OFF"), alice.user)
    check_shape(closed.create(), 403, "feature_disabled")
    bought = closed.ask("POST", "/api/v1/billing/checkout", json={"package_id": "credits-10"})
    assert check_shape(bought, 403, "feature_disabled")["details"] == {"flag": "payments"}
    assert closed.get("/api/v1/flags").json["flags"]["generations"] is False
    alice.started()
    switch(ada, "generations", enabled=False)
    opened = Person(fresh(world, FLAG_GENERATIONS="on"), alice.user)
    check_shape(opened.create(), 403, "feature_disabled")
    assert opened.get("/api/v1/flags").json["flags"]["generations"] is False


def test_overrides_are_said_when_a_process_starts(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    """The first line of its log."""
    fresh(world, FLAG_CHARTS="off")
    line = next(line for line in capfd.readouterr().err.splitlines() if "app_created" in line)
    assert json.loads(line)["flag_overrides"] == {"charts": False}


def test_an_override_of_nothing_is_a_mistake_that_names_the_known_ones() -> None:
    """Nothing is ever overridden in vain: not a misspelt flag, not one that no process of ours is asked for."""
    assert problems(FLAG_CHART="on") == [f"FLAG_CHART is no feature flag: expected one of {', '.join(VARIABLES)}"]
    assert problems(FLAG_CHARTS="yes") == ["FLAG_CHARTS must be on or off"]
    assert problems(FLAG_SIGN_UPS="off")[0].startswith("FLAG_SIGN_UPS has no effect: Supabase Auth asks the row")
    assert load_settings(GOOD | {"FLAG_CHARTS": "On", "FLAG_BATCHES": " "}).flag_overrides == {"charts": True}
    with pytest.raises(LookupError, match="chart is no feature flag"):
        require_flag("chart")
    with pytest.raises(LookupError, match="sign_ups is no feature flag that a view"):
        require_flag("sign_ups")


def test_a_missing_row_is_an_error_in_tests_and_the_declared_default_elsewhere(
    alice: Person, world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    """Never silently off: logged once a minute and counted each time."""
    strict, real = fresh(world), fresh(world, TESTING_MODE="0")
    with row_away(world, "image_processing"):
        check_shape(Person(strict, alice.user).get("/api/v1/flags"), 500, "internal")
        capfd.readouterr()
        for _ in range(3):
            assert Person(real, alice.user).get("/api/v1/flags").json["flags"]["image_processing"] is True
        check_shape(Person(real, alice.user).ask("POST", ARCHIVE), 404, "batch_not_found")
        said = [json.loads(line) for line in capfd.readouterr().err.splitlines() if "flag_has_no_row" in line]
    assert [(line["flag"], line["on"], line["level"]) for line in said] == [("image_processing", True, "error")]
    assert counted(real, 'scrip_flag_has_no_row_total{flag="image_processing"}') >= 4


def test_refusals_are_counted_by_flag(ada: Person, alice: Person, world: World) -> None:
    """Those of the database and those of a view."""
    names = [f'scrip_feature_disabled_total{{flag="{key}"}}' for key in ("generations", "image_processing")]
    before = [counted(fresh(world), name) for name in names]
    switch(ada, "generations", enabled=False)
    switch(ada, "image_processing", enabled=False)
    person = Person(fresh(world), alice.user)
    person.create()
    person.ask("POST", ARCHIVE)
    assert [counted(fresh(world), name) for name in names] == [value + 1 for value in before]


def counted(app: Flask, series: str) -> float:
    """What /metrics shows for a series; 0 while there is none."""
    lines = app.test_client().get("/metrics").text.splitlines()
    return float(next((line.split()[-1] for line in lines if line.startswith(series)), 0))


@contextmanager
def row_away(world: World, key: str) -> Iterator[None]:
    """Take a flag's row away for a while."""
    world.connection.execute("create table kept as select * from public.feature_flags where key = %s", [key])
    world.connection.execute("delete from public.feature_flags where key = %s", [key])
    try:
        yield
    finally:
        world.connection.execute("insert into public.feature_flags select * from kept; drop table kept")
