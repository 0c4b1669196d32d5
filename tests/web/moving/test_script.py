"""scripts/prompts.py: shows what would be, asks, does it, and says how to take it back."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask

from backend.core.prompt_documents import document, written
from scripts.prompt_tools.command import main
from tests.prompts.repeating import repeating
from tests.web.moving.conftest import exported
from tests.web.person import Person
from tests.web.test_adjustments import trail
from tests.worker.world import World

URL = "http://scrip.test"


class Script:
    """The script, run against the app by its admin."""

    def __init__(self, app: Flask, capsys: pytest.CaptureFixture[str]) -> None:
        self._transport, self._capsys = httpx.WSGITransport(app=app), capsys
        self.out = self.err = ""

    def __call__(self, *arguments: str | Path) -> int:
        """Run a command, keep what it says, and return its exit code."""
        code = main([str(one) for one in arguments], self._transport)
        self.out, self.err = self._capsys.readouterr()
        return code


@pytest.fixture
def script(app: Flask, ada: Person, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Script:
    """The script, as an admin runs it."""
    monkeypatch.setenv("SCRIP_TOKEN", ada.user.token)
    return Script(app, capsys)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Somebody at a terminal, who answers so."""

    def answering(text: str) -> None:
        class Terminal(io.StringIO):
            def isatty(self) -> bool:
                return True

        monkeypatch.setattr("sys.stdin", Terminal(text + "\n"))

    return answering


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A document of 43 prompts that repeat themselves."""
    path = tmp_path / "prompts.json"
    path.write_text(written(document(repeating(), source="test")))
    return path


def test_an_import_is_shown_asked_for_and_can_be_taken_back(
    script: Script, ada: Person, file: Path, answers: Any
) -> None:
    """Nothing without a yes; then all of it, and the way back works as it is printed."""
    to = ("--url", URL)
    assert script("import", file, *to, "--dry-run") == 0
    assert "created    wedding  event_type" in script.out
    assert "Nothing was changed (dry run)." in script.out
    assert script("import", file, *to) == 1
    assert "add --yes" in script.err
    answers("n")
    assert script("import", file, *to) == 1
    assert "Create 43 prompts and change 0 at http://scrip.test? [y/N]" in script.out
    assert exported(ada)["prompts"] == []
    answers("y")
    assert script("import", file, *to) == 0
    [way_back] = re.findall(r"To take it back: scripts/prompts.py (.*)", script.out)
    assert trail(ada, limit=1)[0]["reason"] == f"import of {file}"
    assert script("import", file, *to) == 0
    assert "unchanged  43" in script.out
    assert "There is nothing to change." in script.out
    assert script(*way_back.split(), "--yes") == 0
    assert exported(ada)["prompts"] == []


def test_what_is_exported_can_be_compared_and_imported(script: Script, ada: Person, file: Path, tmp_path: Path) -> None:
    """diff says what differs and answers 1 for it; files and environments compare alike."""
    assert script("import", file, "--url", URL, "--yes") == 0
    copy = tmp_path / "copy.json"
    assert script("export", "--url", URL, "-o", copy) == 0
    assert (script.out, script.err) == ("", f"wrote {copy}\n")
    assert script("export", "--url", URL) == 0
    assert json.loads(script.out)["checksum"] == json.loads(copy.read_text())["checksum"]
    assert script("diff", copy, URL) == script("diff", file, copy) == 0
    assert script.out == "unchanged  43\n"
    edited = json.loads(copy.read_text())
    edited["prompts"][0] |= {"title": "Mine", "always": True}
    del edited["prompts"][1]
    copy.write_text(json.dumps(edited))
    assert script("diff", URL, copy) == 1
    assert " -> Mine\n" in script.out
    assert "always: no -> yes" in script.out
    assert re.search(r"^deleted  ", script.out, re.M)
    assert script("diff", copy, URL, "--json") == 1
    assert [row["change"] for row in json.loads(script.out)].count("created") == 1
    assert script("import", copy, "--url", URL) == 1
    assert "accept_changed" in script.err
    assert script("import", copy, "--url", URL, "--accept-changed", "--yes") == 0


def test_each_problem_of_a_document_has_a_line(script: Script, file: Path) -> None:
    """As people look for it in their editor."""
    file.write_text(file.read_text().replace('"wedding"', '"Wedding"').replace('"engagement"', '"x"'))
    assert script("import", file, "--url", URL, "--yes") == 1
    lines = [line for line in script.err.splitlines() if line.startswith("  line ")]
    assert [line.partition(": ")[2][:16] for line in lines] == ["prompts.0.key: m", "prompts.1.key: m"]
    assert script("diff", file, URL) == 1
    assert "is no document of prompts" in script.err
    assert script("import", file.with_name("none.json"), "--url", URL) == 1
    assert "none.json: No such file" in script.err


def test_phrases_are_shown_then_taken_out_one_by_one_or_all(script: Script, ada: Person, file: Path) -> None:
    """With characters; only those that were named; undo restores all."""
    to = ("--url", URL)
    script("import", file, *to, "--yes")
    before = exported(ada)["prompts"]
    assert script("optimize", *to) == 0
    assert re.search(r"high quality +\d\d +\d\d\d", script.out)
    assert "if all of it goes" in script.out
    assert script("optimize", *to, "--remove", "no blur", "--remove", "no blurr", "--dry-run") == 0
    assert "no prompt has  no blurr" in script.out
    assert re.search(r"^  - .*no blur", script.out, re.M)
    assert not re.search(r"^  \+ .*no blur", script.out, re.M)
    assert exported(ada)["prompts"] == before
    assert script("optimize", *to, "--remove", "no blur", "--yes", "--json") == 0
    done = json.loads(script.out)
    assert {row["removed"][0] for row in done["prompts"]} == {"no blur"}
    assert script("optimize", *to, "--all", "--yes") == 0
    assert script("optimize", *to) == 0
    assert script.out == "No prompt repeats what another says.\n"
    [newest] = [row["after"]["change_id"] for row in trail(ada, limit=1)]
    assert script("optimize", *to, "--undo", newest, "--yes") == 0
    assert script("undo", done["change_id"], *to, "--yes") == 0
    assert exported(ada)["prompts"] == before


def test_sql_is_made_of_an_environment_or_of_a_file(script: Script, file: Path, tmp_path: Path, here: World) -> None:
    """For migrations and seeds; run in an empty environment it makes the prompts."""
    sql = tmp_path / "prompts.sql"
    assert script("export", file, "--sql", "-o", sql) == 0
    here.connection.execute(sql.read_bytes())
    assert script("diff", file, URL) == 0
    assert script("export", "--url", URL, "--sql", "--only-new") == 0
    assert "p_update => false" in script.out
    assert script("export", file) == 1
    assert "add --sql" in script.err


def test_without_a_token_nothing_begins(script: Script, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Misuse is 2; each command explains itself with an example."""
    monkeypatch.delenv("SCRIP_TOKEN")
    with pytest.raises(SystemExit, match="2"):
        script("import", file, "--url", URL)
    for command in ("export", "import", "optimize", "diff", "undo"):
        with pytest.raises(SystemExit, match="0"):
            script(command, "--help")


def test_an_address_that_is_no_api_is_told(script: Script, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Such as the page of the app: nothing of it is taken for prompts."""
    page = httpx.MockTransport(lambda request: httpx.Response(200, html="<p>Welcome</p>"))
    for command in (["export"], ["import", str(file), "--yes"], ["optimize"]):
        assert main([*command, "--url", URL], page) == 1
        assert "is no API of Scrip" in capsys.readouterr().err


def test_where_nothing_can_be_written_is_told(script: Script, file: Path, tmp_path: Path) -> None:
    """Without a traceback."""
    assert script("export", file, "--sql", "-o", tmp_path) == 1
    assert script.err.endswith("Is a directory\n")


def test_who_is_asked_and_leaves_changes_nothing(script: Script, ada: Person, file: Path, answers: Any) -> None:
    """Ctrl-D at the question."""
    answers("")
    sys.stdin.readline()
    assert script("import", file, "--url", URL) == 1
    assert script.err.endswith("Nothing was changed.\n")
    assert exported(ada)["prompts"] == []
