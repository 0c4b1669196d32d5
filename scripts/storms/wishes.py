"""What users ask for: a seeded list of single generations and batches, and what they were answered."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

# (model, params, weight). Small and quick, except for those that last long enough to be struck in the middle.
CHOICES: tuple[tuple[str, dict[str, Any], int], ...] = (
    ("local/picture", {"width": 64, "height": 64, "num_images": 1}, 5),
    ("local/slow", {"seconds": 1}, 3),
    ("local/flaky", {"fail_times": 1}, 1),
    ("local/always-fails", {}, 1),
)


@dataclass
class Wish:
    """One request of one user."""

    key: str
    path: str
    body: dict[str, Any]
    items: list[dict[str, Any]]
    regretted: bool
    id: str = ""
    ids: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    contradicted: bool = False

    def note(self, status: int, answer: dict[str, Any]) -> None:
        """Keep an answer; two that differ for one key contradict each other."""
        if status == 202:
            self.contradicted |= bool(self.id and self.id != answer["id"])
            self.id = answer["id"]
            self.ids = [answer["id"]]
        else:
            self.refused.append(f"{status} {answer['error']['code']}")


def plan(seed: str, generations: int) -> list[Wish]:
    """Return the wishes of one user, for exactly so many generations."""
    chance = random.Random(seed)  # noqa: S311 - a storm is to be repeatable
    wishes: list[Wish] = []
    while generations > 0:
        wishes.append(_single(chance))
        generations -= len(wishes[-1].items)
    return wishes


def _single(chance: random.Random) -> Wish:
    item = _item(chance)
    return Wish(_key(chance), "/generations", item, [item], chance.random() < 0.08)


def _item(chance: random.Random) -> dict[str, Any]:
    model, params, _ = chance.choices(CHOICES, [weight for _, _, weight in CHOICES])[0]
    return {"model": model, "prompt": f"a lighthouse in storm {chance.randrange(1000)}", "params": params}


def _key(chance: random.Random) -> str:
    return f"wish-{chance.getrandbits(64):016x}"
