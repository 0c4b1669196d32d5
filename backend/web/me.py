"""The signed-in user."""

from __future__ import annotations

from typing import Any

from backend.errors import UserNotFound
from backend.rpc.account import get_me
from backend.web.auth import current_caller, current_user
from backend.web.openapi import blueprint, user_answers
from backend.web.schemas import Me

bp = blueprint("me", __name__, prefix="/api/v1/me", tag="account", signed_in=True)


@bp.get("", responses=user_answers(Me, UserNotFound))
def show() -> dict[str, Any]:
    """Show who is signed in, with role and credits."""
    return {**get_me(current_caller()), "email": current_user().email}
