"""Automatic top-up end to end: settings over HTTP, the scheduler's and the worker's code, and the local Stripe."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from backend.core import healing, topups
from backend.worker import jobs
from tests.billing.conftest import BILLING, Shop
from tests.web.person import Person

Json = Any
WISH = {"enabled": True, "threshold": 20, "package_id": "credits-50", "monthly_cap_cents": 2000}


def wanting(shop: Shop, *, card: str | None = "pm_card_visa", left: int = 5) -> Person:
    """Somebody with a saved card, few credits, and the wish."""
    alice = shop.person()
    params = {"payment_method": card} if card else {}
    customer = shop.deps.stripe.create_customer(params, key=f"customer-{alice.id}")["id"]
    shop.world.sql.as_service("store_stripe_customer", p_user_id=str(alice.id), p_customer_id=customer)
    assert put(alice).status_code == 200
    spend(shop, alice, 25 - left)
    return alice


def put(person: Person, **other: Json) -> Any:
    """Set it."""
    return person.ask("PUT", f"{BILLING}/auto-topup", json=WISH | other)


def settings(person: Person) -> Json:
    """Read it."""
    return person.get(f"{BILLING}/auto-topup").json["auto_topup"]


def spend(shop: Shop, person: Person, credits: int) -> None:
    """Take credits for good."""
    hold = shop.world.sql.reserve(person.id, credits)
    shop.world.sql.as_service("confirm_reservation", p_reservation_id=hold["id"], p_amount=credits)


def due(shop: Shop, person: Person) -> bool:
    """Whether the scheduler would tell a worker."""
    return str(person.id) in shop.world.sql.as_service("list_due_auto_topups", p_limit=1000)


def wait(shop: Shop, person: Person) -> None:
    """Let the cool-down pass."""
    shop.world.connection.execute(
        "update public.auto_topups set not_before = private.clock() where user_id = %s", [person.id]
    )


def intents(shop: Shop) -> list[Json]:
    """What Stripe was asked to charge."""
    return [*shop.stripe.state.all("payment_intent")]


def told(shop: Shop, person: Person) -> list[tuple[str, str]]:
    """What the user was told."""
    query = "select kind, data ->> 'reason' from notices where user_id = %s and kind like 'auto%%' order by id"
    return shop.world.connection.execute(query, [person.id]).fetchall()


def test_credits_are_bought_when_they_run_low(shop: Shop) -> None:
    """Opt-in, told to a worker, charged without the person, booked at once; the events that follow change nothing."""
    stranger = shop.person()
    assert settings(stranger) is None
    alice = wanting(shop)
    assert topups.dispatch(shop.deps) >= 1
    assert topups.dispatch(shop.deps) == 0  # they wait there already
    jobs_of = shop.world.deps.redis.exists(f"rq:job:topup-{alice.id}")
    assert jobs_of == 1
    topups.run(shop.deps, str(alice.id))
    assert alice.available() == 55
    (bought,) = alice.get(f"{BILLING}/payments").json["data"]
    assert (bought["kind"], bought["status"], bought["charged_cents"]) == ("auto_topup", "paid", 799)
    assert bought["receipt_url"]
    # another installation on the same account leaves it alone
    assert intents(shop)[0]["metadata"]["project"] == shop.deps.settings.supabase_url
    shop.deliver()
    assert (alice.available(), len(intents(shop))) == (55, 1)
    topups.run(shop.deps, str(alice.id))
    assert not due(shop, alice) and len(intents(shop)) == 1


def test_parallel_jobs_charge_once(shop: Shop) -> None:
    """Regression: P13: every worker at once, and the cool-down after."""
    alice = wanting(shop)
    with ThreadPoolExecutor(6) as threads:
        [task.result() for task in [threads.submit(topups.run, shop.deps, str(alice.id)) for _ in range(12)]]
    assert (alice.available(), len(intents(shop))) == (55, 1)
    spend(shop, alice, 50)
    topups.run(shop.deps, str(alice.id))
    assert len(intents(shop)) == 1
    wait(shop, alice)
    topups.run(shop.deps, str(alice.id))
    assert (alice.available(), len(intents(shop))) == (55, 2)


@pytest.mark.parametrize("heals", ["the next job", "the event", "the list of events"])
def test_a_crash_between_charge_and_booking_heals(shop: Shop, heals: str) -> None:
    """Regression: P9: Stripe has charged, its answer is lost: the same key finds the payment, or its event does."""
    alice = wanting(shop)
    shop.stripe.control.fault(when="after", path="/v1/payment_intents", count=3)  # the SDK's own repeats, too
    topups.run(shop.deps, str(alice.id))
    assert (alice.available(), len(intents(shop))) == (5, 1)
    if heals == "the next job":
        wait(shop, alice)
        topups.run(shop.deps, str(alice.id))
    elif heals == "the event":
        shop.deliver()
    else:
        healing.read_events(shop.deps)
        shop.apply()
    assert (alice.available(), len(intents(shop))) == (55, 1)
    wait(shop, alice)
    topups.run(shop.deps, str(alice.id))
    assert len(intents(shop)) == 1


def test_before_stripe_was_asked_a_crash_costs_nothing(shop: Shop) -> None:
    """Stripe is away: nothing is charged, and later the same payment goes on."""
    alice = wanting(shop)
    shop.stripe.control.fault(when="before", path="/v1/payment_intents", count=3)
    topups.run(shop.deps, str(alice.id))
    assert (alice.available(), intents(shop)) == (5, [])
    wait(shop, alice)
    topups.run(shop.deps, str(alice.id))
    assert alice.available() == 55
    assert len(alice.get(f"{BILLING}/payments").json["data"]) == 1


def test_declined_three_times_it_stops_and_tells(shop: Shop) -> None:
    """Each try is a payment that failed; a new card and setting it again go on."""
    alice = wanting(shop, card="pm_card_chargeCustomerFail")
    for _ in range(4):
        topups.run(shop.deps, str(alice.id))
        shop.deliver()
        wait(shop, alice)
    assert (alice.available(), len(intents(shop))) == (5, 3)
    assert (settings(alice)["enabled"], settings(alice)["stopped_reason"]) == (False, "generic_decline")
    assert told(shop, alice) == [("auto_topup_stopped", "generic_decline")]
    assert {one["status"] for one in alice.get(f"{BILLING}/payments").json["data"]} == {"failed"}
    customer = shop.world.sql.as_service("get_stripe_customer", p_user_id=str(alice.id))
    shop.deps.stripe._post("/v1/payment_methods/pm_card_visa/attach", {"customer": customer}, "a new card")
    put(alice)
    wait(shop, alice)
    topups.run(shop.deps, str(alice.id))
    assert (alice.available(), settings(alice)["stopped_reason"]) == (55, None)


@pytest.mark.parametrize(("card", "reason", "asked"), [
    ("pm_card_authenticationRequired", "authentication_required", 1), (None, "no_payment_method", 0),
])  # fmt: skip
def test_what_only_a_person_can_do_stops_it_at_once(shop: Shop, card: str | None, reason: str, asked: int) -> None:
    """The bank wants to see somebody (SCA), or no card is saved: told once, and not tried again."""
    alice = wanting(shop, card=card)
    for _ in range(2):
        topups.run(shop.deps, str(alice.id))
        shop.deliver()
        wait(shop, alice)
    assert (settings(alice)["enabled"], settings(alice)["stopped_reason"]) == (False, reason)
    assert (told(shop, alice), len(intents(shop))) == ([("auto_topup_stopped", reason)], asked)


def test_the_cap_of_the_month_is_kept(shop: Shop) -> None:
    """2 x 7.99 of 20.00; a refund of one stops it, too, instead of buying the same again."""
    alice = wanting(shop)
    for _ in range(2):
        topups.run(shop.deps, str(alice.id))
        spend(shop, alice, 50)
        wait(shop, alice)
    topups.run(shop.deps, str(alice.id))
    assert (len(intents(shop)), alice.available()) == (2, 5)
    charge = shop.charge(alice.get(f"{BILLING}/payments").json["data"][0])
    shop.stripe.control.refund(charge)
    shop.deliver()
    assert settings(alice)["stopped_reason"] == "payment_reversed"


def test_settings_over_http(shop: Shop) -> None:
    """Read what was written; what could never buy anything is refused, and so is a stranger."""
    alice = shop.person()
    assert put(alice).json["auto_topup"] == settings(alice)
    for wrong, status in (
        ({"threshold": 0}, 422), ({"monthly_cap_cents": 100}, 422), ({"package_id": "none"}, 404), ({"more": 1}, 422),
    ):  # fmt: skip
        assert put(alice, **wrong).status_code == status
    assert put(alice, enabled=False).json["auto_topup"]["enabled"] is False
    assert shop.app.test_client().get(f"{BILLING}/auto-topup").status_code == 401


def test_the_job_has_the_name_that_the_queue_uses() -> None:
    """A renamed job would fail for ever."""
    assert jobs.top_up.__module__ + "." + jobs.top_up.__name__ == "backend.worker.jobs.top_up"
