"""Prompts between environments and rid of what they repeat: nothing by halves, and everything can be taken back."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from backend.core.prompt_documents import checksum, document, parse, written
from tests.prompts.repeating import PHRASES
from tests.web.moving.conftest import PROMPTS, exported, optimize, send, shelf, undo
from tests.web.person import Person
from tests.web.test_adjustments import staff, trail
from tests.web.test_errors import check_shape
from tests.worker.world import World

Json = dict[str, Any]
NASTY = 'a "quoted" \\ slash\n\ttwo lines, $prompts$ \'; drop table x; -- ünïcödé 日本 🎨\u2028'


def test_43_prompts_are_rid_of_what_they_repeat_and_put_back(ada: Person) -> None:
    """A dry run tells each phrase and what it costs; only confirmed ones go; undo restores every character."""
    assert send(ada, shelf()).json["created"] == 43
    before = exported(ada)
    found = optimize(ada).json
    assert (found["dry_run"], found["change_id"]) == (True, None)
    told = {row["phrase"].lower(): row for row in found["findings"]}
    assert {phrase.lower() for phrase in PHRASES} <= {phrase.replace(",", "") for phrase in told}
    assert len(told["high quality"]["prompts"]) > 30
    assert sum(row["saves"] for row in found["prompts"]) == found["chars"]["saved"] > 1000
    assert exported(ada)["checksum"] == before["checksum"], "a dry run changes nothing"

    done = optimize(ada, phrases=["high quality", "NO  blur", *PHRASES[3:]], dry_run=False, reason="said once").json
    after = exported(ada)
    texts = {one["key"]: one["content"] for one in after["prompts"]}
    assert len(done["prompts"]) == 43
    for row in done["prompts"]:
        assert texts[row["key"]] == row["after"]
        assert "quality" not in row["after"].lower() or "product" in row["after"]
        assert row["saves"] == len(row["before"]) - len(row["after"])
    assert any("no text unless otherwise specified" in text for text in texts.values()), "not confirmed, so it stays"
    assert done["chars"]["after"] == sum(map(len, texts.values()))
    again = optimize(ada, phrases=list(PHRASES[:2]), dry_run=False, reason="again").json
    assert (again["change_id"], again["prompts"]) == (None, [])

    assert undo(ada, done).status_code == 200
    assert exported(ada)["prompts"] == before["prompts"]
    acts = [(row["act"], row["outcome"]) for row in trail(ada, limit=3)]
    assert acts == [("undo_prompts", "done"), ("write_prompts", "done"), ("write_prompts", "done")]


def test_who_lost_the_answer_asks_again_and_learns_which_change_it_was(ada: Person) -> None:
    """What was found by the request then is not found any more, and something else may be: the key decides."""

    def create(prompts: list[Json], key: str) -> TestResponse:
        return send(ada, written(document(prompts, source="test")), mode="create", key=key)

    prompts = json.loads(shelf())["prompts"]
    create(prompts[:1], "one")
    done = create(prompts, "all").json
    assert (done["created"], done["kept"]) == (42, [prompts[0]["key"]])
    assert create(prompts, "all").json == done
    check_shape(create(prompts[1:], "all"), 409, "idempotency_key_reused")

    asked: Json = {"phrases": ["high quality"], "dry_run": False, "reason": "said once"}
    first = optimize(ada, key="optimize", **asked).json
    again = optimize(ada, key="optimize", **asked).json
    assert (again["change_id"], again["prompts"]) == (first["change_id"], [])
    create([one | {"key": f"more-{one['key']}"} for one in prompts[:3]], "more")
    again = optimize(ada, key="optimize", **asked).json
    assert (again["change_id"], len(again["prompts"])) == (first["change_id"], 3)
    check_shape(optimize(ada, key="optimize", **asked | {"phrases": ["no blur"]}), 409, "idempotency_key_reused")
    assert undo(ada, first).json["updated"] == len(first["prompts"])


def test_to_apply_it_one_says_what_and_why(app: Flask, here: World, ada: Person) -> None:
    """Phrases and a reason; support may look and not touch; who is neither sees nothing."""
    send(ada, shelf())
    check_shape(optimize(ada, dry_run=False, reason="x"), 422, "invalid_params")
    check_shape(optimize(ada, dry_run=False, phrases=["no blur"]), 422, "invalid_params")
    check_shape(optimize(ada, phrases=[" "]), 422, "invalid_params")
    sam = staff(app, here, "support")
    assert optimize(sam, phrases=["no blur", "no blurr"]).json["unknown"] == ["no blurr"]
    check_shape(optimize(sam, phrases=["no blur"], dry_run=False, reason="x"), 403, "forbidden")
    check_shape(send(sam, shelf()), 403, "forbidden")
    nobody = Person(app, here.new_user())
    for answer in (optimize(nobody), send(nobody, shelf()), nobody.get(f"{PROMPTS}/export")):
        check_shape(answer, 403, "forbidden")


def test_who_edits_meanwhile_is_not_overwritten(ada: Person, here: World) -> None:
    """409 with the keys, and nothing is written: neither by the optimiser nor by an import that only creates."""
    send(ada, shelf())
    before = exported(ada)

    def meanwhile(path: str) -> None:
        if path.endswith("/admin_list_prompts"):
            here.supabase.after = lambda path: None
            new = {"key": "wedding", "category": "event_type", "content": f"mine {uuid.uuid4()}"}
            assert send(ada, written(document([before["prompts"][0] | new], source="x"))).status_code == 200

    here.supabase.after = meanwhile
    answer = optimize(ada, phrases=["high quality"], dry_run=False, reason="x")
    check_shape(answer, 409, "invalid_state")
    assert answer.json["error"]["details"]["keys"] == ["wedding"]
    assert [one for one in exported(ada)["prompts"] if one["key"] != "wedding"] == [
        one for one in before["prompts"] if one["key"] != "wedding"
    ]
    here.connection.execute("delete from private.system_prompts")
    here.supabase.after = meanwhile
    answer = send(ada, shelf(), mode="create")
    check_shape(answer, 409, "invalid_state")
    assert [one["key"] for one in exported(ada)["prompts"]] == ["wedding"]


def test_what_is_exported_here_is_the_same_when_imported_there(ada: Person, bea: Person) -> None:
    """Every byte of the prompts, and the checksum; again it changes nothing."""
    nasty = {"key": "nasty", "category": "odd", "content": NASTY, "title": "日本 'x' \"y\" \\", "active": False}
    send(ada, json.dumps({"format": "scrip.prompts", "version": 1, "prompts": [nasty]}), accept_changed=True)
    send(ada, shelf())
    file = ada.get(f"{PROMPTS}/export")
    assert file.headers["Content-Disposition"].endswith('.json"')
    made = json.loads(file.text)
    assert (made["count"], made["source"][:5]) == (44, "local")
    tried = send(bea, file.data, dry_run=True).json
    assert (tried["created"], tried["dry_run"], exported(bea)["prompts"]) == (44, True, [])
    key = uuid.uuid4().hex
    done = send(bea, file.data, key=key).json
    assert send(bea, file.data, key=key).json == done
    there = exported(bea)
    assert (there["prompts"], there["checksum"]) == (made["prompts"], made["checksum"])
    assert {one["key"]: one["content"] for one in there["prompts"]}["nasty"] == NASTY
    assert send(bea, file.data).json["unchanged"] == 44
    assert undo(bea, done).json["deleted"] == 44


def test_the_sql_export_moves_prompts_too(ada: Person, bea: Person, places: tuple[World, World]) -> None:
    """Into an empty environment, over one that differs, and a second time without a trace."""
    nasty = {"key": "nasty", "category": "odd", "content": NASTY + "$prompts_$"}
    send(ada, json.dumps({"format": "scrip.prompts", "version": 1, "prompts": [nasty]}), accept_changed=True)
    send(ada, shelf())
    file = ada.get(f"{PROMPTS}/export?format=sql")
    assert file.headers["Content-Disposition"].endswith('.sql"')
    there = places[1].connection
    for _ in range(2):
        there.execute(file.data)
        assert exported(bea)["checksum"] == exported(ada)["checksum"]
    count = "select count(*), (select count(*) from private.prompt_changes) from private.system_prompt_versions"
    [before] = there.execute(count).fetchall()
    there.execute(file.data)
    assert there.execute(count).fetchall() == [before]
    [row] = [row for row in bea.get(PROMPTS).json["prompts"] if row["key"] == "nasty"]
    tame = {"expected_version": row["version"], "content": "tame", "reason": "x"}
    assert bea.ask("PATCH", f"{PROMPTS}/nasty", json=tame).status_code == 200
    there.execute(file.data)
    [now] = [row for row in bea.get(PROMPTS).json["prompts"] if row["key"] == "nasty"]
    assert (now["content"], now["version"]) == (nasty["content"], row["version"] + 2)
    assert trail(bea, limit=1)[0]["actor"] == "system:load_prompts"


@pytest.mark.parametrize(
    ("change", "there", "field"),
    [
        (lambda text: text[:-20], '"content"', "body"),
        (lambda text: text.replace('"wedding"', '"Wedding"', 1), '"Wedding"', "prompts.0.key"),
        (lambda text: text.replace('"birthday"', '"wedding"', 1), '"wedding"', "prompts.2.key"),
        (lambda text: text.replace('"event_type"', '"event type"', 1), '"event type"', "prompts.0.category"),
        (lambda text: text.replace('"title": "Birthday"', '"titel": "Birthday"'), '"titel"', "prompts.2.titel"),
        (lambda text: text.replace('"image"', '"audio"', 1), '"kinds"', "prompts.0.kinds"),
        (lambda text: text.replace("sage", "sage" * 1000, 1), "sagesage", "prompts.0.content"),
        (lambda text: text.replace("sage", "mint", 1), '"checksum"', "checksum"),
        (lambda text: text.replace('"count": 43', '"count": 44'), '"count": 44', "count"),
        (lambda text: text.replace("scrip.prompts", "scrip.flags", 1), "scrip.flags", "format"),
        (lambda text: text.replace('"version": 1', '"version": 2', 1), '"version": 2', "version"),
        (lambda text: text.replace("ivory", "\udcff").encode(errors="surrogateescape"), "\udcff", "body"),
        (lambda text: b"", "", "body"),
    ],
    ids="cut-off key twice category unknown audio too-long changed miscounted other newer latin-1 empty".split(),
)
def test_a_broken_document_changes_nothing_and_says_where(ada: Person, change: Any, there: str, field: str) -> None:
    """Line and field, as a dry run and for real; nothing of it is written."""
    document = change(shelf())
    lines = (document if isinstance(document, str) else document.decode(errors="surrogateescape")).split("\n")
    for dry_run in (True, False):
        answer = send(ada, document, dry_run=dry_run)
        check_shape(answer, 422, "invalid_params")
        error = answer.json["error"]
        assert error["details"]["field"] == field
        assert there in lines[error["details"]["line"] - 1]
        assert f"line {error['details']['line']}" in error["message"]
        assert exported(ada)["prompts"] == []


def test_the_largest_document_fits_and_a_larger_one_is_told(ada: Person) -> None:
    """500 prompts of 4000 characters; the body has a limit all the same."""
    most = [{"key": f"p-{number}", "category": "odd", "content": f"{number:04}" * 1000} for number in range(500)]
    made = {"format": "scrip.prompts", "version": 1, "prompts": most}
    assert send(ada, json.dumps(made), accept_changed=True).json["created"] == 500
    assert json.loads(send(ada, json.dumps(exported(ada)), dry_run=True).text)["unchanged"] == 500
    check_shape(send(ada, json.dumps(made) + " " * 4 * 1024 * 1024, accept_changed=True), 413, "payload_too_large")


def test_an_import_says_what_would_become_of_each(ada: Person) -> None:
    """Created, updated with before and after, unchanged; or those that are there stay as they are."""
    first = json.loads(shelf())["prompts"]
    send(ada, written(document(first[:3], source="x")))
    mine = [first[0] | {"content": "mine"}, first[1], first[2] | {"title": "Mine"}, first[3]]
    text = written(document(mine, source="x"))
    tried = send(ada, text, dry_run=True).json
    assert [row["change"] for row in tried["prompts"]] == ["updated", "unchanged", "updated", "created"]
    changed = tried["prompts"][0]
    assert (changed["before"]["content"], changed["after"]["content"]) == (first[0]["content"], "mine")
    for created in (1, 0):
        answer = send(ada, text, mode="create").json
        assert (answer["created"], answer["updated"], len(answer["kept"])) == (created, 0, 4 - created)
    assert [one["content"] for one in exported(ada)["prompts"]] == [one["content"] for one in first[:4]]
    assert send(ada, text).json["updated"] == 2
    assert exported(ada)["checksum"] == checksum(mine)


def test_the_shipped_set_is_what_the_local_stack_starts_with(ada: Person, here: World, app: Flask) -> None:
    """supabase/prompts.sql is made of prompts.json, and leaves what somebody has made his own."""
    folder = Path(__file__).parents[3] / "supabase"
    shipped = parse((folder / "prompts.json").read_text())
    mine = shipped[0] | {"content": "mine"}
    assert send(ada, written(document([mine], source="x"))).status_code == 200
    for _ in range(2):
        here.connection.execute((folder / "prompts.sql").read_bytes())
        assert exported(ada)["checksum"] == checksum([mine, *shipped[1:]]), (
            "make it anew: scripts/prompts.py export supabase/prompts.json --sql --only-new -o supabase/prompts.sql"
        )
