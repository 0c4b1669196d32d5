"""Credits for routes that are not generations: sign-in, a look at the balance, or a price around the whole view."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import uuid4

import structlog
from flask import Response, make_response, request
from pydantic import ValidationError

from backend.errors import AppError, InsufficientCredits
from backend.rpc.credits import confirm_reservation, get_credit_balance, release_reservation, reserve_credits
from backend.web.auth import current_caller, user
from backend.web.context import deps
from backend.web.errors import refuse_invalid
from backend.web.schemas import SpendHeaders

log = structlog.get_logger(__name__)

View = Callable[..., Any]


def require_auth(view: View) -> View:
    """Let only signed-in users in; for a route of a blueprint that is public otherwise."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        user()
        return view(*args, **kwargs)

    return guarded


def require_credits(credits: int) -> Callable[[View], View]:
    """Refuse early with 402 who has fewer credits; a look only, nothing is held."""

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(*args: Any, **kwargs: Any) -> Any:
            available = get_credit_balance(current_caller())["available"]
            if available < credits:
                raise InsufficientCredits(available=available, required=credits)
            return view(*args, **kwargs)

        return checked

    return decorate


def consume_credits(credits: int, action: str) -> Callable[[View], View]:
    """Hold the price before the view, take it when the view succeeds, give it back when it raises or answers >= 400.

    When the process dies in between, the hold runs out by itself. One key runs the view once: a repeat is 409.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def charged(*args: Any, **kwargs: Any) -> Response:
            key = _key()
            reservation_id = _hold(credits, action, key)
            try:
                response = make_response(view(*args, **kwargs))
            except BaseException:
                _give_back(reservation_id, action)
                raise
            if response.status_code >= 400:
                _give_back(reservation_id, action)
            else:
                confirm_reservation(deps().rpc.as_service(), reservation_id=reservation_id)
            response.headers["Idempotency-Key"] = key
            return response

        return charged

    return decorate


def _key() -> str:
    given = request.headers.get("Idempotency-Key")
    try:
        return SpendHeaders.model_validate({} if given is None else {"Idempotency-Key": given}).key
    except ValidationError as error:
        refuse_invalid(error)


def _hold(credits: int, action: str, key: str) -> str:
    # A reference of its own makes every repeat of the key another request, so no view runs twice on one hold.
    reference = f"{action}:{uuid4().hex}"
    held = reserve_credits(current_caller(), amount=credits, idempotency_key=key, reference=reference)
    return str(held["id"])


def _give_back(reservation_id: str, action: str) -> None:
    try:
        release_reservation(deps().rpc.as_service(), reservation_id=reservation_id, reason=f"{action} failed")
    except AppError as error:
        log.warning("release_failed", reservation_id=reservation_id, code=error.code)  # the hold runs out by itself
