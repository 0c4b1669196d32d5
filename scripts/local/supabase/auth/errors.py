"""Errors of the Auth API, worded for either version of its clients."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flask import Response, jsonify, request

API_VERSION = "2024-01-01"


@dataclass(eq=False)
class AuthError(Exception):
    """A refusal, with the code that clients look at."""

    status: int
    code: str
    message: str
    extra: dict[str, Any] = field(default_factory=dict)

    def response(self) -> Response:
        """Return the error in the form that the request's API version asks for."""
        if uses_new_api():
            body = {"code": self.code, "message": self.message, **self.extra}
        else:
            body = {"code": self.status, "error_code": self.code, "msg": self.message, **self.extra}
        response = jsonify(body)
        response.status_code = self.status
        if not (uses_new_api() and self.code == "weak_password"):
            response.headers["x-sb-error-code"] = self.code
        return response


@dataclass(eq=False)
class OAuthError(Exception):
    """A refusal in the words of OAuth, which a few places of the API use."""

    error: str
    description: str

    def response(self) -> Response:
        """Return the error; always a bad request."""
        response = jsonify(error=self.error, error_description=self.description)
        response.status_code = 400
        return response


def uses_new_api() -> bool:
    """Tell whether the client speaks the API version of 2024-01-01 or later."""
    return request.headers.get("X-Supabase-Api-Version", "") >= API_VERSION


def not_local(what: str) -> AuthError:
    """Return the refusal of something that the platform has and this stand-in has not."""
    return AuthError(501, "not_in_local_stack", f"{what} not in the local stack")


def invalid(message: str) -> AuthError:
    """Return the refusal of a request that is not well formed."""
    return AuthError(400, "validation_failed", message)


def unexpected(message: str = "Unexpected failure, please check server logs for more information") -> AuthError:
    """Return the answer to a failure that is not the caller's."""
    return AuthError(500, "unexpected_failure", message)


def weak_password(minimum: int) -> AuthError:
    """Return the refusal of a password that is too short."""
    message = f"Password should be at least {minimum} characters."
    return AuthError(422, "weak_password", message, {"weak_password": {"reasons": ["length"]}})


def email_exists() -> AuthError:
    """Return the refusal of an address that another user has."""
    return AuthError(422, "email_exists", "A user with this email address has already been registered")


def expired_otp(message: str = "Token has expired or is invalid") -> AuthError:
    """Return the refusal of a one-time token."""
    return AuthError(403, "otp_expired", message)
