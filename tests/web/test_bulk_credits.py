"""Credits for many users from a CSV file: checked before anything is sent, told line by line, and repeatable."""

from __future__ import annotations

import csv
from pathlib import Path

import httpx
import pytest
from flask import Flask

from scripts.bulk_credits import main, read
from tests.web.person import Person
from tests.web.test_adjustments import staff
from tests.worker.world import World

HEAD = "user,amount,reason,expires_at\n"


@pytest.fixture
def ada(app: Flask, world: World, monkeypatch: pytest.MonkeyPatch) -> Person:
    """An admin, whose token the script is given."""
    admin = staff(app, world, "admin")
    monkeypatch.setenv("SCRIP_TOKEN", admin.user.token)
    return admin


def send(app: Flask, file: Path, *more: str) -> int:
    """Run the script against the app."""
    return main([str(file), "--url", "http://scrip.test", *more], httpx.WSGITransport(app=app))


def test_a_file_is_sent_line_by_line_and_told(
    app: Flask, ada: Person, alice: Person, bob: Person, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By id or e-mail; a refused line stops no other; above the limit it waits. The same file adds nothing more."""
    file, report = tmp_path / "grants.csv", tmp_path / "done.csv"
    lines = [f"{alice.id},5,sorry,2100-01-01T00:00:00Z", f"{bob.id}@EXAMPLE.test,-25,a mistake,"]
    lines += ["nobody@example.test,5,sorry,", f"{alice.id},2000,a prize,", f"{bob.id},-1,too much,"]
    file.write_text(HEAD + "\n".join(lines) + "\n")
    assert send(app, file, "--dry-run") == 1
    assert "dry run: 5 lines, {'applied': 3, 'refused': 1, 'pending': 1}, -21 credits" in capsys.readouterr().out
    assert (alice.available(), bob.available()) == (25, 25)
    for _ in "12":
        assert send(app, file, "--report", str(report)) == 1
        assert (alice.available(), bob.available()) == (30, 0)
        outcomes = [(row["line"], row["outcome"], row["added"]) for row in csv.DictReader(report.open())]
        assert outcomes == [
            ("2", "applied", "5"), ("3", "applied", "-25"), ("4", "refused", ""),
            ("5", "pending", "0"), ("6", "refused", ""),
        ]  # fmt: skip
    said = capsys.readouterr().out
    assert "[3/5] line 4 nobody@example.test: refused nobody has this e-mail address" in said
    assert "402 insufficient_credits" in said


def test_a_wrong_file_sends_nothing(
    app: Flask, ada: Person, alice: Person, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each line that is wrong is named."""
    file = tmp_path / "grants.csv"
    wrong = ["alice,5,x,", f"{alice.id},0,x,", f"{alice.id},1.5,x,", f"{alice.id},5,,", f"{alice.id},5,x,tomorrow"]
    file.write_text(HEAD + f"{alice.id},5,fine,\n" + "\n".join([*wrong, f"{alice.id},5,x,2100-01-01", "a@b,5"]))
    assert send(app, file) == 1
    said = capsys.readouterr().err
    assert [number for number in range(1, 10) if f"line {number}:" in said] == [3, 4, 5, 6, 7, 8, 9]
    assert alice.available() == 25
    assert read("user,credits\n") == ([], ["line 1: the columns must be user,amount,reason,expires_at"])


def test_who_is_no_admin_gets_nowhere(
    app: Flask, alice: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each line says why; without a token nothing begins."""
    file = tmp_path / "grants.csv"
    file.write_text(HEAD + f"{alice.id},5,please,\n")
    monkeypatch.setenv("SCRIP_TOKEN", alice.user.token)
    assert send(app, file) == 1
    assert "403 forbidden" in capsys.readouterr().out
    monkeypatch.delenv("SCRIP_TOKEN")
    with pytest.raises(SystemExit, match="2"):
        send(app, file)
