"""What a measurement found, what it is held against, and whether that is good enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Target:
    """What a figure should reach: its ratio, or where there is none its value."""

    limit: float
    at_least: bool = False

    def met_by(self, found: float) -> bool:
        """Whether a figure reaches it."""
        return found >= self.limit if self.at_least else found <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {show(self.limit)}"


@dataclass(frozen=True)
class Figure:
    """One line of the table. `floor` is what the value is divided by, unless the ratio was measured by itself."""

    group: str
    name: str
    value: float | None = None
    unit: str = ""
    floor: float | None = None
    floor_name: str = ""
    measured_ratio: float | None = None
    target: Target | None = None
    also: str = ""
    why_not: str = ""

    @property
    def ratio(self) -> float | None:
        """The value as a multiple of its floor; None where it stands alone."""
        if self.measured_ratio is not None or not self.floor or self.value is None:
            return self.measured_ratio
        return self.value / self.floor

    @property
    def verdict(self) -> str:
        """PASS, FALLS SHORT, NOT MEASURED, or nothing where nothing was promised."""
        if self.value is None:
            return "NOT MEASURED"
        if self.target is None:
            return ""
        judged = self.value if self.ratio is None else self.ratio
        return "PASS" if self.target.met_by(judged) else "FALLS SHORT"

    def as_json(self) -> dict[str, Any]:
        """The figure for machines."""
        return {
            "group": self.group,
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "floor": self.floor,
            "floor_name": self.floor_name or None,
            "ratio": self.ratio,
            "target": str(self.target) if self.target else None,
            "verdict": self.verdict or None,
            "also": self.also or None,
            "why_not": self.why_not or None,
        }


def paired(
    group: str,
    name: str,
    unit: str,
    pairs: Sequence[tuple[float, float]],
    floor_name: str,
    target: Target | None = None,
    also: str = "",
) -> Figure:
    """A figure from rounds of (ours, floor). The median of the ratios counts: both halves saw one machine."""
    ours, floors = [one for one, _ in pairs], [other for _, other in pairs]
    ratio = median(one / other for one, other in pairs)
    return Figure(group, name, median(ours), unit, median(floors), floor_name, ratio, target, also)


def missing(group: str, name: str, why: str) -> Figure:
    """A figure that could not be measured here."""
    return Figure(group, name, why_not=why)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of all stays at or below."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def show(number: float | None) -> str:
    """A number with as many digits as people read."""
    if number is None:
        return ""
    if abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.1f}" if abs(number) >= 10 else f"{number:.2f}"
