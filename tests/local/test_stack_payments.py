"""Which Stripe a stack uses."""

from __future__ import annotations

import pytest

from scripts.local.payments import LiveKey, own_account


def test_a_test_key_of_ones_own_replaces_the_local_stripe() -> None:
    """With its webhook secret; without a key nothing of the caller is used, nor with that of another stack."""
    own = {"STRIPE_SECRET_KEY": "sk_test_1", "STRIPE_WEBHOOK_SECRET": "whsec_1"}
    assert own_account({**own, "OTHER": "1"}) == own
    assert own_account({"STRIPE_WEBHOOK_SECRET": "whsec_1"}) == {}
    assert own_account({"STRIPE_SECRET_KEY": "sk_test_local_1"}) == {}


@pytest.mark.parametrize("key", ["sk_live_1", "rk_live_1", "nonsense"])
def test_a_live_key_is_refused(key: str) -> None:
    """A stack for trying things out moves no money, and does not show the key."""
    with pytest.raises(LiveKey) as caught:
        own_account({"STRIPE_SECRET_KEY": key})
    assert key not in str(caught.value)
