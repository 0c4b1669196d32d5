"""Refusals because there is no such thing: one small class per kind of thing."""

from __future__ import annotations

from backend.app_error import AppError


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


class FlagNotFound(AppError):
    """There is no such feature flag."""

    code, status = "flag_not_found", 404


class AdjustmentNotFound(AppError):
    """There is no such adjustment."""

    code, status = "adjustment_not_found", 404


class UserNotFound(AppError):
    """There is no such user."""

    code, status = "user_not_found", 404
