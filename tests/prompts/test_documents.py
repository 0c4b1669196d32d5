"""Prompts as a document: what is written is read again, and what is wrong is told by line and field."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.json_places import find
from backend.core.prompt_documents import MOST_PROBLEMS, checksum, document, parse, written
from backend.errors import InvalidParams

Json = dict[str, Any]
OIL: Json = {
    "key": "oil-painting",
    "category": "style_preset",
    "title": "Oil painting",
    "description": "Thick paint",
    "kinds": ["image"],
    "always": False,
    "position": 10,
    "active": True,
    "content": "an oil painting, impasto",
}
NASTY = 'a "quoted" \\ slash\n\ttwo lines, $prompts$ \'; drop table x; -- ünïcödé 日本 🎨\u2028'


# What one field of a prompt may not be.
WRONG = [
    ({"key": "export"}, "key"),
    ({"key": "x"}, "key"), ({"key": "Oil"}, "key"), ({"key": 5}, "key"), ({"category": ""}, "category"),
    ({"title": ""}, "title"), ({"title": " "}, "title"), ({"title": "two\nlines"}, "title"),
    ({"title": "x" * 201}, "title"),
    ({"description": None}, "description"), ({"description": "x" * 1001}, "description"),
    ({"kinds": []}, "kinds"), ({"kinds": "image"}, "kinds"), ({"kinds": [["image"]]}, "kinds"),
    ({"always": "yes"}, "always"), ({"active": 1}, "active"), ({"position": -1}, "position"),
    ({"position": 1.5}, "position"),
    ({"position": 100_000}, "position"), ({"content": " \n"}, "content"), ({"content": "\x07"}, "content"),
    ({"content": "\0"}, "content"), ({"content": "\ud800"}, "content"), ({"version": 3}, "version"),
]  # fmt: skip


def export(*changes: Json) -> Json:
    """A document of prompts like OIL, each with its changes."""
    prompts = [OIL | {"key": f"p-{number}"} | change for number, change in enumerate(changes)]
    return document([], source="test") | {"count": len(prompts), "checksum": checksum(prompts), "prompts": prompts}


def told(text: str, **options: Any) -> list[tuple[int, str, str]]:
    """What is wrong with a document."""
    with pytest.raises(InvalidParams) as refused:
        parse(text, **options)
    return [(one["line"], one["field"], one["reason"]) for one in refused.value.details["problems"]]


def test_what_is_written_is_read_again() -> None:
    """Every field, every character; without what belongs to one environment only."""
    listed = [OIL | {"content": NASTY, "version": 7, "updated_at": "2026-11-21T00:00:00Z"}]
    made = document(listed, source="staging")
    assert parse(written(made)) == [OIL | {"content": NASTY}]
    assert (made["count"], made["source"]) == (1, "staging")
    assert NASTY.split("\n")[0].replace("\\", "\\\\").replace('"', '\\"') in written(made)  # readable, not \\u0041


CONTENT = st.text(st.characters(exclude_categories=["Cc", "Cs"], include_characters="\n\t\r"), min_size=1)
LINE = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=80)


@given(
    st.lists(
        st.builds(
            lambda title, content, position: {"title": title, "content": content, "position": position},
            LINE.filter(str.strip),
            CONTENT.filter(str.strip),
            st.integers(0, 99_999),
        ),
        min_size=1,
        max_size=4,
    )
)
@settings(max_examples=200, deadline=None, derandomize=True, database=None)
def test_any_prompts_survive_the_way_through_a_document(prompts: list[Json]) -> None:
    """Whatever a prompt may say, and in whatever order: the same prompts have the same checksum."""
    made = export(*prompts)
    read = parse(written(made))
    assert read == made["prompts"]
    assert checksum(reversed(read)) == made["checksum"]
    assert checksum([*read[1:], read[0] | {"always": True}]) != made["checksum"]


def test_every_problem_is_told_with_its_line() -> None:
    """All at once, in the order of the lines."""
    made = export(
        {}, {"category": "Style!"}, {"content": "x" * 4001}, {"colour": "red", "kinds": ["audio"]}, {"position": True}
    )
    del made["prompts"][4]["content"]
    lines = written(made).splitlines()
    found = told(written(made))
    at = {field: line for line, field, _ in found}
    assert '"Style!"' in lines[at["prompts.1.category"] - 1]
    assert "xxxxxx" in lines[at["prompts.2.content"] - 1]
    assert '"colour"' in lines[at["prompts.3.colour"] - 1]
    assert '"kinds"' in lines[at["prompts.3.kinds"] - 1]
    assert lines[at["prompts.4.content"] - 1] == "    {"  # what lacks is told where it should be
    assert len(found) == 6
    assert [line for line, *_ in found] == sorted(line for line, *_ in found)
    assert "must have 1 to 4000 characters, without control characters; it has 4001" in [reason for *_, reason in found]


@pytest.mark.parametrize(("change", "field"), WRONG)
def test_each_field_has_its_rule(change: Json, field: str) -> None:
    """What admin_write_prompts would refuse is refused here, with the line; also when the change is meant."""
    made = export({}, change)
    text = json.dumps(made, indent=1)
    [(line, place, reason)] = told(text, accept_changed=True)
    assert place == f"prompts.1.{field}"
    assert f'"{field}"' in text.splitlines()[line - 1]
    assert reason


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 1, "not JSON"),
        ("{\n  'a': 1\n}", 2, "not JSON"),
        (written(export({}))[:-5], 22, "not JSON"),
        ("[]", 1, "an object with format"),
        ('"x"', 1, "an object with format"),
        ("[" * 100_000, 1, "not JSON"),
        ('{"format":\nNaN}', 1, "not JSON"),
        ('{"version": 1e999}', 1, "too large"),
        ('{"prompts": []}', 1, "is missing"),
    ],
)
def test_what_is_no_document_is_told(text: str, line: int, reason: str) -> None:
    """Cut off, no JSON, something else."""
    found = told(text)
    assert found[0][0] == line
    assert any(reason in one for *_, one in found), found


def test_names_and_keys_that_stand_twice() -> None:
    """A name in one object, a key in two prompts: both places are told."""
    twice = written(export({})).replace('"title": "Oil painting",', '"title": "Oil painting",\n      "title": "Oil",')
    [(line, field, reason)] = told(twice, accept_changed=True)
    assert (twice.splitlines()[line - 1].strip(), field, reason) == (
        '"title": "Oil",',
        "prompts.0.title",
        "stands there twice",
    )
    text = written(export({}, {}, {"key": "p-1"}))
    [(line, field, reason)] = told(text)
    first, second = [number for number, one in enumerate(text.splitlines(), 1) if '"p-1"' in one]
    assert (line, field) == (second, "prompts.2.key")
    assert reason == f'"p-1" is there twice: line {first} has it too'


def test_what_was_changed_after_the_export_is_told_and_can_be_meant() -> None:
    """A word, a prompt that was cut off, a document without a checksum."""
    text = written(export({}, {}))
    changed = text.replace("impasto", "glazes", 1)
    [(line, field, reason)] = told(changed)
    assert (changed.splitlines()[line - 1].strip()[:10], field) == ('"checksum"', "checksum")
    assert "changed after the export" in reason
    assert parse(changed, accept_changed=True)[0]["content"] == "an oil painting, glazes"
    cut = json.loads(text)
    del cut["prompts"][1]
    assert [field for _, field, _ in told(json.dumps(cut))] == ["checksum", "count"]
    plain = {name: cut[name] for name in ("format", "version", "prompts")}
    assert len(parse(json.dumps(plain), accept_changed=True)) == 1
    assert parse("\ufeff" + text.replace("\n", "\r\n")) == parse(text)


def test_a_document_of_another_kind_or_time_is_told() -> None:
    """Format and version, before anything else is done with it."""
    assert [field for _, field, _ in told(json.dumps(export({}) | {"format": "scrip.flags"}))] == ["format"]
    assert [field for _, field, _ in told(json.dumps(export({}) | {"version": 2}))] == ["version"]
    assert [field for _, field, _ in told(json.dumps(export({}) | {"note": "hi"}))] == ["note"]


def test_what_is_told_can_be_printed() -> None:
    """Also of names that no terminal can show, or would obey."""
    with pytest.raises(InvalidParams) as told:
        parse(json.dumps(document([OIL], source="x") | {"\ud800\x1b[2J": 1}), accept_changed=True)
    assert told.value.details["field"] == "\\ud800\\x1b[2J"
    str(told.value).encode()


def test_a_hundred_problems_are_enough() -> None:
    """The rest is counted."""
    with pytest.raises(InvalidParams) as refused:
        parse(json.dumps(export(*[{"title": ""}] * 150)))
    assert (len(refused.value.details["problems"]), refused.value.details["count"]) == (MOST_PROBLEMS, 150)
    assert refused.value.message.endswith("And 149 more.")


NAME = st.text(st.characters(exclude_characters=".", exclude_categories=["Cs"]), min_size=1, max_size=4)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAME, inner, max_size=4),
)


@given(JSON, st.sampled_from([None, 2, "\n"]))
@settings(max_examples=300, deadline=None, derandomize=True, database=None)
def test_every_value_has_its_line(value: Any, indent: Any) -> None:
    """Of any JSON in any layout: the lines of names never go back, and a name stands in its line."""
    text = json.dumps(value, indent=indent if indent != "\n" else "\n")
    places, lines = find(text), text.split("\n")
    assert not places.twice
    for path, line in places.lines.items():
        name = path.rpartition(".")[2]
        assert name.isdigit() or json.dumps(name) in lines[line - 1]
    assert list(places.lines.values()) == sorted(places.lines.values())


def test_a_name_with_a_dot_is_not_a_name_within_another() -> None:
    """Both have the path `a.b`, and neither stands twice."""
    assert find('{"a.b": 1,\n"a": {"b": 2}}').twice == []
    assert find('{"a": {"b": 2,\n"b": 3}}').twice == [(2, "a.b")]
