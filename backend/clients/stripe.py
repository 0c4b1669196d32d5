"""Stripe, through its own SDK: plain dicts in and out, its errors as ours. The only file that imports stripe."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import stripe
import structlog
from stripe import StripeClient

from backend.config import LIVE_KEYS, Settings
from backend.errors import (
    IdempotencyKeyReused,
    InvalidSignature,
    PaymentDeclined,
    PaymentsNotConfigured,
    Unavailable,
)

log = structlog.get_logger(__name__)

SECONDS = (3.05, 20.0)  # to connect, to wait for an answer
RETRIES = 2  # by the SDK, with one and the same idempotency key
TOLERANCE = 300  # seconds that a webhook's signature stays good
PAGE = 100

Params = Mapping[str, Any]
Object = dict[str, Any]

stripe.enable_telemetry = False


class StripeRefusal(PaymentsNotConfigured):
    """Stripe refuses what this installation asks for; whoever runs it finds why in the log, under stripe_refused."""

    def __init__(self, stripe_code: str | None, status: int | None, param: str | None = None) -> None:
        super().__init__(reason=stripe_code, param=param)
        self.stripe_code, self.param = stripe_code, param
        self.missing = stripe_code == "resource_missing" or status == 404


class Stripe:
    """What Scrip asks of Stripe. Every call may raise Unavailable, PaymentsNotConfigured or StripeRefusal.

    Amounts are in the currency's smallest unit. `params` and what is returned have the shapes of the API version that
    the SDK pins; `key` is the idempotency key: a repeated call with it does nothing new.
    """

    def __init__(self, settings: Settings) -> None:
        self._webhook_secret = settings.stripe_webhook_secret
        self._made: StripeClient | None = None
        self.live = False  # whether real money moves
        if settings.stripe_secret_key:
            self.live = settings.stripe_secret_key.get_secret_value().startswith(LIVE_KEYS)
            self._made = StripeClient(
                settings.stripe_secret_key.get_secret_value(),
                base_addresses={"api": settings.stripe_api_base} if settings.stripe_api_base else {},
                max_network_retries=RETRIES,
                http_client=stripe.RequestsClient(timeout=SECONDS),  # it keeps one session per thread
            )

    @property
    def configured(self) -> bool:
        """Tell whether there is a key."""
        return self._made is not None

    @property
    def _client(self) -> StripeClient:
        if self._made is None:
            raise PaymentsNotConfigured("Payments are not set up here: STRIPE_SECRET_KEY is empty.")
        return self._made

    def create_customer(self, params: Params, *, key: str) -> Object:
        """Create a customer."""
        return self._post("/v1/customers", params, key)

    def retrieve_customer(self, customer_id: str, *, expand: Sequence[str] = ()) -> Object:
        """Return a customer; one that was deleted says `deleted: true`."""
        return self._get(f"/v1/customers/{customer_id}", {"expand": [*expand]})

    def create_checkout_session(self, params: Params, *, key: str) -> Object:
        """Create a checkout session, whose `url` is where people pay."""
        return self._post("/v1/checkout/sessions", params, key)

    def retrieve_checkout_session(self, session_id: str, *, expand: Sequence[str] = ()) -> Object:
        """Return a checkout session as it is now."""
        return self._get(f"/v1/checkout/sessions/{session_id}", {"expand": [*expand]})

    def expire_checkout_session(self, session_id: str) -> Object:
        """Close an open checkout session, so that nobody can pay it any more."""
        return self._post(f"/v1/checkout/sessions/{session_id}/expire", {}, None)

    def create_payment_intent(self, params: Params, *, key: str) -> Object:
        """Create a payment, off session too; raises PaymentDeclined when the bank says no."""
        return self._post("/v1/payment_intents", params, key)

    def retrieve_payment_intent(self, payment_intent_id: str, *, expand: Sequence[str] = ()) -> Object:
        """Return a payment as it is now."""
        return self._get(f"/v1/payment_intents/{payment_intent_id}", {"expand": [*expand]})

    def list_payment_methods(self, customer_id: str) -> list[Object]:
        """Return the cards and the like that a customer has left for later payments, newest first."""
        return self._list(f"/v1/customers/{customer_id}/payment_methods", {})

    def retrieve_charge(self, charge_id: str, *, expand: Sequence[str] = ()) -> Object:
        """Return a charge as it is now; its refunds only when `expand` names them."""
        return self._get(f"/v1/charges/{charge_id}", {"expand": [*expand]})

    def create_refund(self, params: Params, *, key: str) -> Object:
        """Give money back; more than is left is a StripeRefusal."""
        return self._post("/v1/refunds", params, key)

    def list_refunds(self, payment_intent_id: str) -> list[Object]:
        """Return every refund of a payment, newest first."""
        return self._list("/v1/refunds", {"payment_intent": payment_intent_id})

    def list_disputes(self, payment_intent_id: str) -> list[Object]:
        """Return every dispute about a payment, newest first."""
        return self._list("/v1/disputes", {"payment_intent": payment_intent_id})

    def retrieve_invoice(self, invoice_id: str, *, expand: Sequence[str] = ()) -> Object:
        """Return an invoice as it is now; its payments only when `expand` names them."""
        return self._get(f"/v1/invoices/{invoice_id}", {"expand": [*expand]})

    def list_invoices(self, params: Params) -> list[Object]:
        """Return every invoice that the filters `customer`, `subscription`, `status`, `created` leave, newest first."""
        return self._list("/v1/invoices", params)

    def list_invoice_lines(self, invoice_id: str) -> list[Object]:
        """Return every line of an invoice."""
        return self._list(f"/v1/invoices/{invoice_id}/lines", {})

    def list_invoice_payments(self, payment_intent_id: str) -> list[Object]:
        """Return which invoices a payment is for."""
        return self._list(
            "/v1/invoice_payments", {"payment": {"type": "payment_intent", "payment_intent": payment_intent_id}}
        )

    def retrieve_subscription(self, subscription_id: str, *, expand: Sequence[str] = ()) -> Object:
        """Return a subscription as it is now; its periods are those of its items."""
        return self._get(f"/v1/subscriptions/{subscription_id}", {"expand": [*expand]})

    def update_subscription(self, subscription_id: str, params: Params, *, key: str) -> Object:
        """Change price, proration or the wish to end with the period."""
        return self._post(f"/v1/subscriptions/{subscription_id}", params, key)

    def cancel_subscription(self, subscription_id: str, *, key: str) -> Object:
        """End a subscription at once."""
        return self._call("delete", f"/v1/subscriptions/{subscription_id}", {}, key)

    def create_price(self, params: Params, *, key: str) -> Object:
        """Create a price, with its product when `product_data` describes one."""
        return self._post("/v1/prices", params, key)

    def create_portal_session(self, params: Params, *, key: str | None) -> Object:
        """Create a session of the billing portal, whose `url` is where people manage what they pay."""
        return self._post("/v1/billing_portal/sessions", params, key)

    def list_events(self, *, after: str | None = None, since: int = 0, limit: int = PAGE) -> list[Object]:
        """Return at most `limit` (up to 100) events that follow `after`, oldest first.

        Without `after`: all events that are not older than `since` (seconds since 1970). Stripe keeps events for 30
        days; an older `after` is a StripeRefusal that is `missing`.
        """
        if after:
            page = self._get("/v1/events", {"ending_before": after, "limit": limit})
            return list(reversed(page["data"]))
        return list(reversed(self._list("/v1/events", {"created": {"gte": since}})))

    def verify_webhook(self, payload: bytes, signature: str | None) -> Object:
        """Return the event of a webhook; raises InvalidSignature when it is not Stripe's, or too old."""
        if self._webhook_secret is None:
            raise PaymentsNotConfigured("This webhook is closed: STRIPE_WEBHOOK_SECRET is empty.")
        secret = self._webhook_secret.get_secret_value()
        try:
            stripe.WebhookSignature.verify_header(payload, signature, secret, TOLERANCE)
            event = json.loads(payload)
        except (stripe.SignatureVerificationError, ValueError) as error:
            raise InvalidSignature from error
        if not isinstance(event, dict) or event.get("object") != "event":
            raise InvalidSignature
        return event

    def _get(self, path: str, params: Params) -> Object:
        return self._call("get", path, {name: value for name, value in params.items() if value != []}, None)

    def _post(self, path: str, params: Params, key: str | None) -> Object:
        return self._call("post", path, params, key)

    def _list(self, path: str, params: Params) -> list[Object]:
        """Return all pages, newest first."""
        found: list[Object] = []
        more: Params = {}
        while True:
            page = self._get(path, {**params, **more, "limit": PAGE})
            found += page["data"]
            if not page["has_more"]:
                return found
            more = {"starting_after": found[-1]["id"]}

    def _call(self, method: str, path: str, params: Params, key: str | None) -> Object:
        options = {"idempotency_key": key} if key else {}
        client = self._client
        return _ours(lambda: client.raw_request(method, path, **params, **options), path)


def _ours(call: Callable[[], stripe.StripeResponse], path: str) -> Object:
    try:
        return dict(json.loads(call().body))
    except stripe.CardError as error:
        raise _declined(error) from error
    except stripe.IdempotencyError as error:
        raise IdempotencyKeyReused from error
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        log.error("stripe_key_refused", path=path, reason=error.user_message, stripe_request_id=error.request_id)
        raise PaymentsNotConfigured("Stripe refuses the key in STRIPE_SECRET_KEY.") from error
    except (stripe.APIConnectionError, stripe.RateLimitError) as error:
        raise Unavailable from error
    except stripe.StripeError as error:
        if (error.http_status or 500) >= 500 or error.http_status == 409:
            raise Unavailable from error
        log.error(
            "stripe_refused",
            path=path,
            status=error.http_status,
            code=error.code,
            param=getattr(error, "param", None),
            reason=error.user_message,
            stripe_request_id=error.request_id,
        )
        raise StripeRefusal(error.code, error.http_status, getattr(error, "param", None)) from error


def _declined(error: stripe.CardError) -> PaymentDeclined:
    said: Any = (error.json_body or {}).get("error", {}) if isinstance(error.json_body, dict) else {}
    payment_intent = said.get("payment_intent") or {}
    return PaymentDeclined(
        error.user_message, reason=said.get("decline_code") or error.code, payment_intent=payment_intent.get("id")
    )
