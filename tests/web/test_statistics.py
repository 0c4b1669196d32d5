"""Statistics over HTTP, for support staff and admins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from backend.core import statistics
from tests.web.person import Person
from tests.web.test_adjustments import ADMIN, staff
from tests.web.test_errors import check_shape
from tests.web.test_flags import switch
from tests.worker.world import World

STATS = f"{ADMIN}/stats"


@pytest.fixture
def sam(app: Flask, world: World) -> Person:
    """Support staff."""
    return staff(app, world, "support")


def today(sam: Person) -> dict[str, Any]:
    """Today's row of the chart; tomorrow's if the day is over meanwhile."""
    row: dict[str, Any] = sam.get(STATS).json["data"][-1]
    return row


def test_what_happens_is_told_at_once_rolled_up_or_not(sam: Person, alice: Person, world: World) -> None:
    """Sign-up credits and an outcome, before and after the scheduler came by."""
    before = today(sam)
    generation = alice.started()
    alice.ask("POST", f"/api/v1/generations/{generation['id']}/cancel")
    assert today(sam)["generations"]["canceled"] == before["generations"]["canceled"] + 1
    seen = today(sam)
    while statistics.roll_up(world.deps)["more"]:
        pass
    assert today(sam) == seen


def test_a_chart_has_a_row_for_each_day_month_and_model(sam: Person) -> None:
    """Also where nothing happened; both ends are included, and months are whole."""
    days = sam.get(f"{STATS}?from=2024-01-01&to=2024-12-31").json
    assert (len(days["data"]), days["data"][0]["day"], days["data"][-1]["day"]) == (366, "2024-01-01", "2024-12-31")
    months = sam.get(f"{STATS}?from=2024-01-15&to=2024-03-02&by=month").json
    assert (months["from"], months["to"]) == ("2024-01-01", "2024-03-31")
    assert [row["month"] for row in months["data"]] == ["2024-01", "2024-02", "2024-03"]
    models = sam.get(f"{STATS}?by=model&model=local/picture").json
    assert [row["model"] for row in models["data"]] == ["local/picture"]
    assert set(models["data"][0]["credits"]) == {"used", "refunded", "absorbed"}
    assert "revenue" not in models["total"]
    last = datetime.now(UTC).date()
    assert sam.get(STATS).json["from"] == (last - timedelta(days=29)).isoformat()


def test_the_top_and_the_cohorts_say_which_range_they_are_of(sam: Person) -> None:
    """What stands in them is compared with raw rows elsewhere."""
    top = sam.get(f"{STATS}/top?from=2026-11-01&to=2026-11-30&limit=3").json
    assert (top["from"], top["to"], len(top["users"]) <= 3) == ("2026-11-01", "2026-11-30", True)
    cohorts = sam.get(f"{STATS}/cohorts?from=2026-01-20&to=2026-11-02").json
    assert (cohorts["from"], cohorts["to"]) == ("2026-01", "2026-11")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?from=2024-01-01&to=2025-02-05", "from"),
        ("?from=2024-01-02&to=2024-01-01", "from"),
        ("?from=1999-12-31&to=2000-01-31", "from"),
        ("?to=0999-01-01", "to"),
        ("?to=2024-02-30", "to"),
        ("?to=tomorrow", "to"),
        ("?from=1700000000", "from"),
        ("?from=2015-01-01&to=2024-01-01&by=month", "from"),
        ("?by=user", "by"),
        ("/top?limit=201", "limit"),
        ("/top?from=2024-01-01&to=2025-02-05", "from"),
        ("/cohorts?from=2015-01-01&to=2024-01-01", "from"),
    ],
)
def test_a_range_is_bounded_and_a_day_is_a_day(sam: Person, query: str, field: str) -> None:
    """422 naming the field."""
    details = check_shape(sam.get(STATS + query), 422, "invalid_params")["details"]
    assert field in str(details)


def test_an_unknown_model_is_one(sam: Person) -> None:
    """404, not a chart of zeros."""
    check_shape(sam.get(f"{STATS}?model=no/such"), 404, "model_not_found")


def test_users_see_none_and_a_flag_closes_them(sam: Person, alice: Person, app: Flask, world: World) -> None:
    """Charts are a feature that can be switched off."""
    for path in ("", "/top", "/cohorts"):
        check_shape(alice.get(STATS + path), 403, "forbidden")
    owner = staff(app, world, "owner")
    switch(owner, "charts", enabled=False)
    try:
        for path in ("", "/top", "/cohorts"):
            check_shape(sam.get(STATS + path), 403, "feature_disabled")
    finally:
        switch(owner, "charts", enabled=True)
