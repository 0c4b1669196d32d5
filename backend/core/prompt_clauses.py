"""A prompt as clauses: where they begin and end, which belong together, and taking some out without a scar."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

# What stands in quotes or brackets is one thing, and so is a full stop behind an abbreviation.
_GUARDED = re.compile(
    r"\"[^\"\n]*\"|“[^”\n]*”|\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}|\b(?:e\.g|i\.e|vs|approx|ca|st|mt|dr|mrs?)\.(?=\s)",
    re.IGNORECASE,
)
_MARK = r"(?:(?<!\d),|,(?!\d)|[;\n]|[.!?]+(?=[\s,;]|$))"
_SEPARATOR = re.compile(rf"(?<!\s)\s*(?:{_MARK}\s*)+(?:(?<=[,;]\s)and\s+)?")
_STOP = re.compile(r"[.!?]+")
# A clause that begins so leans on the one before it, or, at the start of a sentence, on the one behind it.
_LEANS = re.compile(
    r"(?:unless|except|but|or|nor|including|such as|especially|particularly|which|that|who|whose|as|if|when|while|"
    r"where|because|so|although|though|until|then|than)\b",
    re.IGNORECASE,
)
_NEGATES = re.compile(
    r"\b(?:no|not|non|without|avoid\w*|exclud\w*|omit\w*|remov\w*|never|nothing|neither|don.?t|free of|negatives?)\b",
    re.IGNORECASE,
)
_OPENS_LIST = re.compile(
    r"(?:avoid|without|exclud|omit|remov|never|do not|don.?t|free of|negative)|.*:$", re.IGNORECASE
)


def normal(phrase: str) -> str:
    """Return a phrase as phrases are compared: without regard to case, spaces and commas."""
    return " ".join(phrase.replace(",", " ").split()).casefold().rstrip(".!?; ")


@dataclass(frozen=True)
class Clause:
    """One clause as it is written, how it is compared, whether it says no, and what divides it from the next."""

    text: str
    normal: str
    negates: bool
    separator: str

    @property
    def ends_list(self) -> bool:
        """Whether no list goes on behind it: the sentence ends, or it has a condition of its own."""
        opens = self.text.endswith(":") and not _STOP.search(self.separator)
        alone = re.search(r"\b(?:unless|except)\b", self.normal)
        return bool(alone) or not (opens or re.search("[,;]", self.separator))


@dataclass(frozen=True)
class Text:
    """The clauses of a prompt; what stands before the first is white space, and matters as little."""

    lead: str
    clauses: tuple[Clause, ...]

    def __str__(self) -> str:
        return self._whole

    @cached_property
    def _whole(self) -> str:
        return self.lead + "".join(clause.text + clause.separator for clause in self.clauses)

    def lists(self, standing: Collection[str]) -> list[range]:
        """Return what goes only together: a negation and those behind it that it may reach over.

        `no text, watermark` without its first half would ask for a watermark. What stands alone elsewhere ends such
        a list, unless a word like `avoid` opened it.
        """
        found, first = [], None
        for index, clause in enumerate(self.clauses):
            if first is not None and (clause.negates or self._ended(first, index, clause, standing)):
                found.append(range(first, index))
                first = None
            if first is None and clause.negates:
                first = index
            if first is not None and (clause.ends_list or clause is self.clauses[-1]):
                found.append(range(first, index + 1))
                first = None
        return [one for one in found if len(one) > 1]

    def _ended(self, first: int, index: int, clause: Clause, standing: Collection[str]) -> bool:
        return clause.normal in standing and not _OPENS_LIST.match(self.clauses[first].text)

    def leads(self, standing: Collection[str]) -> set[str]:
        """Return the clauses that no negation before them reaches, given those that stand alone elsewhere."""
        reached = {index for together in self.lists(standing) for index in together[1:]}
        return {clause.normal for index, clause in enumerate(self.clauses) if index not in reached}

    @cached_property
    def _bounds(self) -> list[tuple[int, int]]:
        """Where each clause begins and ends; behind the last, where the text ends."""
        bounds, at = [], len(self.lead)
        for clause in self.clauses:
            bounds.append((at, at + len(clause.text)))
            at += len(clause.text) + len(clause.separator)
        return [*bounds, (at, at)]

    def without(self, gone: Collection[int]) -> str:
        """Return the text without these clauses; commas, spaces and stops at the seams are repaired."""
        if len(gone) == len(self.clauses):
            return ""
        whole, parts, at = self._whole, [], 0
        for first, last in _runs(gone):
            end = last == len(self.clauses) - 1
            parts.append(whole[at : self._bounds[first - 1][1]] if first else self.lead)
            if first:
                parts.append(_seam([clause.separator for clause in self.clauses[first - 1 : last + 1]], last=end))
            at = self._bounds[last + 1][0]
        return "".join([*parts, whole[at:]])


def split(text: str) -> Text:
    """Return the clauses of a text; joined again they are the text."""
    masked = _masked(text)
    start = len(text) - len(text.lstrip())
    lead, pieces = text[:start], []
    for found in _SEPARATOR.finditer(masked, start):
        pieces.append((text[start : found.start()], text[found.start() : found.end()]))
        start = found.end()
    if start < len(text):
        rest = text[start:].rstrip()
        pieces.append((rest, text[start + len(rest) :]))
    return Text(lead, tuple(_clause(*piece) for piece in _merged(pieces)))


def _clause(text: str, separator: str) -> Clause:
    return Clause(text, normal(text), bool(_NEGATES.search(_masked(text))), separator)


def _masked(text: str) -> str:
    """Return the text with guarded parts blackened, the inner ones first, every place where it was."""
    blacken: Callable[[re.Match[str]], str] = lambda found: "x" * len(found[0])  # noqa: E731
    while (masked := _GUARDED.sub(blacken, text)) != text:
        text = masked
    return masked


def _merged(pieces: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Put clauses that lean on each other together, as far as only a comma divides them."""
    merged: list[tuple[str, str]] = []
    waiting = False  # the sentence began with what leans on its next clause
    for piece, separator in pieces:
        within = bool(merged) and _soft(merged[-1][1])
        leans = bool(_LEANS.match(piece))
        if within and (leans or waiting):
            before, comma = merged.pop()
            merged.append((before + comma + piece, separator))
        else:
            merged.append((piece, separator))
        waiting = leans and not within
    return merged


def _soft(separator: str) -> bool:
    return "," in separator and not re.search("[;.!?]", separator)


def _runs(numbers: Collection[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last of each run of numbers."""
    for number in sorted(numbers):
        if number - 1 not in numbers:
            first = number
        if number + 1 not in numbers:
            yield first, number


def _seam(separators: list[str], *, last: bool) -> str:
    """Return what divides two clauses when those between them are gone: the strongest of what divided them."""
    strength = max(map(_strength, separators))
    alike = [separator for separator in separators if _strength(separator) == strength]
    chosen = alike[0] if strength == 3 else alike[-1]
    space = separators[-1] if last else max([chosen, *separators], key=lambda one: one.count("\n"))
    return _mark(chosen, last=last) + _space(space, last=last)


def _strength(separator: str) -> int:
    if _STOP.search(separator):
        return 3
    if ";" in separator:
        return 2
    return 1 if "," in separator else 3 if "\n" in separator else 0


def _mark(separator: str, *, last: bool) -> str:
    stop = _STOP.search(separator)
    return stop[0] if stop else "" if last else ";" if ";" in separator else "," if "," in separator else ""


def _space(separator: str, *, last: bool) -> str:
    if last:
        return separator[len(separator.rstrip()) :]
    if lines := separator.count("\n"):
        return "\n" * lines
    if separator.rstrip().endswith("and"):
        return " and "
    return " " if re.search(r"\s", separator) else ""
