"""Changes as people read them on a terminal; the rest of what scripts/prompts.py says is in tests/web/moving."""

from __future__ import annotations

import pytest
from rich.console import Console

from scripts.prompt_tools import display


def test_on_a_terminal_what_differs_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Colours and marks there, plain text elsewhere; brackets of a prompt are no markup."""
    for terminal in (True, False):
        console = Console(
            force_terminal=terminal, color_system="standard" if terminal else None, soft_wrap=True, highlight=False
        )
        monkeypatch.setattr(display, "_out", console)
        with console.capture() as said:
            display.texts("a [fox], no blur, dusk\nfog", "a [fox], dusk\nfog")
        if terminal:
            assert "\x1b[31m  - a [fox], \x1b[0m\x1b[7;31mno blur, \x1b[0m\x1b[31mdusk\x1b[0m\n" in said.get()
        else:
            assert said.get() == "  - a [fox], no blur, dusk\n  - fog\n  + a [fox], dusk\n  + fog\n"


def test_the_table_says_what_makes_a_phrase_redundant(monkeypatch: pytest.MonkeyPatch) -> None:
    """The preset that says it anyway, and for how many prompts it does not."""
    console = Console(width=80, highlight=False)
    monkeypatch.setattr(display, "_out", console)
    rows = [{"key": "a", "said_by": "base"}, {"key": "b", "said_by": None}]
    finding = {"phrase": "no blur", "saves": 18, "prompts": rows}
    found = {"findings": [finding], "prompts": rows, "chars": {"before": 180, "saved": 18}}
    with console.capture() as said:
        display.optimized(found, confirmed=False)
    assert "no blur         2           18   base (not for 1)" in said.get()
    assert "18 of 180 characters (10%) in 2 prompts if all of it goes." in said.get()
