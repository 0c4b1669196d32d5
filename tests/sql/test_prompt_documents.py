"""What Python says of a document of prompts and what the database takes are one; SQL loads what the API would write."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest

from backend.core.prompt_documents import FIELDS, parse
from backend.errors import InvalidParams
from tests.factories import Json, Sql
from tests.prompts.test_documents import OIL, WRONG
from tests.sql.conftest import refused
from tests.sql.prompting import listed, undo, write
from tests.sql.staff import log, staff

PRESETS = parse((Path(__file__).parents[2] / "supabase" / "prompts.json").read_text())


@pytest.fixture
def ada(sql: Sql) -> uuid.UUID:
    """An admin."""
    return staff(sql, "admin")


def load(sql: Sql, *prompts: Json, update: bool = True) -> Json:
    """Load prompts as a migration does."""
    asked = "select private.load_prompts(%s, p_update => %s)"
    return sql.connection.execute(asked, [json.dumps(prompts), update]).fetchone()[0]


@pytest.mark.parametrize(("change", "field"), WRONG)
def test_what_the_database_refuses_a_document_may_not_have(sql: Sql, ada: uuid.UUID, change: Json, field: str) -> None:
    """With the same name of the field, so that the line that is told is the right one."""
    document = {"format": "scrip.prompts", "version": 1, "prompts": [OIL | change]}
    with pytest.raises(InvalidParams) as told:
        parse(json.dumps(document), accept_changed=True)
    assert told.value.details["field"] == f"prompts.0.{field}"
    if not {"\0", "\ud800"} & set(str(change.get("content"))) and field in FIELDS:  # those don't even get there
        with refused(422, "invalid_params") as details:
            write(sql, ada, OIL | change)
        assert details["field"] == f"prompts.0.{field}"


def test_what_a_document_may_have_the_database_takes(sql: Sql, ada: uuid.UUID) -> None:
    """The longest of everything."""
    most = {"key": "k" * 64, "category": "c" * 40, "title": "t" * 200, "description": "d" * 1000, "content": "ü" * 4000}
    document = {"format": "scrip.prompts", "version": 1, "prompts": [OIL | most | {"position": 99_999}]}
    [prompt] = parse(json.dumps(document), accept_changed=True)
    assert write(sql, ada, prompt)["created"] == 1


def test_prompts_are_loaded_as_an_admin_would_write_them(sql: Sql, ada: uuid.UUID) -> None:
    """Created, changed as a new version, left alone; audited as the system's, and an admin can take it back."""
    assert load(sql, OIL, OIL | {"key": "gouache"})["created"] == 2
    changed = load(sql, OIL | {"content": "glazes"}, OIL | {"key": "gouache"})
    assert (changed["created"], changed["updated"], changed["unchanged"]) == (0, 1, 1)
    assert listed(sql, ada)["oil-painting"]["version"] == 2
    newest = log(sql)[-1]
    assert (newest["actor"], newest["act"], newest["outcome"]) == ("system:load_prompts", "write_prompts", "done")
    rows = len(log(sql))
    assert load(sql, OIL | {"content": "glazes"})["change_id"] is None
    assert load(sql, OIL, OIL | {"key": "ink"}, update=False)["created"] == 1
    assert load(sql, OIL, update=False)["change_id"] is None
    assert len(log(sql)) == rows + 1, "what changes nothing leaves no trace"
    assert listed(sql, ada)["oil-painting"]["content"] == "glazes"
    assert undo(sql, ada, changed)["prompts"][0]["after"]["content"] == OIL["content"]


def test_a_load_that_is_wrong_changes_nothing(sql: Sql, ada: uuid.UUID) -> None:
    """All or none, as everywhere."""
    with refused(422, "invalid_params") as details, sql.connection.transaction():
        load(sql, OIL, OIL | {"key": "Gouache"})
    assert (details["field"], listed(sql, ada)) == ("prompts.1.key", {})


def test_the_starting_set_has_each_preset_that_is_built_in(sql: Sql) -> None:
    """A generation that asks for one of those gets the better one as soon as the set is there."""
    built_in = {row[0] for row in sql.connection.execute("select key from private.builtin_prompts()")}
    assert built_in <= {preset["key"] for preset in PRESETS}
