"""Every refusal of Scrip: one small class per code. What the database refuses becomes one of them in refusals.py."""

from __future__ import annotations

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


class LimitExceeded(AppError):
    """This is more than your role may do."""

    code, status = "limit_exceeded", 403


class UserSuspended(AppError):
    """This account is suspended."""

    code, status = "user_suspended", 403


class SelfApproval(AppError):
    """You asked for this yourself: somebody else must approve it."""

    code, status = "self_approval", 403


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


class PromptNotFound(AppError):
    """There is no such system prompt, or change of them."""

    code, status = "prompt_not_found", 404


class PaymentNotFound(AppError):
    """There is no such payment."""

    code, status = "payment_not_found", 404


class EventNotFound(AppError):
    """There is no such event."""

    code, status = "event_not_found", 404


class AdjustmentNotFound(AppError):
    """There is no such adjustment."""

    code, status = "adjustment_not_found", 404


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


class LastOwner(AppError):
    """This is the last owner: make somebody else an owner first."""

    code, status = "last_owner", 409


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


class Misconfigured(AppError):
    """This installation is set up wrongly: its operators must mend it."""

    code, status = "misconfigured", 503


class PaymentsNotConfigured(AppError):
    """Payments are not set up here."""

    code, status = "payments_not_configured", 503


class ProviderNotConfigured(AppError):
    """What runs this model is not set up here."""

    code, status = "provider_not_configured", 503


BY_CODE: dict[str, type[AppError]] = {kind.code: kind for kind in AppError.__subclasses__()}
