"""Every refusal of Scrip: one small class per code, and the translation of a database refusal into one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any


class AppError(Exception):
    """The request was refused."""

    code: str
    status: int

    def __init__(self, message: str | None = None, /, **details: Any) -> None:
        self.message = message or (type(self).__doc__ or "").strip()
        self.details: dict[str, Any] = details
        super().__init__(self.message)


class InvalidAmount(AppError):
    """The amount must be a whole number of credits above zero."""

    code, status = "invalid_amount", 400


class InvalidSignature(AppError):
    """The signature is missing, wrong or too old."""

    code, status = "invalid_signature", 400


class Unauthenticated(AppError):
    """A valid access token is required."""

    code, status = "unauthenticated", 401


class InsufficientCredits(AppError):
    """There are not enough credits for this."""

    code, status = "insufficient_credits", 402


class PaymentDeclined(AppError):
    """The bank declined the payment."""

    code, status = "payment_declined", 402


class Forbidden(AppError):
    """This is not allowed for your account."""

    code, status = "forbidden", 403


class FeatureDisabled(AppError):
    """This feature is switched off at the moment."""

    code, status = "feature_disabled", 403


class NotFound(AppError):
    """There is nothing at this address."""

    code, status = "not_found", 404


class ModelNotFound(AppError):
    """There is no such model."""

    code, status = "model_not_found", 404


class GenerationNotFound(AppError):
    """There is no such generation."""

    code, status = "generation_not_found", 404


class BatchNotFound(AppError):
    """There is no such batch."""

    code, status = "batch_not_found", 404


class ReservationNotFound(AppError):
    """There is no such reservation."""

    code, status = "reservation_not_found", 404


class TransactionNotFound(AppError):
    """There is no such transaction."""

    code, status = "transaction_not_found", 404


class PackageNotFound(AppError):
    """There is no such package, or it is not sold any more."""

    code, status = "package_not_found", 404


class PlanNotFound(AppError):
    """There is no such plan, or it is not sold any more."""

    code, status = "plan_not_found", 404


class PromoCodeNotFound(AppError):
    """There is no such code, or it can't be redeemed now."""

    code, status = "promo_code_not_found", 404


class PaymentNotFound(AppError):
    """There is no such payment."""

    code, status = "payment_not_found", 404


class EventNotFound(AppError):
    """There is no such event."""

    code, status = "event_not_found", 404


class UserNotFound(AppError):
    """There is no such user."""

    code, status = "user_not_found", 404


class MethodNotAllowed(AppError):
    """This address does not answer that method."""

    code, status = "method_not_allowed", 405


class IdempotencyKeyReused(AppError):
    """This idempotency key was already used for another request."""

    code, status = "idempotency_key_reused", 409


class InvalidState(AppError):
    """This can't be done in its present state."""

    code, status = "invalid_state", 409


class PromoCodeRedeemed(AppError):
    """You have redeemed this code already."""

    code, status = "promo_code_redeemed", 409


class StaleAttempt(AppError):
    """Another attempt has taken over."""

    code, status = "stale_attempt", 409


class PayloadTooLarge(AppError):
    """The request body is too large."""

    code, status = "payload_too_large", 413


class InvalidParams(AppError):
    """The request is malformed."""

    code, status = "invalid_params", 422


class RateLimited(AppError):
    """Too many requests; try again later."""

    code, status = "rate_limited", 429


class Internal(AppError):
    """Something went wrong on our side."""

    code, status = "internal", 500


class Unavailable(AppError):
    """A part of the service can't be reached; try again shortly."""

    code, status = "unavailable", 503


class PaymentsNotConfigured(AppError):
    """Payments are not set up here."""

    code, status = "payments_not_configured", 503


class ProviderNotConfigured(AppError):
    """What runs this model is not set up here."""

    code, status = "provider_not_configured", 503


BY_CODE: dict[str, type[AppError]] = {kind.code: kind for kind in AppError.__subclasses__()}

# A real conflict between two transactions: running the whole call again is the answer to it.
CONFLICTS = ("40001", "40P01")
# Connection lost, resources used up, operator intervened or timed out, lock not had in time, database read-only
# (a hosted project does that when its disk is full), and PostgREST or the gateway before it saying the same.
_OUTAGE = re.compile(r"08...|53...|57...|55P03|25006|PGRST00[0-3]|429|50[234]|52\d|530")
_BAD_TOKEN = re.compile(r"PGRST30[123]")
_REFUSAL = re.compile(r"PT4\d\d")


def from_sql(state: str | None, message: str | None, detail: object = None, hint: str | None = None) -> AppError:
    """Return the error that a database refusal means; what nobody foresaw becomes Internal."""
    state, message = state or "", message or ""
    if message == Internal.code:  # its detail and hint are for us
        return Internal()
    if state.startswith("PT") and message in BY_CODE:
        return BY_CODE[message](hint, **_details(detail))
    if _REFUSAL.fullmatch(state) and re.fullmatch(r"[a-z_]+", message):
        return _newer_refusal(message, int(state[2:]), hint, _details(detail))
    if state in CONFLICTS or _OUTAGE.fullmatch(state):
        return Unavailable()
    return Unauthenticated() if _BAD_TOKEN.fullmatch(state) else Internal()


def _details(detail: object) -> dict[str, Any]:
    try:
        found = json.loads(detail) if isinstance(detail, str) else detail
    except ValueError:
        return {}
    return {str(key): value for key, value in found.items()} if isinstance(found, Mapping) else {}


def _newer_refusal(code: str, status: int, hint: str | None, details: dict[str, Any]) -> AppError:
    """Return a refusal that a newer schema knows and this release does not: it stays a refusal, never a 500."""
    refusal = AppError(hint, **details)
    refusal.code, refusal.status = code, status
    return refusal
