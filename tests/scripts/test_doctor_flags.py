"""The doctor says what is switched off, by whom, and which flag has no row."""

from __future__ import annotations

import pytest

from tests.scripts.doctors import Clinic, blamed, warned

OFF = "update public.feature_flags set enabled = false, updated_at = clock_timestamp() where key = 'generations'"
ON = "update public.feature_flags set enabled = true where key = 'generations'"


def test_a_flag_that_is_off_is_named_with_its_mend(clinic: Clinic) -> None:
    """Since when, by whom, and what to send; nothing has failed."""
    with clinic.broken(OFF, ON):
        found = clinic.examine()
    [said] = warned(found)["flags"]
    assert said.startswith("generations is off by its row, since 20") and said.endswith("UTC by nobody known")
    [mend] = [one.mend for one in found if one.check == "flags"]
    assert 'PATCH /api/v1/admin/flags/generations {"enabled": true,' in mend
    assert not blamed(found)


def test_a_flag_without_a_row_is_named(clinic: Clinic) -> None:
    """And what counts instead."""
    away = (
        "create table kept as select * from feature_flags where key = 'charts';"
        " delete from feature_flags where key = 'charts'"
    )
    with clinic.broken(away, "insert into feature_flags select * from kept; drop table kept"):
        assert warned(clinic.examine())["flags"] == ["charts has no row: what is declared counts, which is on"]


def test_accounts_made_while_sign_ups_are_off_show_that_the_hook_is_not_called(clinic: Clinic) -> None:
    """As far as that can be seen: a server may have made them."""
    off = "update feature_flags set enabled = false, updated_at = now() - interval '1 hour' where key = 'sign_ups'"
    new = "insert into auth.users (id, email, created_at) values (gen_random_uuid(), 'late@example.test', now())"
    on = "update feature_flags set enabled = true where key = 'sign_ups'"
    with clinic.broken(f"{off}; {new}", f"{on}; delete from auth.users where email = 'late@example.test'"):
        said = warned(clinic.examine())["flags"]
    assert any("accounts were made since sign_ups is off" in one for one in said)


def test_shares_are_told(clinic: Clinic) -> None:
    """They are no mistake."""
    part = "update feature_flags set percentage = 10 where key = 'charts'"
    with clinic.broken(part, "update feature_flags set percentage = 100 where key = 'charts'"):
        found = clinic.examine()
    assert [one.cause for one in found if one.check == "flags"] == ["9 as declared, charts for 10 %"]


@pytest.mark.parametrize(
    ("name", "value", "cause"),
    [
        ("FLAG_CHARTS", "off", "FLAG_CHARTS=off decides in processes with these variables"),
        ("FLAG_GENERATIONS", "on", "FLAG_GENERATIONS=on opens nothing"),
    ],
)
def test_an_override_is_named(clinic: Clinic, name: str, value: str, cause: str) -> None:
    """Whatever the rows say."""
    [said] = warned(clinic.examine(**{name: value}))["flag overrides"]
    assert said.startswith(cause)


def test_an_override_of_nothing_fails(clinic: Clinic) -> None:
    """No process would start with it."""
    [said] = blamed(clinic.examine(FLAG_CHART="off"))["variables"]
    assert said.startswith("FLAG_CHART is no feature flag")
