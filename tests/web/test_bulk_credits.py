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


def test_a_corrected_file_does_the_corrected_line_alone(
    app: Flask,
    world: World,
    ada: Person,
    alice: Person,
    bob: Person,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nobody gets his credits twice because of somebody else's typing error; lines that are alike are each done."""
    file = tmp_path / "grants.csv"
    file.write_text(HEAD + f"{alice.id},5,sorry,\n{alice.id},5,sorry,\n{bob.id}x@example.test,5,sorry,\n")
    assert send(app, file) == 1
    world.connection.execute("update private.credit_adjustments set created_at = created_at - interval '1 day'")
    file.write_text(HEAD + f"{bob.id}@example.test,5,sorry,\n{alice.id},5,sorry,\n{alice.id},+5, sorry ,\n")
    assert send(app, file) == 0
    assert (alice.available(), bob.available()) == (35, 30)
    said = capsys.readouterr().out
    assert said.count(" already\n") == 2 and said.endswith("3 lines, {'applied': 3}, +5 credits\n")


@pytest.mark.parametrize("harm", ["file", "bytes", "url", "website", "report"])
def test_what_an_operator_mistypes_is_told_without_a_traceback(
    app: Flask, ada: Person, alice: Person, tmp_path: Path, capsys: pytest.CaptureFixture[str], harm: str
) -> None:
    """And before anything is sent."""
    file = tmp_path / "grants.csv"
    if harm != "file":
        file.write_bytes((HEAD + f"{alice.id},5,sorry,\n").encode() + (b"\xff" if harm == "bytes" else b""))
    url = "api.example.com" if harm == "url" else "http://scrip.test"
    more = ["--report", str(tmp_path / "no" / "done.csv")] if harm == "report" else []
    transport = httpx.MockTransport(lambda asked: httpx.Response(200, html="<p>Hello</p>"))
    assert main([str(file), "--url", url, *more], transport if harm == "website" else httpx.WSGITransport(app=app)) == 1
    said = "".join(capsys.readouterr())
    assert {"file": "No such file", "bytes": "can't decode", "url": "is no address", "report": "No such file"}.get(
        harm, "is no API of Scrip"
    ) in said
    assert alice.available() == 25


def test_a_break_leaves_the_report_of_what_was_done(
    app: Flask, ada: Person, alice: Person, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C in the middle."""
    file, report = tmp_path / "grants.csv", tmp_path / "done.csv"
    file.write_text(HEAD + f"{alice.id},5,one,\n{alice.id},5,two,\n")
    sent: list[httpx.Request] = []

    class Breaking(httpx.WSGITransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            sent.append(request)
            if len(sent) > 1:
                raise KeyboardInterrupt
            return super().handle_request(request)

    assert main([str(file), "--url", "http://scrip.test", "--report", str(report)], Breaking(app=app)) == 1
    assert [row["outcome"] for row in csv.DictReader(report.open())] == ["applied"]
    assert "Run the file again" in capsys.readouterr().err


def test_a_token_that_no_header_can_hold_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As when a line break was copied along."""
    monkeypatch.setenv("SCRIP_TOKEN", "secret\ntoken")
    with pytest.raises(SystemExit, match="2"):
        main([str(tmp_path / "grants.csv"), "--url", "http://127.0.0.1:9"])
    said = "".join(capsys.readouterr())
    assert "SCRIP_TOKEN is no token" in said and "secret" not in said


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
