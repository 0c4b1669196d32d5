"""What the doctor says about Stripe: its key, the webhook, what is sold, and what waits for people."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scripts.local.stripe import Running, running
from scripts.local.stripe.settings import Settings
from tests.factories import Sql
from tests.scripts.doctors import Clinic, blamed, only, warned
from tests.sql import payments


@pytest.fixture
def stripe() -> Iterator[Running]:
    """A local Stripe."""
    with running(Settings()) as fake:
        yield fake


def variables(stripe: Running, **other: str | None) -> dict[str, str | None]:
    """A shop that is set up."""
    keys = stripe.state.settings
    mine = {"STRIPE_SECRET_KEY": keys.secret_key, "STRIPE_WEBHOOK_SECRET": keys.webhook_secret}
    return {**mine, "STRIPE_API_BASE": stripe.url, **other}


def test_a_shop_that_is_set_up_is_sound(clinic: Clinic, stripe: Running) -> None:
    """And one without Stripe is allowed on a developer's machine, but not silently in production."""
    found = clinic.examine(**variables(stripe))
    assert not blamed(found)
    causes = {one.check: one.cause for one in found}
    assert "test mode" in causes["stripe key"] and "credits-100" in causes["packages"]
    assert "nothing can be bought" in warned(clinic.examine(APP_ENV="production"))["stripe key"][0]
    assert "no money moves" in warned(clinic.examine(APP_ENV="production", **variables(stripe)))["stripe key"][0]


def test_a_key_that_stripe_refuses_is_named(clinic: Clinic, stripe: Running) -> None:
    """It was rolled, or copied from another account."""
    assert "Stripe refuses" in only(
        clinic.examine(**variables(stripe, STRIPE_SECRET_KEY="sk_test_other")), "stripe key"
    )


def test_a_closed_webhook_is_named(clinic: Clinic, stripe: Running) -> None:
    """Credits would come with the healer only."""
    assert "late" in only(clinic.examine(**variables(stripe, STRIPE_WEBHOOK_SECRET=None)), "stripe webhook")


def test_webhooks_that_never_arrive_are_named(clinic: Clinic, stripe: Running) -> None:
    """A wrong secret or address shows in where events come from."""
    payments.record(Sql(clinic.world.connection), source="poller")
    assert "wrong address" in only(clinic.examine(**variables(stripe)), "stripe deliveries")
    payments.record(Sql(clinic.world.connection))
    assert not blamed(clinic.examine(**variables(stripe)))


def test_an_empty_shop_is_told(clinic: Clinic, stripe: Running) -> None:
    """Nothing to buy."""
    off, on = "update public.credit_packages set active = false", "update public.credit_packages set active = true"
    with clinic.broken(off, on):
        assert "nothing to buy" in warned(clinic.examine(**variables(stripe)))["packages"][0]


def test_what_waits_for_people_is_named(clinic: Clinic) -> None:
    """Parked events fail, flagged payments warn, until somebody has looked."""
    sql = Sql(clinic.world.connection)
    event, payment = payments.record(sql), payments.start(sql, sql.new_user())
    sql.as_service("fail_stripe_event", p_event_id=event, p_error="no", p_final=True)
    payments.apply(sql, payment, amount_cents=1)
    found = clinic.examine()
    assert "1 events of Stripe are parked" in only(found, "parked events")
    assert "1 payments are flagged" in warned(found)["parked events"][0]
    sql.as_service("ignore_stripe_event", p_event_id=event, p_reason="looked at")
    payments.apply(sql, payment)
    assert not blamed(clinic.examine())
