"""Every refusal of Scrip: one small class per code. What the database refuses becomes one of them in refusals.py."""

from __future__ import annotations

from backend.app_error import AppError as AppError
from backend.not_found import (
    AdjustmentNotFound as AdjustmentNotFound,
)
from backend.not_found import (
    BatchNotFound as BatchNotFound,
)
from backend.not_found import (
    EventNotFound as EventNotFound,
)
from backend.not_found import (
    FlagNotFound as FlagNotFound,
)
from backend.not_found import (
    GenerationNotFound as GenerationNotFound,
)
from backend.not_found import (
    ModelNotFound as ModelNotFound,
)
from backend.not_found import (
    NotFound as NotFound,
)
from backend.not_found import (
    PackageNotFound as PackageNotFound,
)
from backend.not_found import (
    PaymentNotFound as PaymentNotFound,
)
from backend.not_found import (
    PlanNotFound as PlanNotFound,
)
from backend.not_found import (
    PromoCodeNotFound as PromoCodeNotFound,
)
from backend.not_found import (
    PromptNotFound as PromptNotFound,
)
from backend.not_found import (
    ReservationNotFound as ReservationNotFound,
)
from backend.not_found import (
    TransactionNotFound as TransactionNotFound,
)
from backend.not_found import (
    UserNotFound as UserNotFound,
)


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
