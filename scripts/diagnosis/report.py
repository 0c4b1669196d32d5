"""What was found: a table for people, JSON for machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scripts.diagnosis.findings import Finding, State

MARKS: dict[State, tuple[str, str]] = {
    "ok": ("ok", "green"),
    "warning": ("warn", "yellow"),
    "failure": ("FAIL", "bold red"),
    "skipped": ("skip", "dim"),
}
WORDS: dict[State, str] = {"failure": "failed", "warning": "warned", "skipped": "skipped", "ok": "ok"}
WIDTH = 120


def show(findings: Sequence[Finding], seconds: float, console: Console) -> None:
    """Print the table, and the verdict below it."""
    console.print(_table(findings))
    console.print(_verdict(findings, seconds))


def as_json(findings: Sequence[Finding], seconds: float) -> dict[str, Any]:
    """Return what `--json` prints."""
    counts = Counter(one.state for one in findings)
    return {
        "sound": not counts["failure"],
        "seconds": round(seconds, 2),
        "counts": {state: counts[state] for state in MARKS},
        "findings": [
            {"check": one.check, "subject": one.subject, "state": one.state, "cause": one.cause, "mend": one.mend}
            for one in findings
        ],
    }


def console_for_people() -> Console:
    """As wide as the terminal; of a set width where there is none, and then without colours."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDTH, no_color=True)


def _table(findings: Sequence[Finding]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("")
    table.add_column("check", no_wrap=True)
    table.add_column("finding", overflow="fold", ratio=1)
    subject = check = ""
    for one in findings:
        if subject and one.subject != subject:
            table.add_section()
        mark, style = MARKS[one.state]
        table.add_row(Text(mark, style), Text("" if one.check == check else one.check), _told(one))
        subject, check = one.subject, one.check
    return table


def _told(finding: Finding) -> Text:
    text = Text(finding.cause, "dim" if finding.state == "skipped" else "")
    if finding.mend:
        text.append("\n→ ", "cyan").append(finding.mend, "cyan")
    return text


def _verdict(findings: Sequence[Finding], seconds: float) -> Text:
    counts = Counter(one.state for one in findings)
    told = ", ".join(f"{counts[state]} {word}" for state, word in WORDS.items() if counts[state])
    return Text(f"\n{told} in {seconds:.1f} s", "bold red" if counts["failure"] else "bold green")
