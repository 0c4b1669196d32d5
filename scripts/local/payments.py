"""Which Stripe a stack uses: the local one, or real test mode when the caller's environment holds a test key."""

from __future__ import annotations

import os
from collections.abc import Mapping

from scripts.local.places import Places
from scripts.local.secrets import load_password

TEST_KEYS = ("sk_test_", "rk_test_")
LOCAL_KEY = "sk_test_local_"
PASSED_ON = ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET")


class LiveKey(RuntimeError):
    """A key that moves real money, where only test keys may be."""


def own_account(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The caller's keys of Stripe's test mode; none when there is no key."""
    key = environ.get("STRIPE_SECRET_KEY", "")
    if key.startswith(LOCAL_KEY):  # of another stack, whose variables were loaded into this shell
        return {}
    if key and not key.startswith(TEST_KEYS):
        raise LiveKey("STRIPE_SECRET_KEY in your environment is no test key (sk_test_...): unset it to go on.")
    return {name: environ[name] for name in PASSED_ON if environ.get(name)} if key else {}


def local_keys(places: Places) -> dict[str, str]:
    """The keys of the local Stripe of a stack, made up on first use."""
    return {
        "STRIPE_SECRET_KEY": f"{LOCAL_KEY}{load_password(places.home / 'stripe_key')}",
        "STRIPE_WEBHOOK_SECRET": f"whsec_{load_password(places.home / 'stripe_webhook_key')}",
    }
