"""Any interleaving of what may happen to payments, against the local Stripe and the real SQL.

SCRIP_STORIES=500 pytest tests/billing/test_any_order.py     the long run
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.billing.conftest import opened
from tests.billing.story import OFTEN, STEPS, Story
from tests.worker.world import World

STORIES = int(os.environ.get("SCRIP_STORIES", "5"))
STEP = st.tuples(st.sampled_from(STEPS + OFTEN), st.integers(0, 9999))
BEGINNING = [("checkout", 1), ("checkout", 2), ("pay", 1), ("pay", 2)]


@pytest.mark.timeout(7200)
@settings(
    max_examples=STORIES,
    deadline=None,
    database=None,
    derandomize=STORIES < 100,
    print_blob=True,
    suppress_health_check=[*HealthCheck],
)
@given(steps=st.lists(STEP, min_size=20, max_size=32))
def test_net_credits_are_what_was_bought_less_what_was_reversed(world: World, steps: list[tuple[str, int]]) -> None:
    """Regression: P1, P2, P3, P5, P7, P11 and P14: in any order, doubled, reordered, dropped and healed."""
    with opened(world) as shop:
        story = Story(shop)
        story.play(BEGINNING + steps)
        story.check()
