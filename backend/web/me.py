"""The signed-in user."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from backend.errors import UserNotFound
from backend.rpc.account import get_me
from backend.web.auth import current_caller, current_user
from backend.web.credit_schemas import Balance
from backend.web.openapi import Answer, blueprint, user_answers

bp = blueprint("me", __name__, prefix="/api/v1/me", tag="account", signed_in=True)


class Me(Answer):
    """The signed-in user."""

    id: UUID
    email: str | None
    display_name: str | None
    avatar_path: str | None
    marketing_consent: bool
    role: Literal["support", "admin", "owner"] | None
    created_at: datetime
    credits: Balance


@bp.get("", responses=user_answers(Me, UserNotFound))
def show() -> dict[str, Any]:
    """Show who is signed in, with role and credits."""
    return {**get_me(current_caller()), "email": current_user().email}
