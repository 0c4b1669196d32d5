"""The client against the local Stripe, and against Stripe's own test mode when STRIPE_TEST_KEY is given."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from backend.clients.stripe import Stripe
from backend.config import load_settings
from scripts.local.stripe import Running, running
from scripts.local.stripe.settings import Settings

AROUND = {
    "SUPABASE_URL": "http://127.0.0.1:9",
    "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_x",
    "SUPABASE_SECRET_KEY": "sb_secret_x",
    "REDIS_URL": "redis://127.0.0.1:9/0",
    "SITE_URL": "http://127.0.0.1:9",
}
LIVE_KEY = os.environ.get("STRIPE_TEST_KEY", "")
LIVE = pytest.param(
    "live",
    marks=[
        pytest.mark.stripe_live,
        pytest.mark.skipif(not LIVE_KEY, reason="STRIPE_TEST_KEY is not given: only the local Stripe is asked"),
    ],
)


def client_of(**variables: str) -> Stripe:
    """A client as the app would have it with these variables."""
    return Stripe(load_settings({**AROUND, **variables}))


def client_for(fake: Running) -> Stripe:
    """The app's client, towards a local Stripe."""
    keys = fake.state.settings
    return client_of(
        STRIPE_SECRET_KEY=keys.secret_key, STRIPE_WEBHOOK_SECRET=keys.webhook_secret, STRIPE_API_BASE=fake.url
    )


@pytest.fixture
def fake() -> Iterator[Running]:
    """A local Stripe of the test's own that tells nobody."""
    with running(Settings(seed=1)) as stripe:
        yield stripe


@pytest.fixture(scope="module")
def account() -> Iterator[Stripe]:
    """A local Stripe that the tests of a module share, as they would share a real account."""
    with running() as stripe:
        yield client_for(stripe)


@pytest.fixture(params=["fake", LIVE])
def stripe(request: pytest.FixtureRequest) -> Stripe:
    """The same client twice: whatever is claimed of the local Stripe is claimed of the real one."""
    if request.param == "fake":
        found: Stripe = request.getfixturevalue("account")
        return found
    if not LIVE_KEY.startswith(("sk_test_", "rk_test_")):
        pytest.fail("STRIPE_TEST_KEY is no key of test mode")
    return client_of(STRIPE_SECRET_KEY=LIVE_KEY)
