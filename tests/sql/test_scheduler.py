"""What the scheduler keeps: its own runs, and the incidents that people are told of."""

from __future__ import annotations

from typing import Any

from tests.factories import Json, Sql
from tests.sql.conftest import refused

JOBS = [{"name": "dispatch", "interval_seconds": 10}, {"name": "books", "interval_seconds": 86400}]
RUN = {"p_took_seconds": 0.5, "p_runs": 3, "p_failures": 1, "p_failures_in_a_row": 0}
LOST = {"kind": "no_worker", "detail": {"alive": 0}}


def planned(sql: Sql, jobs: Json = JOBS) -> dict[str, Any]:
    """Name -> seconds since its last run."""
    return {row["name"]: row["started_seconds_ago"] for row in sql.as_service("plan_scheduled_jobs", p_jobs=jobs)}


def job(sql: Sql, name: str) -> Json:
    """One planned job."""
    return next(one for one in sql.as_service("list_scheduled_jobs") if one["name"] == name)


def incidents(sql: Sql, *conditions: Json, patience: float = 0) -> list[tuple[str, str, str]]:
    """Say what is wrong; (channel, event, kind) of what is to be told."""
    given = {"p_conditions": list(conditions), "p_channels": "{mail,web}", "p_patience_seconds": patience}
    return sorted((row["channel"], row["event"], row["kind"]) for row in untold(sql, given))


def untold(sql: Sql, given: Json) -> list[Json]:
    """What note_incidents answers."""
    rows: list[Json] = sql.as_service("note_incidents", **given)
    return rows


def test_a_run_is_remembered_for_the_next_leader(sql: Sql) -> None:
    """Counts add up, the outcome is the last one's, and a job that a release lacks is no longer planned."""
    assert planned(sql) == {"dispatch": None, "books": None}
    sql.as_service("note_scheduled_run", p_name="dispatch", p_started_seconds_ago=4.0, **RUN, p_error="away")
    sql.as_service("note_scheduled_run", p_name="dispatch", p_started_seconds_ago=1.0, **RUN, p_result={"told": 2})
    seen = job(sql, "dispatch")
    assert (seen["runs"], seen["failures"], seen["last_outcome"], seen["last_result"]) == (6, 2, "ok", {"told": 2})
    assert 1 <= planned(sql)["dispatch"] < 5
    assert set(planned(sql, JOBS[1:])) == {"books"}
    assert 1 <= planned(sql)["dispatch"] < 5, "an older release that leads for a while takes nothing away"


def test_a_new_leader_tries_a_failed_job_at_once(sql: Sql) -> None:
    """Not only a day after a daily job has failed."""
    planned(sql)
    sql.as_service("note_scheduled_run", p_name="books", p_started_seconds_ago=4.0, **RUN, p_error="away")
    assert planned(sql) == {"dispatch": None, "books": None}
    sql.as_service("note_scheduled_run", p_name="books", p_started_seconds_ago=2.0, **RUN)
    assert planned(sql)["books"] >= 2


def test_a_job_is_late_after_half_an_interval_and_a_minute(sql: Sql) -> None:
    """Also one that never ran; the time that a change of leader takes is allowed."""
    planned(sql)
    sql.move_time(70)
    assert [one["late_seconds"] for one in sql.as_service("list_scheduled_jobs")] == [0, 0]
    sql.move_time(10)
    assert job(sql, "dispatch")["late_seconds"] > 4
    sql.as_service("note_scheduled_run", p_name="dispatch", p_started_seconds_ago=1.0, **RUN)
    assert job(sql, "dispatch")["late_seconds"] == 0
    assert job(sql, "books")["late_seconds"] == 0


def test_nonsense_is_refused(sql: Sql) -> None:
    """By name of the field."""
    with refused(422, "invalid_params") as data:
        planned(sql, [{"name": "dispatch"}])
    assert data == {"field": "jobs"}
    with refused(422, "invalid_params"):
        sql.as_service("note_scheduled_run", p_name="x", p_started_seconds_ago=0.1, **RUN)
    with refused(422, "invalid_params"):
        sql.as_service("note_incidents", p_conditions={}, p_channels="{mail}", p_patience_seconds=0)
    with refused(422, "invalid_params"):
        sql.as_service("mark_incident_told", p_incident_id=None, p_event="over", p_channel="mail")
    with refused(422, "invalid_params"):
        sql.as_service("get_alert_facts", p_minutes=0)


def test_an_incident_is_one_until_it_ends_and_is_told_per_channel(sql: Sql) -> None:
    """Nothing counts as told before it was marked; the end is told after the beginning."""
    both = [("mail", "began", "no_worker"), ("web", "began", "no_worker")]
    assert incidents(sql, LOST) == incidents(sql, LOST) == both
    (identity,) = sql.connection.execute("select id::text from private.incidents").fetchone() or ()
    mark = {"p_incident_id": identity, "p_channel": "mail"}
    for _ in range(2):
        sql.as_service("mark_incident_told", p_event="began", **mark)
    assert incidents(sql, LOST) == both[1:]
    assert incidents(sql) == [("mail", "ended", "no_worker"), both[1], ("web", "ended", "no_worker")]
    sql.as_service("mark_incident_told", p_event="ended", **mark)
    assert sql.one("select told_began || told_ended from private.incidents") == ["mail", "mail"]
    assert len(incidents(sql, LOST)) == 4, "it is back: another incident"
    sql.move_time(86_401)
    assert incidents(sql, LOST) == both, "what could not be told for a day is given up"


def test_what_is_over_at_once_is_not_told(sql: Sql) -> None:
    """A deploy replaces the only worker: nobody is woken."""
    assert incidents(sql, LOST, patience=60) == []
    sql.move_time(30)
    assert incidents(sql, patience=60) == []
    assert incidents(sql, LOST, patience=60) == []
    sql.move_time(61)
    assert len(incidents(sql, LOST, patience=60)) == 2


def test_the_facts_are_those_of_lately(sql: Sql) -> None:
    """Failures that the user caused, and old ones, don't count."""
    user = sql.new_user(credits=50)
    for code in ("provider_failed", "invalid_params"):
        claim = sql.claim(sql.generate(user))
        failure = {"p_error_code": code, "p_error_message": "no", "p_retryable": False}
        sql.as_service("fail_generation", p_generation_id=claim["id"], p_attempt=1, **failure)
    sql.generate(user)
    facts = sql.as_service("get_alert_facts")
    assert (facts["finished"], facts["provider_failures"], facts["queued"]) == (2, 1, True)
    assert (facts["overdue_seconds"], facts["problems"], facts["failing_jobs"]) == (0, {"open": 0, "oldest": []}, [])
    sql.move_time(1000)
    facts = sql.as_service("get_alert_facts")
    assert facts["finished"] == facts["provider_failures"] == 0
    assert facts["overdue_seconds"] > 900
