"""What a request is to experience: the usual, what a test or chaos has ordered, or what the prompt itself asks for."""

from __future__ import annotations

import random
import re
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

DIRECTIVE = re.compile(r"\[fal:([^\]]*)\]")
REFUSALS = {"400", "401", "402", "403", "422", "429", "500", "502", "503", "504"}
OUTCOMES = {"ok", "fails", "refused", "rejected", "flagged", "garbage", "faulty"}
WEBHOOKS = {"once", "twice", "late", "early", "never", "forged"}


class NoDirective(ValueError):
    """A word that this stand-in does not know."""


@dataclass(frozen=True)
class Fate:
    """One request's story. `refusal` is an HTTP status instead of taking the order; `drops` takes it and hangs up."""

    seconds: float = 0.2
    refusal: int | None = None
    drops: bool = False
    outcome: str = "ok"
    gone: bool = False
    webhook: str = "once"

    def told(self, text: str) -> Fate:
        """Return the fate that words such as `slow=3, fails, webhook=twice` ask for."""
        fate = self
        for word in filter(None, (part.strip() for part in text.split(","))):
            fate = fate._word(*word.partition("=")[::2])
        return fate

    def _word(self, name: str, value: str) -> Fate:
        if name in REFUSALS:
            return replace(self, refusal=int(name))
        if name in OUTCOMES:
            return replace(self, outcome=name)
        if name == "slow":
            return replace(self, seconds=float(value or 3))
        if name in ("drop", "gone"):
            return replace(self, drops=self.drops or name == "drop", gone=self.gone or name == "gone")
        if name == "webhook" and value in WEBHOOKS:
            return replace(self, webhook=value)
        raise NoDirective(f"unknown directive {name}{'=' if value else ''}{value}")


@dataclass
class Rule:
    """What holds for a model (or for all, under *): a line of fates to come, then dice."""

    script: deque[str] = field(default_factory=deque)
    always: str = ""
    fail_rate: float = 0.0
    drop_rate: float = 0.0


class Script:
    """Everything that was ordered through POST /__control; safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: dict[str, Rule] = {}
        self._dice = random.Random()  # noqa: S311 - chance, no secret
        self.keys: dict[str, int] = {}

    def order(self, wanted: Mapping[str, Any]) -> None:
        """Take {model?, script?, always?, fail_rate?, drop_rate?, seed?, keys?: {key: status or null}, reset?}."""
        words = [*wanted.get("script", []), wanted.get("always", "")]
        for word in words:
            Fate().told(word)  # raises NoDirective now rather than later
        with self._lock:
            if wanted.get("reset"):
                self._rules, self.keys = {}, {}
            if "seed" in wanted:
                self._dice = random.Random(wanted["seed"])  # noqa: S311 - the same
            self.keys |= {key: status for key, status in wanted.get("keys", {}).items() if status}
            for key, status in wanted.get("keys", {}).items():
                if not status:
                    self.keys.pop(key, None)
            rule = self._rules.setdefault(str(wanted.get("model", "*")), Rule())
            rule.script.extend(wanted.get("script", []))
            rule.always = wanted.get("always", rule.always)
            rule.fail_rate = float(wanted.get("fail_rate", rule.fail_rate))
            rule.drop_rate = float(wanted.get("drop_rate", rule.drop_rate))

    def fate(self, model: str, prompt: str) -> Fate:
        """Return what happens to the next request of a model."""
        with self._lock:
            fate = Fate()
            for rule in (self._rules.get("*"), self._rules.get(model)):
                fate = self._ruled(fate, rule) if rule else fate
        found = DIRECTIVE.search(prompt)
        return fate.told(found.group(1)) if found else fate

    def _ruled(self, fate: Fate, rule: Rule) -> Fate:
        fate = fate.told(rule.always)
        if rule.script:
            return fate.told(rule.script.popleft())
        if self._dice.random() < rule.fail_rate:
            fate = fate.told(self._dice.choice(("fails", "500", "503", "429")))
        if self._dice.random() < rule.drop_rate:
            fate = fate.told("drop")
        return fate
