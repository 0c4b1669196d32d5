"""The starting set of presets: a document like any other, and fit to be composed with whatever users ask for."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from backend.core.prompt_documents import parse
from backend.core.prompt_optimizer import optimize

TEXT = (Path(__file__).parents[2] / "supabase" / "prompts.json").read_text()
PRESETS = parse(TEXT)


def test_there_are_about_forty_of_each_category() -> None:
    """Styles and events above all; each has a title and a description of its own."""
    counts = Counter(preset["category"] for preset in PRESETS)
    assert counts["event_type"] > 10
    assert counts["style_preset"] > 10
    assert {"quality", "negative"} < set(counts)
    assert 38 <= len(PRESETS) <= 45
    for name in ("title", "description", "content"):
        assert len({preset[name] for preset in PRESETS}) == len(PRESETS)


def test_what_is_always_on_fits_every_style() -> None:
    """One for quality and one against lettering, for pictures and clips; everything else is chosen."""
    always = [preset for preset in PRESETS if preset["always"]]
    assert [(preset["category"], preset["kinds"]) for preset in always] == [
        ("quality", ["image", "video"]),
        ("negative", ["image", "video"]),
    ]


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset["key"])
def test_a_preset_reads_well_beside_others(preset: dict[str, str]) -> None:
    """A few clauses in one line, without a stop: others and the user's own words stand beside it."""
    content = preset["content"]
    assert 30 < len(content) < 200
    assert "\n" not in content
    assert not content.endswith((".", ",", " "))
    assert content[0].islower() or content.startswith("New Year") or content[0].isdigit()


def test_the_optimiser_has_nothing_to_say() -> None:
    """What two of them need, one that is always on says."""
    assert optimize(PRESETS)["findings"] == []
