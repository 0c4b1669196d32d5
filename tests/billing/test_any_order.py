"""Any interleaving of what may happen to payments, against the local Stripe and the real SQL.

SCRIP_STORIES=500 pytest tests/billing/test_any_order.py     the long run
"""

from __future__ import annotations

import os
from random import Random

import pytest

from tests.billing.conftest import opened
from tests.billing.story import Story
from tests.worker.world import World

STORIES = int(os.environ.get("SCRIP_STORIES", "4"))
BEGINNING = [("checkout", 1), ("checkout", 2), ("pay", 1), ("pay", 2)]
HOW_OFTEN = {
    **{"checkout": 3, "pay": 4, "settle": 2, "expire": 1, "spend": 4, "bring": 6, "rush": 1, "heal": 1},
    **{"refund": 3, "refund_as_admin": 2, "fail_refund": 1, "dispute": 3, "decide": 4},
}


@pytest.mark.parametrize("seed", range(1, STORIES + 1))
def test_net_credits_are_what_was_bought_less_what_was_reversed(world: World, seed: int) -> None:
    """Regression: P1, P2, P3, P5, P7, P11 and P14: in any order, doubled, reordered, dropped and healed."""
    random = Random(seed)
    names = random.choices([*HOW_OFTEN], [*HOW_OFTEN.values()], k=random.randint(35, 60))
    with opened(world) as shop:
        story = Story(shop)
        story.play(BEGINNING + [(name, random.randrange(10_000)) for name in names])
        story.check()
