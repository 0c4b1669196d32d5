"""What people see of a storm: steps and progress while it lasts, and its figures at the end."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.status import Status

from scripts.local import display
from scripts.storms.audit import Finding
from scripts.storms.users import Weather

if TYPE_CHECKING:
    from scripts.storms.storm import Order


QUIET_SECONDS = 30.0  # between two lines of progress where no terminal shows it


class Reporter:
    """Steps go to standard output, or to standard error where that is JSON; progress to standard error."""

    def __init__(self, order: Order, *, as_json: bool) -> None:
        self._order, self._as_json = order, as_json
        self._status = Status("", console=Console(stderr=True)) if sys.stderr.isatty() else None
        self._began = self._told_at = time.monotonic()

    def __enter__(self) -> Self:
        if self._status:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status:
            self._status.stop()

    def step(self, text: str) -> None:
        """One thing that is being done."""
        if self._as_json:
            sys.stderr.write(f"{text}\n")
        else:
            display.step(text)

    def progress(self, asked: int, of: int, still_open: int, dealt: Counter[str]) -> None:
        """How far it is: all the time on a terminal, now and then in a log."""
        now = time.monotonic()
        blows = f", {dealt.total()} blows" if dealt else ""
        text = f"{asked} of {of} asked for, {still_open} open{blows}"
        if self._status:
            self._status.update(text)
        elif now - self._told_at >= QUIET_SECONDS:
            self._told_at = now
            sys.stderr.write(f"  {now - self._began:.0f} s: {text}\n")
            sys.stderr.flush()

    def show(
        self, findings: list[Finding], figures: Mapping[str, Any], dealt: Mapping[str, int], weather: Weather
    ) -> None:
        """The figures, and which of them differ."""
        if self._as_json:
            told = {
                "order": asdict(self._order),
                "findings": [asdict(finding) | {"ok": finding.sound} for finding in findings],
                "figures": figures,
                "blows": dealt,
                "answers": weather.met,
                "broken": weather.broken,
            }
            sys.stdout.write(json.dumps(told, indent=2) + "\n")
            return
        display.heading("Blows dealt")
        display.facts(sorted(dealt.items()) or [("none", 0)])
        display.heading("What clients met")
        display.facts(sorted(weather.met.items()))
        display.heading("Figures")
        display.facts([(name, _text(value)) for name, value in figures.items()])
        display.heading("Books")
        for finding in findings:
            say = display.good if finding.sound else display.bad
            say(
                f"{finding.name}: {_text(finding.found)}{'' if finding.sound else f', must be {_text(finding.wanted)}'}"
            )
        for line in weather.broken:
            display.line(f"  500 at {line}")
        wrong = sum(not finding.sound for finding in findings)
        if wrong:
            display.bad(f"{wrong} of {len(findings)} figures differ")
        else:
            display.heading(f"All {len(findings)} figures are as they must be.")


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        texts = {name: _text(part) for name, part in value.items()}
        nested = {name for name, part in value.items() if isinstance(part, Mapping)}
        return (
            ", ".join(f"{name} ({text})" if name in nested else f"{name} {text}" for name, text in texts.items())
            or "none"
        )
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)
