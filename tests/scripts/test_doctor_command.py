"""doctor.py as a program: where variables come from, exit codes, what it prints and never prints."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from scripts.diagnosis import (
    access,
    billing,
    books,
    clocks,
    database,
    outside,
    project,
    providers,
    queue,
    tokens,
    variables,
    watch,
)
from scripts.diagnosis.command import main
from scripts.diagnosis.expected import expected_access
from scripts.diagnosis.findings import Check, Finding, diagnose, fail, ok
from scripts.diagnosis.patient import Patient
from scripts.diagnosis.report import show
from scripts.diagnosis.surroundings import from_file
from scripts.local.environment import noted
from scripts.migrations.files import Migration
from tests.worker.world import ROOT

NOWHERE = "127.0.0.1:9"
ENVIRON = {
    "APP_ENV": "local",
    "SUPABASE_URL": f"http://{NOWHERE}",
    "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_seen",
    "SUPABASE_SECRET_KEY": "sb_secret_unseen1",
    "REDIS_URL": f"redis://:unseen2@{NOWHERE}/0",
    "DATABASE_URL": f"postgresql://postgres:unseen3@{NOWHERE}/postgres",
    "SITE_URL": "http://127.0.0.1:3000",
}
MODULES = (access, billing, books, clocks, database, outside, project, providers, queue, tokens, variables, watch)


@dataclass(frozen=True)
class Ran:
    """What a run of the program left."""

    returncode: int
    stdout: str
    stderr: str


Doctor = Callable[..., Ran]


@pytest.fixture
def doctor(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Doctor:
    """Run the command line in this process, which is quicker than to start one."""

    def run(*arguments: str, **environ: str) -> Ran:
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        try:
            code = main(arguments)
        except SystemExit as end:
            code = int(str(end.code))
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return run


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    """A file like .env, of an environment where nothing answers."""
    path = tmp_path / "env of mine"
    path.write_text("# a comment\n" + "".join(f"{name}='{value}'\n" for name, value in ENVIRON.items()))
    return path


def test_a_table_for_people_names_causes_and_mends_and_no_secret(env_file: Path, doctor: Doctor) -> None:
    """Exit code 1, no colours where there is no terminal."""
    ran = doctor("--env-file", str(env_file))
    assert ran.returncode == 1, ran.stderr
    assert re.search(r"FAIL +supabase ", ran.stdout)
    assert "because supabase failed" in ran.stdout
    assert "→" in ran.stdout
    assert "3 failed" in ran.stdout
    assert "unseen" not in ran.stdout + ran.stderr
    assert "\x1b" not in ran.stdout


def test_json_for_machines_says_the_same(env_file: Path, doctor: Doctor) -> None:
    """Every finding with check, subject, state, cause and mend."""
    ran = doctor("--json", "--env-file", str(env_file))
    told = json.loads(ran.stdout)
    assert ran.returncode == 1
    assert told["sound"] is False
    assert {one["check"] for one in told["findings"] if one["state"] == "failure"} == {"supabase", "database", "redis"}
    assert sum(told["counts"].values()) == len(told["findings"])
    assert all(one.keys() == {"check", "subject", "state", "cause", "mend"} for one in told["findings"])
    assert "unseen" not in ran.stdout


def test_a_file_replaces_the_shells_variables_and_never_mixes_with_them(env_file: Path, doctor: Doctor) -> None:
    """A forgotten variable must show, even if the shell happens to hold one for another project."""
    env_file.write_text(env_file.read_text().replace("REDIS_URL=", "#"))
    ran = doctor("--json", "--env-file", str(env_file), REDIS_URL="redis://127.0.0.1:9")
    causes = [one["cause"] for one in json.loads(ran.stdout)["findings"] if one["state"] == "failure"]
    assert "REDIS_URL is missing" in causes


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--url", "example.com"], "--url takes the backend's address"),
        (["--url", "http://[::1"], "--url takes the backend's address"),
        (["--url", "http://127.0.0.1:99999"], "--url takes the backend's address"),
        (["--env-file", sys.executable], "it is not UTF-8"),
        (["--url", "https://api.example.com", "--local"], "not allowed with"),
        (["--env-file", "/nowhere/at/all"], "cannot be read"),
        (["--local", "/nowhere/at/all"], "scripts/start"),
        (["--origin", "https://app.example.com"], "--origin goes with --url"),
        (["--nonsense"], "unrecognized"),
    ],
)
def test_misuse_ends_with_2_and_a_sentence(arguments: list[str], said: str, doctor: Doctor) -> None:
    """And examines nothing."""
    ran = doctor(*arguments)
    assert ran.returncode == 2
    assert said in ran.stderr
    assert not ran.stdout


def test_help_shows_examples() -> None:
    """With the exit codes; here the program itself is started, as people do."""
    command = [sys.executable, str(ROOT / "scripts" / "doctor.py"), "--help"]
    ran = subprocess.run(command, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True)
    assert ran.returncode == 0
    assert "python scripts/doctor.py --local" in ran.stdout
    assert "Exit codes" in ran.stdout


def test_a_stacks_variables_are_kept_for_its_owner_alone_and_only_while_they_are_true(tmp_path: Path) -> None:
    """In a form that a shell reads too, blanks and quotes included."""
    path = tmp_path / "environment"
    with noted(path, {"SITE_URL": "it's here", "PORT": "8000"}):
        assert path.stat().st_mode & 0o077 == 0
        assert from_file(path, {"REDIS_URL": "of the shell", "HOME": "/root"}) == {
            "HOME": "/root",
            "SITE_URL": "it's here",
            "PORT": "8000",
        }
        shell = subprocess.run(["sh", "-c", f". {path}; echo $SITE_URL"], capture_output=True, text=True)
        assert shell.stdout == "it's here\n"
    assert not path.exists()


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits_the_terminal(width: int, tmp_path: Path) -> None:
    """Nothing is cut off; long lines fold."""
    long = "word " * 60 + "the end"
    findings = [Finding("failure", long, long, "clock of the database", "Clocks"), ok("yes")]
    with (tmp_path / "out").open("w+") as file:
        show(findings, 1.0, Console(file=file, width=width))
        file.seek(0)
        text = file.read()
    assert max(len(line) for line in text.splitlines()) <= width
    assert text.count("the end") == 2


def test_a_check_that_breaks_is_a_finding_and_stops_no_other() -> None:
    """The doctor is the last one who may fall over."""

    def breaks(patient: Patient) -> list[Finding]:
        raise ZeroDivisionError("oh")

    found = diagnose(Patient({}), [Check("first", "A", breaks), Check("second", "A", lambda patient: [ok("well")])])
    assert [one.state for one in found] == ["failure", "ok"]
    assert "ZeroDivisionError" in found[0].cause


def test_only_the_cause_is_blamed() -> None:
    """What needs a failed check is not run; what a failed check explains is taken back, but never a warning."""
    bad, never = (lambda patient: [fail("bad", "mend")]), (lambda patient: [fail("never", "")])
    checks = [
        Check("cause", "A", bad),
        Check("needs it", "A", never, needs=("cause",)),
        Check("needs that", "A", never, needs=("needs it",)),
        Check("explained", "A", bad, because=("cause",)),
    ]
    found = diagnose(Patient({}), checks)
    assert [(one.check, one.state) for one in found if one.state == "failure"] == [("cause", "failure")]
    assert {one.cause for one in found if one.state == "skipped"} == {"because cause failed"}


def test_every_check_is_in_the_page_for_people() -> None:
    """docs/doctor.md explains each one."""
    page = (ROOT / "docs" / "doctor.md").read_text()
    names = {check.name for module in MODULES for check in module.CHECKS}
    assert [name for name in sorted(names) if f"`{name}`" not in page] == []


def test_needs_name_checks_that_exist() -> None:
    """A misspelled one would be waited for by nobody."""
    inside = {check.name for module in MODULES if module is not outside for check in module.CHECKS}
    for module in MODULES:
        known = {check.name for check in outside.CHECKS} if module is outside else inside
        for check in module.CHECKS:
            assert {*check.needs, *check.because} <= known, check.name


def test_access_is_read_from_the_migrations_in_order() -> None:
    """Later grants and revokes win, columns and several names included."""
    sql = """
    create table public.a (x int, y int);
    revoke all on public.a, public.b from public, anon, authenticated, service_role;
    grant select, insert on table public.a to authenticated, service_role;
    grant update (x, y) on public.a to authenticated;
    revoke insert on public.a from authenticated;
    grant usage on schema private to anon;
    grant execute on function public.f(int) to anon;
    create policy "mine" on public.a for select to authenticated using (true);
    create policy gone on public.a for select to authenticated using (true);
    drop policy gone on public.a;
    """
    access_told = expected_access([Migration(Path("1_a.sql"), "1", "a", sql)])
    assert access_told.rights == {
        "public.a": {
            ("authenticated", "select", ""),
            ("service_role", "select", ""),
            ("service_role", "insert", ""),
            ("authenticated", "update", "x"),
            ("authenticated", "update", "y"),
        },
        "public.b": set(),
        "schema private": {("anon", "usage", "")},
    }
    assert access_told.policies == {("public.a", "mine")}
