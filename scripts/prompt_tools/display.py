"""Changes of prompts as people read them; colours only on a terminal."""

from __future__ import annotations

import re
from collections import Counter
from difflib import SequenceMatcher
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from backend.core.prompt_documents import sentence

Json = dict[str, Any]
HIDDEN = ("key", "content", "version", "updated_at")
COLOURS = {"created": "green", "updated": "yellow", "deleted": "red"}
_WORDS = re.compile(r"\w+|\W")

_out = Console(highlight=False, soft_wrap=True)
_error = Console(highlight=False, soft_wrap=True, stderr=True)


def say(text: str = "") -> None:
    """Say a line as it is."""
    _out.print(escape(text))


def counted(number: int) -> str:
    """Return so many prompts in words."""
    return f"{number} {'prompt' if number == 1 else 'prompts'}"


def note(text: str) -> None:
    """Say something beside the output itself."""
    _error.print(escape(text))


def complain(text: str, problems: list[Json] | None = None) -> None:
    """Say what is wrong: one line for each problem with a place."""
    _error.print(f"[red]{escape(text)}[/red]")
    for one in problems if problems and len(problems) > 1 else []:
        said = sentence(one) if "line" in one else f"{one['field']}: {one['reason']}"
        _error.print(escape(f"  {said}"))


def changes(rows: list[Json]) -> None:
    """Show each prompt that changed, its text before and after, and how many did not."""
    same = [row for row in rows if row["change"] == "unchanged"]
    for row in rows:
        if row["change"] != "unchanged":
            _change(row)
    if same:
        say(f"unchanged  {len(same)}")


def _change(row: Json) -> None:
    before, after = row["before"] or {}, row["after"] or {}
    colour, kind = COLOURS[row["change"]], (after or before).get("category", "")
    _out.print(f"[{colour}]{row['change']:9}[/{colour}]  [bold]{escape(row['key'])}[/bold]  [dim]{kind}[/dim]")
    texts(before.get("content"), after.get("content"))
    if before and after:
        for name in before.keys() | after.keys() - set(HIDDEN):
            if name not in HIDDEN and before.get(name) != after.get(name):
                say(f"    {name}: {_plain(before.get(name))} -> {_plain(after.get(name))}")


def texts(before: str | None, after: str | None) -> None:
    """Show a text before and after, unless it is the same; on a terminal with what differs in reverse."""
    if before == after:
        return
    for sign, text, other, colour in (("-", before, after, "red"), ("+", after, before, "green")):
        shown = _marked(text or "", other) if other else escape(text or "")
        for line in shown.splitlines():
            _out.print(f"[{colour}]  {sign} {line}[/{colour}]")


def _marked(text: str, other: str) -> str:
    mine, theirs = _WORDS.findall(text), _WORDS.findall(other)
    parts = []
    for what, start, end, _, _ in SequenceMatcher(None, mine, theirs, autojunk=False).get_opcodes():
        part = escape("".join(mine[start:end]))
        # A mark must not go over the end of a line, as each line is printed for itself.
        parts.append(part if what == "equal" else re.sub(r".+", r"[reverse]\g<0>[/reverse]", part))
    return "".join(parts)


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    return {True: "yes", False: "no", "": '""'}.get(value, str(value))


def optimized(found: Json, *, confirmed: bool) -> None:
    """Show repeated phrases, the most characters first; with confirmed ones each prompt without them."""
    if not confirmed:
        _findings(found)
        return
    for row in found["prompts"]:
        _out.print(f"[bold]{escape(row['key'])}[/bold]  [dim]{row['saves']} characters less[/dim]")
        texts(row["before"], row["after"])
    for row in found["skipped"]:
        _out.print(f"[yellow]stays[/yellow]  {escape(row['key'])}: {escape(row['phrase'])} ({escape(row['reason'])})")
    for phrase in found["unknown"]:
        _out.print(f"[yellow]no prompt has[/yellow]  {escape(phrase)}")
    say(f"{_saved(found)} in {counted(len(found['prompts']))}.")


def _findings(found: Json) -> None:
    if not found["findings"]:
        say("No prompt repeats what another says.")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name, justify in (
        ("phrase", "left"),
        ("prompts", "right"),
        ("characters", "right"),
        ("said anyway by", "left"),
    ):
        table.add_column(name, justify=justify, overflow="fold")
    for row in found["findings"]:
        table.add_row(escape(row["phrase"]), str(len(row["prompts"])), str(row["saves"]), _keepers(row))
    _out.print(table, soft_wrap=False)
    say(f"{_saved(found)} in {counted(len(found['prompts']))} if all of it goes.")
    say("What no preset says anyway is gone then: to keep it for all, put it into one that is always on first.")
    say("Take out what you confirm with --remove PHRASE, as often as needed, or with --all.")


def _keepers(row: Json) -> str:
    said = Counter(one["said_by"] for one in row["prompts"])
    lost = said.pop(None, 0)
    names = ", ".join(sorted(said))
    return names + (f" (not for {lost})" if names and lost else "") or "-"


def _saved(found: Json) -> str:
    before, saved = found["chars"]["before"], found["chars"]["saved"]
    return f"{saved} of {before} characters ({saved / (before or 1):.0%})"
