"""Phrases that several prompts repeat: what they cost, and the prompts without those that were confirmed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

from backend.core.prompt_clauses import Text, normal, split

Json = dict[str, Any]
LEAST_PROMPTS = 2  # what one prompt alone says is not repeated
NEGATIVE, AVOID = "negative", "Avoid: "  # a negative prompt lists what is not wanted: its `blur` is another's `no blur`


@dataclass(frozen=True)
class _Prompt:
    """A prompt and its clauses."""

    key: str
    content: str
    text: Text
    kinds: frozenset[str]
    always: bool
    prefix: str
    places: dict[str, list[int]]


def optimize(prompts: Iterable[Json], phrases: Iterable[str] | None = None, least: int = LEAST_PROMPTS) -> Json:
    """Return what is repeated, and the prompts without these phrases, or without all that is repeated."""
    shelf = _Shelf(prompts)
    findings = shelf.findings(least)
    chosen = [one["phrase"] for one in findings] if phrases is None else phrases
    confirmed = {normal(phrase): phrase for phrase in chosen}
    changed: list[Json] = []
    skipped: list[Json] = []
    for prompt in shelf.prompts:
        after, gone, kept = shelf.without(prompt, confirmed.keys())
        if gone:
            saves = len(prompt.content) - len(after)
            removed = [phrase for one, phrase in confirmed.items() if one in gone]
            changed.append(
                {"key": prompt.key, "before": prompt.content, "after": after, "saves": saves, "removed": removed}
            )
        skipped += [{"key": prompt.key, "phrase": confirmed[one], "reason": reason} for one, reason in kept.items()]
    before = sum(len(prompt.content) for prompt in shelf.prompts)
    saved = sum(one["saves"] for one in changed)
    return {
        "findings": findings,
        "prompts": changed,
        "skipped": skipped,
        "unknown": [phrase for one, phrase in confirmed.items() if one not in shelf.said],
        "chars": {"before": before, "after": before - saved, "saved": saved},
    }


class _Shelf:
    """All prompts together: what each phrase stands in, and where it can stay."""

    def __init__(self, prompts: Iterable[Json]) -> None:
        self.prompts = [_read(prompt) for prompt in prompts]
        standing = _standing([prompt.text for prompt in self.prompts])
        self.lists = {prompt.key: prompt.text.lists(standing) for prompt in self.prompts}
        self.said: dict[str, list[_Prompt]] = defaultdict(list)
        for prompt in self.prompts:
            for phrase in prompt.places:
                self.said[phrase].append(prompt)

    def findings(self, least: int) -> list[Json]:
        """Return the repeated phrases, the most characters first."""
        found = [self._finding(phrase) for phrase, prompts in self.said.items() if len(prompts) >= least and phrase]
        return sorted(found, key=lambda one: (-one["saves"], one["phrase"]))

    def without(self, prompt: _Prompt, phrases: Collection[str]) -> tuple[str, set[str], dict[str, str]]:
        """Return the text without these phrases, those that went, and those that stay with the reason."""
        clauses = prompt.text.clauses
        said = {phrase for phrase in phrases if phrase in prompt.places}
        kept = {phrase for phrase in said if self._keeper(phrase, prompt) is prompt}
        reasons = dict.fromkeys(kept, "this is the place that keeps it, as part of each generation")
        hits = {index for phrase in said - kept for index in prompt.places[phrase]}
        for together in self.lists[prompt.key]:
            bound = hits.intersection(together)
            if bound and not hits.issuperset(together):
                hits -= bound
                whole = ", ".join(clauses[index].text for index in together)
                for index in bound:
                    reasons[clauses[index].normal] = f'it may belong to "{whole}", which goes only as a whole'
        if hits and len(hits) == len(clauses):
            reasons |= {clause.normal: "the prompt says nothing else" for clause in clauses}
            hits = set()
        return prompt.text.without(hits), {clauses[index].normal for index in hits}, reasons

    def _keeper(self, phrase: str, prompt: _Prompt) -> _Prompt | None:
        """Return the preset that says it in each generation that this prompt may be in."""
        avoided = (
            self.said.get(normal(AVOID) + " " + phrase.removeprefix("no "), []) if phrase.startswith("no ") else []
        )
        fitting = (one for one in self.said[phrase] + avoided if one.always and one.kinds >= prompt.kinds)
        return max(fitting, key=lambda one: len(one.kinds), default=None)

    def _finding(self, phrase: str) -> Json:
        spellings: Counter[str] = Counter()
        rows: list[Json] = []
        skipped = []
        for prompt in self.said[phrase]:
            spellings.update(prompt.prefix + prompt.text.clauses[index].text for index in prompt.places[phrase])
            after, gone, kept = self.without(prompt, [phrase])
            if gone:
                said_by = self._keeper(phrase, prompt)
                rows.append(
                    {
                        "key": prompt.key,
                        "saves": len(prompt.content) - len(after),
                        "said_by": said_by.key if said_by else None,
                    }
                )
            skipped += [{"key": prompt.key, "reason": reason} for reason in kept.values()]
        saves = sum(row["saves"] for row in rows)
        said = {"phrase": spellings.most_common(1)[0][0], "saves": saves, "prompts": rows, "skipped": skipped}
        return said | {"advice": _advice(rows)}


def _standing(texts: list[Text]) -> set[str]:
    """Return the clauses that some prompt says where no negation reaches them; each that is known ends more lists."""
    standing: set[str] = set()
    while not standing >= (found := {phrase for text in texts for phrase in text.leads(standing)}):
        standing |= found
    return standing


def _read(prompt: Json) -> _Prompt:
    text, prefix = split(prompt["content"]), AVOID if prompt["category"] == NEGATIVE else ""
    if prefix:
        text = replace(text, clauses=tuple(replace(one, normal=normal(prefix + one.normal)) for one in text.clauses))
    places: dict[str, list[int]] = defaultdict(list)
    for index, clause in enumerate(text.clauses):
        places[clause.normal].append(index)
    always = bool(prompt["always"] and prompt["active"])
    return _Prompt(prompt["key"], prompt["content"], text, frozenset(prompt["kinds"]), always, prefix, dict(places))


def _advice(rows: list[Json]) -> str:
    """Return what becomes of a phrase that goes from these prompts."""
    if not rows:
        return "It goes only together with others: see skipped."
    keepers = sorted({row["said_by"] for row in rows if row["said_by"]})
    lost = sum(not row["said_by"] for row in rows)
    names = " and ".join(keepers)
    if not keepers:
        return "Nothing else says it: to keep it for all, put it into one preset that is always on."
    if lost:
        return f"{names} says it in each generation, but not for the kinds of {lost} of these prompts."
    return f"Redundant: {names} says it in each generation already."
