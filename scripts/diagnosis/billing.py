"""Whether money can come in: Stripe's key and its mode, the webhook, what is sold, and what waits for people."""

from __future__ import annotations

import psycopg

from backend.config import LIVE_KEYS
from scripts.diagnosis.answers import said
from scripts.diagnosis.findings import Check, Finding, fail, ok, skip, warn
from scripts.diagnosis.patient import Patient

STRIPE = "https://api.stripe.com"
KEYS = "dashboard.stripe.com > Developers > API keys"
PAGE = "docs/billing.md"
MIGRATE = ".venv/bin/python scripts/migrate.py up"
NO_KEY = "not needed without STRIPE_SECRET_KEY"
_SOURCES = """
select count(*) filter (where source = 'webhook'), count(*) filter (where source = 'poller')
  from private.stripe_events where received_at > now() - interval '1 day'
"""


def key(patient: Patient) -> list[Finding]:
    """Stripe takes the key, which is of the mode that this installation is for."""
    settings = patient.settings
    if not settings.stripe_secret_key:
        judge = [warn("STRIPE_SECRET_KEY is not set: nothing can be bought", f"Copy it from {KEYS}; {PAGE}#set-up")]
        return [ok("none, so nothing is sold")] if settings.app_env == "local" else judge
    secret = settings.stripe_secret_key.get_secret_value()
    base = settings.stripe_api_base or STRIPE
    # What the healer asks for; a restricted key needs this right as well.
    answer = patient.ask("GET", f"{base}/v1/events", party="Stripe", params={"limit": "1"}, auth=(secret, ""))
    if answer.status_code == 401:
        return [fail("Stripe refuses STRIPE_SECRET_KEY", f"Copy it anew from {KEYS}: was it rolled?")]
    if answer.status_code == 403:
        return [fail("STRIPE_SECRET_KEY is restricted and may not read events", f"Its rights: {PAGE}#set-up")]
    if answer.status_code != 200:
        return [fail(f"{base} answers {said(answer)}", "Try again; is it down? status.stripe.com")]
    return [_mode(secret.startswith(LIVE_KEYS), settings.app_env)]


def _mode(live: bool, app_env: str) -> Finding:
    if live and app_env != "production":
        return warn(f"a live key in {app_env}: real money moves here", f"Use the test mode's key from {KEYS}.")
    if not live and app_env == "production":
        return warn("a test key in production: no money moves", f"Going live: {PAGE}#going-live")
    return ok("Stripe takes it; live mode" if live else "Stripe takes it; test mode, no money moves")


def webhook(patient: Patient) -> list[Finding]:
    """Stripe can tell us what happened."""
    settings = patient.settings
    if not settings.stripe_secret_key:
        return [ok(NO_KEY)]
    if not settings.stripe_webhook_secret:
        cause = f"STRIPE_WEBHOOK_SECRET is not set: credits come up to {settings.schedule_heal_seconds:.0f} s late"
        return [fail(cause, f"Make the endpoint /api/v1/webhooks/stripe and copy its signing secret: {PAGE}#set-up")]
    return [ok("open, and it checks signatures")]


def deliveries(patient: Patient) -> list[Finding]:
    """What Stripe tells arrives by the webhook, and not only when the healer asks."""
    if not patient.settings.stripe_secret_key:
        return [ok(NO_KEY)]
    try:
        with patient.database() as connection:
            told, found = connection.execute(_SOURCES).fetchone() or (0, 0)
    except psycopg.errors.QueryCanceled:
        return [skip("there are too many events to be counted in passing")]
    if found and not told:
        cause = f"no webhook in a day, while the healer found {found} events: wrong address, or wrong secret"
        return [fail(cause, "Compare with dashboard.stripe.com > Developers > Webhooks: address, secret, failures.")]
    return [ok(f"{told} by webhook, {found} by the healer in a day")]


def packages(patient: Patient) -> list[Finding]:
    """Something is sold."""
    answer = patient.rpc("list_packages", patient.settings.publishable_key)
    if answer.status_code != 200:
        return [fail(f"list_packages() answers {said(answer)}", MIGRATE)]
    sold = [str(one["id"]) for one in answer.json()]
    if not sold and patient.settings.stripe_secret_key:
        mend = "Activate one: update public.credit_packages set active = true where id = '...';"
        return [warn("no package is active: people have nothing to buy", mend)]
    return [ok(f"{len(sold)} for sale" + (f": {', '.join(sold)}" if sold else ""))]


def waiting(patient: Patient) -> list[Finding]:
    """No event was given up, and no payment stopped."""
    answer = patient.rpc("get_alert_facts", patient.secret_key)
    if answer.status_code != 200:
        return [fail(f"get_alert_facts() answers {said(answer)}", MIGRATE)]
    facts, found = answer.json(), []
    if facts["parked_events"]:
        mend = f"See why, mend it, retry: GET /api/v1/admin/payments/events; {PAGE}#an-event-is-parked"
        found.append(fail(f"{facts['parked_events']} events of Stripe are parked", mend))
    if facts["flagged_payments"]:
        cause = f"{facts['flagged_payments']} payments are flagged: paid is not what was sold, no credits given"
        found.append(warn(cause, f"Compare each with Stripe's dashboard: {PAGE}#a-payment-is-flagged"))
    return found or [ok("none")]


_SETTLED = ("variables", "database", "migrations")
_UNDER = ("database", "migrations", "functions")
CHECKS = (
    Check("stripe key", "Billing", key, needs=("variables",)),
    Check("stripe webhook", "Billing", webhook, needs=("variables",), because=("stripe key",)),
    Check("stripe deliveries", "Billing", deliveries, needs=_SETTLED, because=("stripe webhook",)),
    Check("packages", "Billing", packages, needs=("rest",), because=_UNDER),
    Check("parked events", "Billing", waiting, needs=("rest",), because=_UNDER),
)
