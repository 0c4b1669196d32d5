"""System prompts as admins write them: all or none, versions that never change, and every change can be put back."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.factories import Json, Sql
from tests.patience import eventually
from tests.sql.conftest import refused
from tests.sql.prompting import changes, listed, prompt, undo, write
from tests.sql.staff import log, staff


@pytest.fixture
def ada(sql: Sql) -> uuid.UUID:
    """An admin."""
    return staff(sql, "admin")


def test_a_new_text_is_a_new_version(sql: Sql, ada: uuid.UUID) -> None:
    """Another title is not, and what is the same changes nothing. What was left out stays."""
    assert changes(write(sql, ada, prompt("fog", "thick fog", title="Fog", position=7))) == [("fog", "created", 1)]
    assert changes(write(sql, ada, {"key": "fog", "content": "thin fog"})) == [("fog", "updated", 2)]
    assert changes(write(sql, ada, {"key": "fog", "kinds": ["video", "image"]})) == [("fog", "unchanged", 2)]
    change = write(sql, ada, {"key": "fog", "title": "Mist", "always": True}, prompt("rain"))
    assert changes(change) == [("fog", "updated", 2), ("rain", "created", 1)]
    assert (change["created"], change["updated"], change["unchanged"], change["deleted"]) == (1, 1, 0, 0)
    fog = change["prompts"][0]
    assert (fog["before"]["title"], fog["after"]["title"], fog["after"]["content"]) == ("Fog", "Mist", "thin fog")
    shown = listed(sql, ada)["fog"]
    assert shown.pop("updated_at") and shown == fog["after"]
    assert (shown["position"], shown["kinds"], shown["active"]) == (7, ["image", "video"], True)
    moved = write(sql, ada, {"key": "fog", "category": "weather"})
    assert changes(moved) == [("fog", "updated", 3)], "where a text goes is a part of what generations were sent with"


def test_what_is_listed_can_be_written_back(sql: Sql, ada: uuid.UUID) -> None:
    """And is unchanged then; support lists, and narrows what it sees."""
    write(
        sql,
        ada,
        prompt("fog", "fog, {curly} \"quoted\" 'x' \\ ß 雾\nsecond line", active=False),
        prompt("sharp", category="quality"),
    )
    sam = staff(sql, "support")
    everything = list(listed(sql, sam).values())
    assert [row["change"] for row in write(sql, ada, *everything)["prompts"]] == ["unchanged"] * 2
    assert set(listed(sql, sam, p_category="quality")) == set(listed(sql, sam, p_active=True)) == {"sharp"}
    with refused(403, "forbidden"):
        write(sql, sam, prompt("rain"))
    with refused(403, "forbidden"):
        listed(sql, sql.new_user())


def test_one_key_writes_once(sql: Sql, ada: uuid.UUID) -> None:
    """For ever: also after somebody else has changed what it wrote."""
    first = write(sql, ada, prompt("fog"), key="k")
    write(sql, ada, prompt("fog", "other"))
    assert write(sql, ada, prompt("fog"), key="k") == first
    assert listed(sql, ada)["fog"]["content"] == "other"
    with refused(409, "idempotency_key_reused") as data:
        write(sql, ada, prompt("rain"), key="k")
    assert data["change_id"] == first["change_id"]
    assert [row["act"] for row in log(sql) if row["outcome"] == "done"] == ["write_prompts"] * 2


BAD: list[tuple[str, Json]] = [
    ("key", {"key": "No Spaces"}),
    ("key", {"key": 5}),
    ("key", {"key": None}),
    ("key", {"key": "export"}),
    ("category", {"category": "Style"}),
    ("category", {"category": None}),
    ("title", {"title": ""}),
    ("title", {"title": "x" * 201}),
    ("title", {"title": ["x"]}),
    ("description", {"description": "x" * 1001}),
    ("kinds", {"kinds": []}),
    ("kinds", {"kinds": ["audio"]}),
    ("kinds", {"kinds": "image"}),
    ("always", {"always": "yes"}),
    ("position", {"position": -1}),
    ("position", {"position": 1.5}),
    ("position", {"position": 1e300}),
    ("active", {"active": None}),
    ("content", {"content": " \n"}),
    ("content", {"content": "x" * 4001}),
    ("content", {"content": "bell \x07"}),
    ("expected_version", {"expected_version": "1"}),
    ("colour", {"colour": "blue"}),
]


@pytest.mark.parametrize(("field", "wrong"), BAD)
def test_what_makes_no_sense_names_its_place(sql: Sql, ada: uuid.UUID, field: str, wrong: Json) -> None:
    """And nothing of it all is written."""
    with refused(422, "invalid_params") as data:
        write(sql, ada, prompt("rain"), {**prompt("fog"), **wrong})
    assert data == {"field": f"prompts.1.{field}"}
    assert listed(sql, ada) == {}


def test_the_request_itself_must_make_sense(sql: Sql, ada: uuid.UUID) -> None:
    """A list of prompts, each key once, a source and a reason."""
    for field, prompts, other in (
        ("prompts", [], {}),
        ("prompts", [prompt(f"p{n}") for n in range(501)], {}),
        ("prompts.0", ["fog"], {}),
        ("prompts.1.key", [prompt("fog"), prompt("fog")], {}),
        ("source", [prompt("fog")], {"p_source": "undo"}),
        ("source", [prompt("fog")], {"p_source": None}),
        ("reason", [prompt("fog")], {"p_reason": " "}),
    ):
        with refused(422, "invalid_params") as data:
            write(sql, ada, *prompts, **other)
        assert data == {"field": field}
    assert listed(sql, ada) == {}


def test_who_saw_an_older_version_changes_nothing(sql: Sql, ada: uuid.UUID) -> None:
    """All such keys are named; a prompt that shall be new must not be there, one that was seen must."""
    write(sql, ada, prompt("fog"), prompt("rain"), prompt("sun"))
    write(sql, ada, prompt("fog", "b"), prompt("rain", "b"))
    stale = [{"key": key, "content": "c", "expected_version": 1} for key in ("fog", "rain", "sun")]
    with refused(409, "invalid_state") as data:
        write(sql, ada, *stale)
    assert data == {"keys": ["fog", "rain"]}
    with refused(409, "invalid_state"):
        write(sql, ada, prompt("sun", expected_version=0))
    with refused(404, "prompt_not_found") as data:
        write(sql, ada, prompt("snow", expected_version=1))
    assert data == {"key": "snow"}
    assert {row["content"] for row in listed(sql, ada).values()} == {"b", "soft edges"}


def test_of_two_admins_at_once_one_is_told(connect: Callable[[], Sql]) -> None:
    """Both saw version 1; the second waits for the first, and must then look again."""
    first, second, watcher = connect(), connect(), connect()
    ada, eve = staff(first, "admin"), staff(first, "admin")
    write(first, ada, prompt("fog"))

    def edit(sql: Sql, admin: uuid.UUID, content: str) -> str | None:
        try:
            write(sql, admin, {"key": "fog", "content": content, "expected_version": 1})
        except psycopg.Error as error:
            return error.diag.message_primary
        return None

    with ThreadPoolExecutor(1) as pool:
        with first.connection.transaction():
            assert edit(first, ada, "by ada") is None
            late = pool.submit(edit, second, eve, "by eve")
            eventually(lambda: watcher.one("select count(*) from pg_locks where not granted") == 1)
        assert late.result(10) == "invalid_state"
    fog = listed(first, ada)["fog"]
    assert (fog["version"], fog["content"]) == (2, "by ada")


def test_a_dry_run_tells_and_writes_nothing(sql: Sql, ada: uuid.UUID) -> None:
    """Of a change, and of an undo; it has no id that would undo it."""
    tried = write(sql, ada, prompt("fog"), p_dry_run=True)
    assert (changes(tried), tried["dry_run"], "change_id" in tried) == ([("fog", "created", 1)], True, False)
    assert listed(sql, ada) == {}
    change = write(sql, ada, prompt("fog"))
    assert changes(undo(sql, ada, change, p_dry_run=True)) == [("fog", "deleted", None)]
    assert "fog" in listed(sql, ada)


def test_a_change_is_put_back_exactly(sql: Sql, ada: uuid.UUID) -> None:
    """What it created goes, what it changed is as before, and its key goes on counting versions. Twice is once."""
    write(sql, ada, prompt("fog", "a", title="Fog", position=3), prompt("sun"))
    before = listed(sql, ada)
    change = write(
        sql, ada, prompt("fog", "b", "weather", title="x", active=False, kinds=["video"]), prompt("rain"), prompt("sun")
    )
    undone = undo(sql, ada, change)
    assert changes(undone) == [("fog", "updated", 1), ("rain", "deleted", None)]
    assert (undone["source"], undone["undoes"]) == ("undo", change["change_id"])
    after = listed(sql, ada)
    assert {**after["fog"], "updated_at": None} == {**before["fog"], "updated_at": None}
    assert after["sun"] == before["sun"] and "rain" not in after
    assert undo(sql, ada, change) == undone
    assert changes(write(sql, ada, prompt("fog", "c"), prompt("rain"))) == [
        ("fog", "updated", 3),
        ("rain", "created", 2),
    ]
    assert undo(sql, ada, change) == undone, "and takes nothing back that came later"
    acts = [row for row in log(sql) if row["act"] == "undo_prompts"]
    assert len(acts) == 1 and acts[0]["after"]["change_id"] == undone["change_id"]
    assert acts[0]["before"]["rain"] and acts[0]["after"]["rain"] is None


def test_what_changed_since_is_not_put_back(sql: Sql, ada: uuid.UUID) -> None:
    """Not even the rest of that change; unknown changes and undos are refused too."""
    change = write(sql, ada, prompt("fog"), prompt("rain"))
    write(sql, ada, {"key": "fog", "title": "Mist"})
    with refused(409, "invalid_state") as data:
        undo(sql, ada, change)
    assert data == {"keys": ["fog"]} and set(listed(sql, ada)) == {"fog", "rain"}
    with refused(404, "prompt_not_found"):
        undo(sql, ada, {"change_id": uuid.uuid4()})
    later = write(sql, ada, prompt("sun"))
    with refused(409, "invalid_state"):
        undo(sql, ada, undo(sql, ada, later))


def test_nobody_changes_a_version(sql: Sql, ada: uuid.UUID) -> None:
    """Not even the owner of the tables: generations name them."""
    write(sql, ada, prompt("fog"))
    for change in ("update {} set content = 'x'", "delete from {}", "truncate {} cascade"):
        with pytest.raises(psycopg.Error, match="forbidden"), sql.connection.transaction():
            sql.connection.execute(change.format("private.system_prompt_versions"))
