"""The first owner comes by access to the database."""

from __future__ import annotations

import uuid

import psycopg
import pytest

from scripts.admin import main
from tests.factories import Sql


@pytest.fixture
def sql(database: str) -> Sql:
    """A database of the test's own."""
    return Sql(psycopg.connect(database, autocommit=True))


def test_somebody_who_signed_up_becomes_an_owner(
    sql: Sql, database: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts at once, is in the audit log, and a second time changes nothing."""
    alice = sql.new_user()
    monkeypatch.setenv("DATABASE_URL", database)
    assert main(["promote", f"{alice}@example.test"]) == 0
    assert "is an owner now (was: no role)" in capsys.readouterr().out
    assert sql.as_user(alice, "admin_check_role", p_role="owner") == "owner"
    assert main(["promote", f"{alice}@example.test"]) == 0
    assert "already" in capsys.readouterr().out
    assert sql.one("select count(*) from private.audit_log where actor = 'system:promote'") == 1


def test_an_unknown_address_is_refused(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    """And the exit code says so."""
    assert main(["--database-url", database, "promote", f"{uuid.uuid4()}@example.test"]) == 1
    assert capsys.readouterr().err == "Nobody has signed up with this address.\n"


def test_what_is_not_there_is_named(
    database: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No database, an empty one, and no DATABASE_URL at all."""
    assert main(["--database-url", "postgresql://postgres@127.0.0.1:9/x", "promote", "a@b.c"]) == 3
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("drop function private.promote_owner")
    assert main(["--database-url", database, "promote", "a@b.c"]) == 1
    assert "migrate.py up" in capsys.readouterr().err
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with pytest.raises(SystemExit, match="2"):
        main(["promote", "a@b.c"])


@pytest.mark.parametrize("url", ["postgres//u:s3kret@h/d", "postgresql://u:s3%zkret@h/d", "postgresql://u:s3@kret@h/d"])
def test_a_mistyped_address_shows_no_password(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """psycopg alone would name what it can't read."""
    assert main(["--database-url", url, "promote", "a@b.c"]) == 1
    said = "".join(capsys.readouterr())
    assert "is not a PostgreSQL connection string" in said and "kret" not in said
