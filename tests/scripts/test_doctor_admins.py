"""The doctor sees whether admins can do their work."""

from __future__ import annotations

import pytest

from tests.scripts.doctors import Clinic, blamed, warned
from tests.sql.prompting import prompt, write
from tests.sql.staff import staff

OFF = "alter table private.user_roles disable trigger user_roles_keep_an_owner"
ON = "alter table private.user_roles enable trigger user_roles_keep_an_owner"


def test_a_project_without_an_owner_is_named(clinic: Clinic) -> None:
    """And the dry run, which needs one, blames nobody else."""
    demote = f"{OFF}; update private.user_roles set role = 'admin' where role = 'owner'; {ON}"
    promote = "update private.user_roles set role = 'owner' where role = 'admin'"
    with clinic.broken(demote, promote):
        assert blamed(clinic.examine()) == {"owner": ["nobody is an owner, so nobody can give roles"]}


@pytest.mark.parametrize(
    ("harm", "mend", "cause"),
    [
        (
            "update private.role_limits set ceiling = 0, per_act = 0 where role = 'owner'",
            "update private.role_limits set ceiling = 10000000, per_act = 10000 where role = 'owner'",
            "was refused: Your role may adjust at most 0 credits",
        ),
        (
            "alter table private.credit_adjustments add constraint c check (amount > 7)",
            "alter table private.credit_adjustments drop constraint c",
            "failed: new row for relation",
        ),
    ],
)
def test_credits_that_can_not_be_added_are_named(clinic: Clinic, harm: str, mend: str, cause: str) -> None:
    """Before an admin finds out."""
    with clinic.broken(harm, mend):  # type: ignore[arg-type]
        [said] = blamed(clinic.examine())["adjustment"]
        assert cause in said


def test_a_changed_row_of_the_audit_log_is_named(clinic: Clinic) -> None:
    """Which row, and how."""
    clinic.world.connection.execute("select private.audit('system:test', null, 'test', 'test', null, '{}')")
    off = "alter table private.audit_log disable trigger audit_log_is_append_only"
    on = "alter table private.audit_log enable trigger audit_log_is_append_only"
    harm = f"{off}; update private.audit_log set act = 'other' where act = 'test'; {on}"
    with clinic.broken(harm, f"{off}; update private.audit_log set act = 'test' where act = 'other'; {on}"):
        assert blamed(clinic.examine()) == {"audit log": ["row_changed: row 1"]}


def test_when_the_audit_log_was_last_verified_is_told(clinic: Clinic) -> None:
    """By the scheduler, each hour; a problem that it has found counts although the row is an old one."""
    [sound] = [one for one in clinic.examine() if one.check == "audit log"]
    assert sound.state == "ok" and "last verified 20" in sound.cause
    since = "update private.audit_verification set verified_at = verified_at {} interval '2 days'"
    with clinic.broken(since.format("-"), since.format("+")):  # type: ignore[arg-type]
        [said] = warned(clinic.examine())["audit log"]
        assert said.startswith("last verified 20") and "rows since: " in said
    told = """insert into private.ledger_problems (source, transaction_id, problem, once_key, found_at)
        values ('audit', 7, 'audit_row_changed', 'test', now())"""
    with clinic.broken(told, "delete from private.ledger_problems where once_key = 'test'"):
        assert blamed(clinic.examine())["audit log"] == ["row_changed: row 7"]


def test_a_prompt_that_a_built_in_stands_in_for_is_named(clinic: Clinic) -> None:
    """While it is missing; keys that users made up are nobody's business."""
    harm = "insert into private.metric_totals values ('preset_fallbacks', '{\"preset\": \"%s\"}', 3)"
    mend = "delete from private.metric_totals where name = 'preset_fallbacks'"
    with clinic.broken(f"{harm % 'watercolor'}; {harm % '(unknown)'}", mend):
        [said] = warned(clinic.examine())["prompts"]
        assert said == "no active prompt, so the built-in was sent: watercolor (3 times)"
        ada = staff(clinic.world.sql, "admin")
        write(clinic.world.sql, ada, prompt("watercolor"))
        assert "prompts" not in warned(clinic.examine())
