"""A purchase as a person makes it: the app's checkout, Stripe's page in between, and the credits soon after."""

from __future__ import annotations

import time
from typing import Any

import httpx

from scripts.local.client import CallFailed, Client

WITHIN_SECONDS = 20.0  # for a machine that is busy otherwise; normally well under two
PACKAGE_CREDITS = 100
CARD = "4242424242424242"


def buy(client: Client) -> tuple[dict[str, Any], float]:
    """Buy the package of 100 credits; returns the payment, and the seconds until its credits were there."""
    package = next(one for one in client.packages() if one["credits"] == PACKAGE_CREDITS)
    before = client.balance()["balance"]
    checkout = client.checkout(package["id"])
    paid = httpx.post(checkout["url"], data={"action": "pay", "card": CARD}, timeout=20)
    if paid.status_code != 303:
        raise CallFailed(f"paying on {checkout['url']} answered {paid.status_code}: {paid.text[:300]}")
    started = time.monotonic()
    wanted = before + package["credits"] + package["bonus_credits"]
    while client.balance()["balance"] != wanted:
        if time.monotonic() - started > WITHIN_SECONDS:
            found = client.balance()["balance"]
            raise CallFailed(f"{WITHIN_SECONDS:.0f} s after the payment the balance is {found}, which must be {wanted}")
        time.sleep(0.02)
    seconds = time.monotonic() - started
    return next(one for one in client.payments() if one["id"] == checkout["payment_id"]), seconds
