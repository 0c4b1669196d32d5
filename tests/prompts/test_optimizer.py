"""Phrases go from prompts without a scar: what they touch, what they must leave, and what is told before."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.prompt_clauses import normal, split
from backend.core.prompt_optimizer import optimize


def prompt(key: str, content: str, **more: Any) -> dict[str, Any]:
    """A prompt as admin_list_prompts lists it."""
    plain = {"category": "style_preset", "kinds": ["image"], "always": False, "active": True}
    return {"key": key, "content": content, **plain, **more}


def one(text: str, *phrases: str, beside: str = "") -> str:
    """The text without these phrases; `beside` is another prompt."""
    shelf = [prompt("it", text), prompt("beside", beside)]
    changed = {row["key"]: row["after"] for row in optimize(shelf, phrases)["prompts"]}
    return changed.get("it", text)


@pytest.mark.parametrize(
    ("text", "phrase", "after"),
    [
        ("a castle, high quality, soft light", "high quality", "a castle, soft light"),
        ("high quality, a castle", "high quality", "a castle"),
        ("a castle, high quality", "high quality", "a castle"),
        ("a castle, high quality.", "high quality", "a castle."),
        ("A castle. High quality. Soft light.", "high quality", "A castle. Soft light."),
        ("A castle. High   QUALITY!", "high quality", "A castle."),
        ("a castle, , high quality ,, soft light", "high quality", "a castle, soft light"),
        ("a castle; high quality, soft light", "high quality", "a castle; soft light"),
        ("a castle,\nhigh quality,\nsoft light", "high quality", "a castle,\nsoft light"),
        ("A castle.\n\nHigh quality.\n\nSoft light.", "high quality", "A castle.\n\nSoft light."),
        ("A castle. High quality\nSoft light", "high quality", "A castle.\nSoft light"),
        ("a castle, dusk, and high quality", "high quality", "a castle, dusk"),
        ("a castle, high quality, and dusk", "high quality", "a castle, and dusk"),
        ("high quality, and a castle", "high quality", "a castle"),
        ("a castle,high quality,dusk", "high quality", "a castle,dusk"),
        ("a castle, high quality\n", "high quality", "a castle\n"),
        ("a, no text unless otherwise specified, b", "no text unless otherwise specified", "a, b"),
        ("a, no text, unless otherwise specified, b", "no text unless otherwise specified", "a, b"),
        ("a, no text unless asked for, watermark", "watermark", "a, no text unless asked for"),
        ("high quality, a castle, high quality", "high quality", "a castle"),
        ("shot at f/1.8, 1,000 candles, no blur", "no blur", "shot at f/1.8, 1,000 candles"),
    ],
)
def test_a_phrase_goes_and_the_seam_is_whole(text: str, phrase: str, after: str) -> None:
    """Commas, stops and lines are as if it had never been there."""
    assert one(text, phrase) == after


@pytest.mark.parametrize(
    "text",
    [
        "a castle, no high quality, dusk",
        "a castle of high quality, dusk",
        "high quality stone, dusk",
        "a castle (stone, high quality, dusk), fog",
        'a sign that says "open, high quality, cheap", fog',
        "{subject, high quality}, fog",
        "avoid noise, high quality, grain",
        "without people, high quality or cars, fog",
        "Negative prompt:\nnoise, high quality, grain",
        "high quality, unless it is night, dusk",
        "never: high quality; fog",
        "no people, high quality,",
    ],
)
def test_what_only_looks_like_the_phrase_stays(text: str) -> None:
    """Inside of words, quotes, brackets and negations, or with a condition of its own."""
    assert one(text, "high quality") == text


def test_a_comma_within_a_number_divides_nothing() -> None:
    """1,000 is one number, 1, 000 are two."""
    assert one("1,000 candles, fog", "000 candles") == "1,000 candles, fog"
    assert one("1, 000 candles, fog", "000 candles") == "1, fog"


def test_a_negation_that_may_reach_on_goes_only_as_a_whole() -> None:
    """`no text, watermark` without its first half would ask for a watermark."""
    text = "a castle, no text, watermark, fog"
    assert one(text, "no text", beside="fog") == text
    assert one(text, "watermark", beside="fog") == text
    assert one(text, "no text", "watermark", beside="fog") == "a castle, fog"
    skipped = optimize([prompt("it", text), prompt("beside", "fog")], ["no text"])["skipped"]
    reason = 'it may belong to "no text, watermark", which goes only as a whole'
    assert skipped == [{"key": "it", "phrase": "no text", "reason": reason}]


def test_a_negation_ends_where_something_stands_alone_elsewhere() -> None:
    """`no blur, high quality`: another prompt says high quality by itself, so the no is not about it."""
    assert one("a castle, no blur, high quality", "no blur") == "a castle, no blur, high quality"
    assert one("a castle, no blur, high quality", "no blur", beside="high quality, fog") == "a castle, high quality"
    assert one("a castle, no blur, no text", "no blur") == "a castle, no text"
    shelf = [prompt("it", "no blur, glow"), prompt("b", "no text, fog, glow"), prompt("c", "fog")]
    assert [row["after"] for row in optimize(shelf, ["no blur"])["prompts"]] == ["glow"], "fog ends it, so glow is free"


def test_a_prompt_is_never_emptied() -> None:
    """It is told and left as it is, also when two phrases together would empty it."""
    shelf = [prompt("all", "High quality."), prompt("two", "sharp; high quality"), prompt("more", "sharp, a castle")]
    done = optimize(shelf, ["high quality", "sharp"])
    assert [(row["key"], row["after"]) for row in done["prompts"]] == [("more", "a castle")]
    assert {(row["key"], row["phrase"]) for row in done["skipped"]} == {
        ("all", "high quality"),
        ("two", "high quality"),
        ("two", "sharp"),
    }
    assert {row["reason"] for row in done["skipped"]} == {"the prompt says nothing else"}


def test_what_a_preset_says_each_time_is_redundant_and_stays_there() -> None:
    """The preset that is always on keeps its words; of two, the one for more kinds."""
    shelf = [
        prompt("pictures", "no blur, sharp", always=True),
        prompt("base", "no blur", always=True, kinds=["image", "video"]),
        prompt("off", "no blur, odd", always=True, active=False),
        prompt("oil", "oil paint, no blur"),
        prompt("clip", "sharp, a pan, no blur", kinds=["image", "video"]),
    ]
    [found] = [row for row in optimize(shelf)["findings"] if row["phrase"] == "no blur"]
    assert {row["key"]: row["said_by"] for row in found["prompts"]} == dict.fromkeys(
        ("pictures", "oil", "clip"), "base"
    )
    assert {row["key"] for row in found["skipped"]} == {"base", "off"}
    assert found["advice"] == "Redundant: base says it in each generation already."
    [found] = [row for row in optimize(shelf)["findings"] if row["phrase"] == "sharp"]
    assert [(row["key"], row["said_by"]) for row in found["prompts"]] == [("clip", None)], "pictures is not for clips"


def test_what_a_negative_prompt_lists_is_the_opposite() -> None:
    """Its `blur` is not the `blur` of another; but it makes the `no blur` of another redundant."""
    shelf = [
        prompt("flaws", "blur, noise", category="negative", always=True),
        prompt("more", "people, noise", category="negative"),
        prompt("dream", "blur, glow"),
        prompt("motion", "blur, speed"),
        prompt("oil", "oil paint, no blur"),
        prompt("ink", "ink, no blur"),
    ]
    found = {row["phrase"]: row for row in optimize(shelf)["findings"]}
    assert set(found) == {"blur", "no blur", "Avoid: noise"}
    assert [(row["key"], row["said_by"]) for row in found["no blur"]["prompts"]] == [("oil", "flaws"), ("ink", "flaws")]
    assert [row["key"] for row in found["blur"]["prompts"]] == ["dream", "motion"]
    assert [row["key"] for row in found["Avoid: noise"]["prompts"]] == ["more"]
    assert {row["key"] for row in optimize(shelf, ["avoid: noise", "Blur"])["prompts"]} == {"more", "dream", "motion"}


def test_the_findings_say_what_each_phrase_costs() -> None:
    """How it is mostly written, in which prompts, how many characters, and what would be lost."""
    shelf = [
        prompt("a", "a fox, High Quality, no blur"),
        prompt("b", "a bear, high  quality"),
        prompt("c", "a wolf, high quality, no blur"),
        prompt("d", "high quality, only here"),
    ]
    done = optimize(shelf)
    first, second = done["findings"]
    assert (first["phrase"], first["saves"], len(first["prompts"])) == ("high quality", 14 + 15 + 14 + 14, 4)
    assert (second["phrase"], second["saves"]) == ("no blur", 18)
    assert first["prompts"][1] == {"key": "b", "saves": 15, "said_by": None}
    assert first["advice"].startswith("Nothing else says it")
    assert [row["after"] for row in done["prompts"]] == ["a fox", "a bear", "a wolf", "only here"]
    assert done["chars"] == {"before": 101, "after": 26, "saved": 75}
    assert optimize(shelf, least=3)["findings"] == [first]
    assert optimize(shelf, ["fog"])["unknown"] == ["fog"]
    assert optimize(shelf, [])["prompts"] == []


WORDS = st.sampled_from(
    "high quality|No blur|no text|avoid noise|a castle|dusk|of 1,000 stones|(fog, rain)|x|unless asked|or cars|"
    'with no people|"no, never"|Style:|f/1.8|e.g. ivy|watermark'.split("|")
)
BETWEEN = st.sampled_from([", ", ",", "; ", ". ", ".\n", "\n", ",\n\n", " , ,", ", and ", "! ", "  ", "..."])
TEXTS = st.lists(st.tuples(WORDS, BETWEEN), min_size=1, max_size=8).map(lambda parts: "".join(map("".join, parts)))
SHELVES = st.lists(TEXTS, min_size=1, max_size=5).map(
    lambda texts: [prompt(f"p{number}", text, always=number == 0) for number, text in enumerate(texts)]
)
PHRASES = st.lists(WORDS, max_size=4)


def said(text: str) -> Counter[str]:
    """The clauses of a text."""
    return Counter(clause.normal for clause in split(text).clauses)


@given(st.text() | TEXTS)
@settings(max_examples=300, deadline=None, derandomize=True, database=None)
def test_a_text_is_the_sum_of_its_clauses(text: str) -> None:
    """Nothing is lost by reading it."""
    assert str(split(text)) == text
    assert split(text).without(set()) == text or not text.strip()


@given(SHELVES, PHRASES)
@settings(max_examples=500, deadline=None, derandomize=True, database=None)
def test_only_confirmed_phrases_go_and_nothing_else_changes(shelf: list[dict[str, Any]], phrases: list[str]) -> None:
    """Saved characters are differences of lengths; the clauses that are left stand as they stood; twice is once."""
    done = optimize(shelf, phrases)
    assert done["chars"]["saved"] == sum(len(row["before"]) - len(row["after"]) for row in done["prompts"])
    for row in done["prompts"]:
        before, after = said(row["before"]), said(row["after"])
        assert row["saves"] == len(row["before"]) - len(row["after"]) > 0
        assert row["after"].strip()
        assert after <= before
        assert set(before - after) <= {normal(phrase) for phrase in phrases}
        for scar in (r",\s*,", r"  ", r"[,;]\s*[.!?;](?!\.)", r"^[,;]", r"[,;]$"):
            assert len(re.findall(scar, row["after"])) <= len(re.findall(scar, row["before"])), scar
    changed = {row["key"]: row["after"] for row in done["prompts"]}
    assert set(changed) <= {row["key"] for row in shelf}
    again = optimize([{**row, "content": changed.get(row["key"], row["content"])} for row in shelf], phrases)
    assert again["prompts"] == []


@given(SHELVES)
@settings(max_examples=200, deadline=None, derandomize=True, database=None)
def test_what_the_findings_promise_is_what_a_confirmation_does(shelf: list[dict[str, Any]]) -> None:
    """Each phrase alone saves what its finding says, in the very prompts that it names."""
    for found in optimize(shelf)["findings"]:
        done = optimize(shelf, [found["phrase"]])
        assert {row["key"]: row["saves"] for row in done["prompts"]} == {
            row["key"]: row["saves"] for row in found["prompts"]
        }
        assert done["chars"]["saved"] == found["saves"]
