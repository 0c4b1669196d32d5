"""What users ask for: a seeded list of single generations and batches, and what they were answered."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

# (model, params, weight). Small and quick.
CHOICES: tuple[tuple[str, dict[str, Any], int], ...] = (
    ("fal/flux-schnell", {"width": 256, "height": 256, "num_images": 1}, 8),
    ("fal/sdxl", {"width": 256, "height": 256, "num_images": 2}, 2),
    ("local/picture", {"width": 64, "height": 64, "num_images": 1}, 2),
    ("local/flaky", {"fail_times": 1}, 1),
    ("local/always-fails", {}, 1),
)
# What fal is told to let an order experience, and how often. Failures come by dice on top, see storm.py.
FATES: tuple[tuple[str, int], ...] = (
    ("", 10),
    ("slow=1", 5),
    ("slow=1, webhook=twice", 2),
    ("webhook=late", 2),
    ("slow=1, webhook=never", 2),
    ("webhook=early", 2),
    ("webhook=forged", 2),
    ("drop", 2),
    ("gone", 1),
    ("refused", 1),
)

BATCHES, MOST_ITEMS = 0.15, 8  # how many wishes are batches, and of how many items at most
RETRIED = 0.6  # how many batches have their failed items tried again


@dataclass
class Wish:
    """One request of one user."""

    key: str
    path: str
    body: dict[str, Any]
    items: list[dict[str, Any]]
    regretted: bool
    retried: bool = False
    retries: int = 0
    id: str = ""
    refused: list[str] = field(default_factory=list)
    contradicted: bool = False

    def note(self, status: int, answer: dict[str, Any]) -> None:
        """Keep an answer; two that differ for one key contradict each other."""
        if status == 202:
            self.contradicted |= bool(self.id and self.id != answer["id"])
            self.id = answer["id"]
        else:
            self.refused.append(f"{status} {answer['error']['code']}")


def plan(seed: str, generations: int, *, fates: bool = True) -> list[Wish]:
    """Return the wishes of one user, for exactly so many generations; `fates` lets fal be told to misbehave."""
    chance = random.Random(seed)  # noqa: S311 - a storm is to be repeatable
    wishes: list[Wish] = []
    while generations > 0:
        size = min(generations, chance.randint(2, MOST_ITEMS))
        wishes.append(_batch(chance, size, fates) if chance.random() < BATCHES and size > 1 else _single(chance, fates))
        generations -= len(wishes[-1].items)
    return wishes


def asked_for(wishes: Iterable[Wish]) -> dict[str, int]:
    """Return how many generations were asked for one by one, how many in batches, and in how many."""
    sizes = [(wish.path, len(wish.items)) for wish in wishes]
    batched = [size for path, size in sizes if path == "/batches"]
    return {"single": len(sizes) - len(batched), "in batches": sum(batched), "batches": len(batched)}


def _single(chance: random.Random, fates: bool) -> Wish:
    item = _item(chance, fates)
    return Wish(_key(chance), "/generations", item, [item], chance.random() < 0.08)


def _batch(chance: random.Random, size: int, fates: bool) -> Wish:
    items = [_item(chance, fates) for _ in range(size)]
    return Wish(
        _key(chance),
        "/batches",
        {"items": items, "partial": False},
        items,
        chance.random() < 0.08,
        chance.random() < RETRIED,
    )


def _item(chance: random.Random, fates: bool) -> dict[str, Any]:
    model, params, _ = chance.choices(CHOICES, [weight for _, _, weight in CHOICES])[0]
    fate = chance.choices([fate for fate, _ in FATES], [weight for _, weight in FATES])[0]
    told = f" [fal:{fate}]" if fates and fate and model.startswith("fal/") else ""
    return {"model": model, "prompt": f"a lighthouse in storm {chance.randrange(1000)}{told}", "params": params}


def _key(chance: random.Random) -> str:
    return f"wish-{chance.getrandbits(64):016x}"
