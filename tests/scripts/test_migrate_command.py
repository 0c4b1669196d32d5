"""scripts/migrate.py as people and machines run it: exit codes, messages, and never a password."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from scripts.migrations.connection import connect, describe, is_local, scrub
from scripts.migrations.errors import ConnectionFailed, MigrationError
from tests.scripts.conftest import Checkout

SCRIPT = Path(__file__).parents[2] / "scripts" / "migrate.py"


def migrate(
    *arguments: str, url: str = "", stdin: str | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the script from a folder that is not the checkout."""
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        capture_output=True,
        text=True,
        cwd="/",
        input=stdin or "",
        timeout=60,
        env={"PATH": os.environ["PATH"], **({"DATABASE_URL": url} if url else {}), **environment},
    )


def test_a_whole_life(checkout: Checkout, bare: str) -> None:
    """Ship, check, up, status, edit: each with the exit code that a script relies on."""
    folder = ("--supabase-dir", str(checkout.folder))
    checkout.function("greet")
    assert migrate("check", *folder).returncode == 1
    assert "shipped  functions_sql/greetings/greet.sql" in migrate("ship", "greet", *folder).stdout
    assert migrate("check", *folder).returncode == 0
    before = json.loads(migrate("status", "--json", *folder, url=bare).stdout)
    assert len(before["pending"]) == 1 and not before["current"]
    assert migrate("status", "--exit-code", *folder, url=bare).returncode == 1
    assert migrate("up", *folder, url=bare).returncode == 0
    after = migrate("status", "--exit-code", *folder, url=bare)
    assert after.returncode == 0 and "applied" in after.stdout
    (path,) = (checkout.folder / "migrations").iterdir()
    path.write_text(path.read_text() + "-- edited\n")
    edited = migrate("up", *folder, url=bare)
    assert edited.returncode == 1 and "not what this database ran" in edited.stderr
    assert json.loads(migrate("status", "--json", *folder, url=bare).stdout)["edited"]


def test_nothing_is_coloured_without_a_terminal(checkout: Checkout, bare: str) -> None:
    """Logs and pipes get plain text, and no line is cut."""
    name = "a_rather_long_name_for_a_migration_that_would_not_fit_into_a_table_of_eighty_columns"
    checkout.migration(f"20260101000000_{name}.sql", "select 1;")
    shown = migrate("status", "--supabase-dir", str(checkout.folder), url=bare)
    assert "\x1b" not in shown.stdout and name in shown.stdout


@pytest.mark.parametrize("command", ["up", "status", "ship", "check", "down"])
def test_help_gives_examples(command: str) -> None:
    """One can start from --help alone."""
    assert f"python scripts/migrate.py {command}" in migrate(command, "--help").stdout


def test_no_database_is_said_plainly() -> None:
    """The variable's name is what one needs."""
    missing = migrate("up")
    assert missing.returncode == 1 and "Set DATABASE_URL" in missing.stderr
    nonsense = migrate("up", url="nonsense of hunter2")
    assert nonsense.returncode == 1 and "not a PostgreSQL connection string" in nonsense.stderr
    assert "hunter2" not in nonsense.stderr


def test_misuse_is_exit_code_two() -> None:
    """As every Unix tool does."""
    assert migrate("upp").returncode == 2


def test_down_needs_a_terminal_or_yes(checkout: Checkout, bare: str) -> None:
    """A script that forgot --yes must not undo anything, whatever is piped into it."""
    folder = ("--supabase-dir", str(checkout.folder))
    checkout.migration("20260101000000_a.sql", "create table public.a ();\n-- rollback:\n-- drop table public.a;\n")
    migrate("up", *folder, url=bare)
    refused = migrate("down", *folder, url=bare, stdin="yes\n")
    assert refused.returncode == 1 and "--yes" in refused.stderr and "This loses data" in refused.stdout
    assert migrate("down", "--yes", *folder, url=bare).returncode == 0
    with psycopg.connect(bare) as connection:
        assert connection.execute("select to_regclass('public.a')").fetchone() == (None,)


def test_development_is_for_databases_on_this_machine(checkout: Checkout, bare: str) -> None:
    """APP_ENV=local loads unshipped edits here; --dev is refused where it says production."""
    folder = ("--supabase-dir", str(checkout.folder))
    checkout.function("greet")
    assert "left out" in migrate("up", *folder, url=bare).stdout
    assert "left out" in migrate("up", *folder, url=bare, APP_ENV="production").stdout
    refused = migrate("up", "--dev", *folder, url=bare, APP_ENV="production")
    assert refused.returncode == 1 and "--dev is not for" in refused.stderr
    assert "loaded       function public.greet()" in migrate("up", *folder, url=bare, APP_ENV="local").stdout


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("postgresql://me@127.0.0.1:54322/db", True),
        ("postgresql://me@localhost/db", True),
        ("postgresql://me@[::1]:5432/db", True),
        ("postgresql:///db?host=/run/postgresql", True),
        ("dbname=db", True),
        ("postgresql://me@db.abc.supabase.co:5432/db", False),
        ("postgresql://me@127.0.0.1,db.example/db", False),
        ("postgresql://me@localhost.example.com/db", False),
    ],
)
def test_what_counts_as_this_machine(url: str, local: bool) -> None:
    """Decides whether APP_ENV=local, left over in a shell, may load unshipped functions."""
    assert is_local(url) is local


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://postgres:hunter2secret@127.0.0.1:1/db",
        "postgresql://postgres:hunter2secret@nowhere.invalid:5432/db",
        "postgresql://postgres:hunter2@secret@127.0.0.1:5432/db",
        "postgresql://postgres:hunter2/secret@127.0.0.1:5432/db",
        "postgresql://postgres:hunter2%2Fsecret@127.0.0.1:1/db",
        "postgresql://postgres:hunter2#secret@127.0.0.1:1/db",
        "host=127.0.0.1 port=1 user=postgres password=hunter2secret",
        "postgresql://127.0.0.1:1/db?user=postgres&password=hunter2secret",
        "postgresql://postgres:hunter2secret@127.0.0.1:notaport/db",
        "postgresql://postgres:hunter2:secret@db.abc.supabase.co:6543/postgres",
    ],
)
def test_no_message_shows_the_password(url: str) -> None:
    """Also where the address is written so badly that part of the password looks like a host or a port."""
    failed = migrate("up", url=url)
    assert failed.returncode in (1, 3), failed
    assert "hunter2" not in failed.stdout + failed.stderr and "secret" not in failed.stderr, failed.stderr
    assert failed.stderr.strip()


def test_a_wrong_password_is_told_without_it(bare: str) -> None:
    """PostgreSQL's own words, and the advice on special characters."""
    wrong = bare.replace(bare.split(":")[2].split("@")[0], "hunter2")
    failed = migrate("status", url=wrong)
    assert failed.returncode == 3 and "password authentication failed" in failed.stderr
    assert "hunter2" not in failed.stderr and "%40" in failed.stderr


def test_a_closed_port_asks_whether_the_database_runs() -> None:
    """The commonest mistake of the first day."""
    failed = migrate("status", url="postgresql://postgres@127.0.0.1:1/postgres")
    assert failed.returncode == 3 and "scripts/start" in failed.stderr


def test_the_transaction_pooler_is_refused_by_its_port() -> None:
    """Session locks do not work there, and the right address differs by one number."""
    with pytest.raises(ConnectionFailed, match="transaction pooler") as failure:
        connect("postgresql://postgres.abc:hunter2@aws-0-eu.pooler.example.com:6543/postgres")
    assert "port 5432" in failure.value.mend and "hunter2" not in str(failure.value)


def test_describe_and_scrub() -> None:
    """The two functions through which every message goes."""
    assert describe("postgresql://me:pw@h:1/db") == "me@h:1/db"
    assert describe("dbname=db user=me password='p w'") == "me@localhost:5432/db"
    url = "postgresql://me:p%40ss%2Fword@h/db"
    assert scrub("no 'p@ss/word' here, nor p%40ss%2Fword, nor word", url) == "no '***' here, nor ***, nor ***"
    with pytest.raises(MigrationError, match="No database was named"):
        describe("")


def test_a_role_without_rights_is_told_so(checkout: Checkout, bare: str) -> None:
    """The commonest mistake of the first deploy: creating things in Supabase's own schemas."""
    checkout.migration("20260101000000_a.sql", "create table auth.mine (id int);")
    failed = migrate("up", "--supabase-dir", str(checkout.folder), url=bare)
    assert failed.returncode == 1 and "SQLSTATE 42501" in failed.stderr and "no superuser" in failed.stderr
