"""Buying with a promo code, from the button to the balance."""

from __future__ import annotations

import uuid

from tests.billing.conftest import BILLING, Shop


def test_a_code_adds_percent_to_a_purchase(shop: Shop) -> None:
    """The page says so, the price is that of the package, and a refund takes the share of both."""
    admin, alice, code = shop.admin(), shop.person(), f"plus-{uuid.uuid4().hex[:8]}"
    made = admin.ask("POST", "/api/v1/admin/promo-codes", json={"code": code, "bonus_percent": 20})
    assert made.status_code == 200, made.text
    ask = {"json": {"package_id": "credits-100", "promo_code": code}, "headers": {"Idempotency-Key": "promo"}}
    first, again = (alice.ask("POST", f"{BILLING}/checkout", **ask) for _ in range(2))
    assert (first.status_code, again.json) == (200, first.json)
    (session,) = shop.stripe.state.all("checkout.session")
    shop.stripe.control.pay(session["id"])
    shop.deliver()
    paid = shop.payment(alice, {"id": first.json["payment_id"]})
    assert (paid["status"], paid["credits"], paid["promo_credits"], paid["charged_cents"]) == ("paid", 120, 20, 1499)
    assert (alice.available(), session["amount_total"]) == (145, 1499)
    refused = alice.ask("POST", f"{BILLING}/checkout", json=ask["json"])
    assert (refused.status_code, refused.json["error"]["code"]) == (409, "promo_code_redeemed")
    refund = admin.ask(
        "POST", f"/api/v1/admin/payments/{paid['id']}/refund", json={"full": True, "reason": "asked for it"}
    )
    assert refund.status_code == 200, refund.text
    shop.deliver()
    assert alice.available() == 25
