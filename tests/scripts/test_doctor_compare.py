"""doctor.py compare on two real databases: each kind of difference is told, with its side, cause and mend."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest

from scripts.diagnosis.command import main
from scripts.local.postgres import Postgres
from tests.factories import Sql
from tests.sql.prompting import prompt, write
from tests.sql.staff import staff

SECRET = "sb_secret_never_shown_1"


@dataclass(frozen=True)
class Twins:
    """Two environments that begin alike, each with a file of variables."""

    urls: tuple[str, str]
    files: tuple[Path, Path]
    run: Callable[..., tuple[int, str]]

    def sql(self, statement: LiteralString, *, side: int = 1) -> None:
        """Change one of them."""
        with psycopg.connect(self.urls[side], autocommit=True) as connection:
            connection.execute(statement)

    def compared(self) -> list[dict[str, Any]]:
        """What differs, by JSON; the exit code fits."""
        code, told = self.run(*map(str, self.files), "--json")
        answer = json.loads(told)
        assert (code, answer["same"]) == ((1, False) if answer["differences"] else (0, True))
        assert all(one["cause"] and one["mend"] for one in answer["differences"])
        found: list[dict[str, Any]] = answer["differences"]
        return found


Make = Callable[[str, str], Twins]


@pytest.fixture
def make(tmp_path: Path, capsys: pytest.CaptureFixture[str], postgres: Postgres) -> Make:
    """Give two databases their files."""

    def run(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        try:
            code = main(["compare", *arguments])
        except SystemExit as end:
            code = int(str(end.code))
        told = capsys.readouterr()
        assert SECRET not in told.out + told.err and postgres.password not in told.out + told.err
        return code, told.out + told.err

    def made(a: str, b: str) -> Twins:
        files = tmp_path / "env.staging", tmp_path / "env.production"
        for file, url in zip(files, (a, b), strict=True):
            file.write_text(f"DATABASE_URL='{url}'\nSUPABASE_SECRET_KEY={SECRET}\nAPP_ENV=staging\n")
        return Twins((a, b), files, run)

    return made


@contextmanager
def cloned(postgres: Postgres, template: str) -> Iterator[tuple[str, str]]:
    """Two databases that are alike."""
    names = [f"twin_{side}_{uuid.uuid4().hex[:8]}" for side in "ab"]
    for name in names:
        postgres.clone(template, name)
    yield postgres.url(names[0]), postgres.url(names[1])
    for name in names:
        postgres.drop(name)


@pytest.fixture(scope="module")
def pair(postgres: Postgres, template: str) -> Iterator[tuple[str, str]]:
    """Two databases for tests that leave them alike."""
    with cloned(postgres, template) as urls:
        yield urls


@pytest.fixture
def twins(pair: tuple[str, str], make: Make) -> Twins:
    """Two environments that are to be left alike."""
    return make(*pair)


@pytest.fixture
def spoilt(postgres: Postgres, template: str, make: Make) -> Iterator[Twins]:
    """Two environments of the test's own."""
    with cloned(postgres, template) as urls:
        yield make(*urls)


def test_two_that_are_alike_have_no_difference(twins: Twins) -> None:
    """By file and by address, for people and for machines; exit code 0."""
    assert twins.compared() == []
    code, told = twins.run(*map(str, twins.files))
    assert code == 0 and "no difference" in told and "env.staging" in told
    code, told = twins.run(*twins.urls)
    assert code == 0 and "settings not compared" in told and "twin_a" in told


@pytest.mark.parametrize(
    ("change", "section", "name", "b", "cause"),
    [
        ("update public.models set base_credits = base_credits + 1 where id = 'local/picture'", "models",
         "local/picture", "base_credits", "they differ in base_credits"),
        ("update public.credit_packages set amount_cents = 1 where id = 'credits-10'", "packages", "credits-10",
         "amount_cents 1", "they differ in amount_cents"),
        ("delete from public.plans where id = 'pro-yearly'", "plans", "pro-yearly", "-", "only A has it"),
        ("update public.feature_flags set enabled = false, percentage = 5 where key = 'batches'", "flags", "batches",
         "enabled false, percentage 5", "they differ in enabled, percentage"),
        ("update private.role_limits set per_act = 7 where role = 'admin'", "role limits", "admin", "per_act 7",
         "they differ in per_act"),
        ("insert into private.scheduled_jobs (name, interval_seconds, planned_at) values ('tidy', 5, now())",
         "scheduled jobs", "tidy", "there", "only B has it"),
        ("update private.settings set signup_credits = 3", "database settings", "private.settings", "signup_credits 3",
         "they differ in signup_credits"),
        ("insert into supabase_migrations.schema_migrations values ('29990101000000', '{x}', 'future')", "migrations",
         "29990101000000_future", "there", "only B has it"),
    ],
)  # fmt: skip
def test_each_difference_is_named_with_its_side(
    twins: Twins, change: LiteralString, section: str, name: str, b: str, cause: str
) -> None:
    """One change, one finding, and it goes when both have it."""
    twins.sql(change)
    [found] = twins.compared()
    assert (found["section"], found["name"], found["cause"]) == (section, name, cause)
    assert found["b"].startswith(b)
    twins.sql(change, side=0)
    assert twins.compared() == []


def test_a_function_that_was_changed_by_hand_is_named_with_its_side(spoilt: Twins) -> None:
    """Text and grants, missing ones and triggers; who is wrong is known from what this checkout ships."""
    spoilt.sql("revoke execute on function public.get_me() from authenticated")
    spoilt.sql("drop function public.list_plans()", side=0)
    spoilt.sql("alter table public.credit_transactions disable trigger ledger_is_append_only")
    grants, plans, trigger = spoilt.compared()
    assert (grants["name"], grants["a"], grants["b"]) == ("function public.get_me()", "as shipped", grants["b"])
    assert grants["b"] == "grants are not what was shipped"
    assert grants["cause"] == "not as this checkout ships it: B"
    assert (plans["name"], plans["a"], plans["b"]) == ("function public.list_plans()", "-", "as shipped")
    assert plans["cause"] == "not as this checkout ships it: A"
    assert trigger["name"].startswith("trigger ledger_is_append_only")
    code, told = spoilt.run(*map(str, spoilt.files))
    assert code == 1 and "3 differences" in told and "migrate.py up" in told


def test_prompts_that_differ_are_told_without_their_whole_text(spoilt: Twins) -> None:
    """Long ones begin alike: length and digest tell them apart. Versions may differ."""
    text = "soft light from a window, " * 8
    for url, end in zip(spoilt.urls, ("evening", "morning"), strict=True):
        with psycopg.connect(url, autocommit=True) as connection:
            sql = Sql(connection)
            ada = staff(sql, "admin")
            write(sql, ada, prompt("compare-light", "x"), prompt("compare-same", "x"))
            write(sql, ada, prompt("compare-light", text + end), prompt("compare-same", "y"))
            if end == "morning":
                for content in ("z", "y"):
                    write(sql, ada, prompt("compare-same", content))
    [found] = spoilt.compared()
    assert (found["section"], found["name"], found["cause"]) == ("prompts", "compare-light", "they differ in content")
    assert found["a"] != found["b"] and len(found["a"]) < 100 and text not in found["a"]


def test_variables_are_compared_by_their_names_alone(twins: Twins) -> None:
    """Set or not; another value is no difference, and none is shown."""
    with twins.files[1].open("a") as file:
        file.write("STRIPE_SECRET_KEY=sk_live_never_shown_2\nSMTP_URL=\nAPP_ENV=production\n")
    [found] = twins.compared()
    assert (found["section"], found["name"], found["a"], found["b"]) == ("settings", "STRIPE_SECRET_KEY", "-", "there")
    assert "sk_live" not in twins.run(*map(str, twins.files))[1]


def test_one_that_was_never_migrated_is_compared_as_far_as_it_goes(twins: Twins, bare: str) -> None:
    """Its tables are not there, and that is said; everything that was shipped is missing in it."""
    twins.files[1].write_text(twins.files[0].read_text().replace(twins.urls[0], bare))
    code, told = twins.run(*map(str, twins.files), "--json")
    answer = json.loads(told)
    assert code == 1 and {one["section"] for one in answer["differences"]} == {"migrations", "functions"}
    assert {one["section"] for one in answer["not_compared"]} >= {"models", "flags", "prompts", "role limits"}
    assert "migrations are missing" in answer["not_compared"][0]["cause"]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("postgresql://postgres:hunter2@127.0.0.1:9/postgres", "127.0.0.1:9/postgres can't be reached"),
        ("no-such-file", "no-such-file cannot be read"),
        ("empty", "sets no DATABASE_URL"),
        ("postgresql//u:hunter2@h/db", "is not a PostgreSQL connection string"),
        ("postgresql://u:p@ss@h/db", "is not a PostgreSQL connection string"),
    ],
)
def test_one_that_can_not_be_reached_is_exit_code_2(twins: Twins, tmp_path: Path, word: str, said: str) -> None:
    """With the reason, and no password; a difference is not claimed."""
    (tmp_path / "empty").write_text("APP_ENV=local\n")
    word = str(tmp_path / "empty") if word == "empty" else word
    for pair in ((twins.urls[0], word), (word, twins.urls[0])):
        code, told = twins.run(*pair)
        assert code == 2 and said in told and "hunter2" not in told


def test_how_the_two_are_named_is_in_the_help(twins: Twins) -> None:
    """With an example; one alone is misuse."""
    code, told = twins.run("--help")
    assert code == 0 and "compare .env.staging .env.production" in told and "DATABASE_URL" in told
    assert twins.run(twins.urls[0])[0] == 2
