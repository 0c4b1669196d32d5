"""The signed-in user."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from backend.errors import UserNotFound
from backend.rpc.account import get_me, set_low_balance_threshold
from backend.web.auth import current_caller, current_user
from backend.web.credit_schemas import Balance
from backend.web.openapi import Answer, blueprint, user_answers
from backend.web.schemas import Body, Integer

bp = blueprint("me", __name__, prefix="/api/v1/me", tag="account", signed_in=True)


class MeChanges(Body):
    """What to change."""

    low_balance_threshold: Integer = Field(ge=0, le=1_000_000_000, description="0: only a debt is low.")


class Me(Answer):
    """The signed-in user."""

    id: UUID
    email: str | None
    display_name: str | None
    avatar_path: str | None
    marketing_consent: bool
    low_balance_threshold: int = Field(description="The balance is low, and that is told once, below this.")
    role: Literal["support", "admin", "owner"] | None
    created_at: datetime
    credits: Balance


@bp.get("", responses=user_answers(Me, UserNotFound))
def show() -> dict[str, Any]:
    """Show who is signed in, with role and credits."""
    return {**get_me(current_caller()), "email": current_user().email}


@bp.patch("", responses=user_answers(Me, UserNotFound))
def change(body: MeChanges) -> dict[str, Any]:
    """Change when the balance is low."""
    me = set_low_balance_threshold(current_caller(), credits=body.low_balance_threshold)
    return {**me, "email": current_user().email}
