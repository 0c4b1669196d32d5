"""What repeats: plans, the user's subscription, automatic top-up. A plan is bought at POST /billing/checkout."""

from __future__ import annotations

from typing import Any

from backend.errors import PackageNotFound, RateLimited, UserNotFound
from backend.rpc import subscriptions as rpc
from backend.rpc import topups
from backend.web.auth import current_caller
from backend.web.context import deps
from backend.web.openapi import answers, blueprint, user_answers
from backend.web.subscription_schemas import AutoTopupSettings, CurrentAutoTopup, CurrentSubscription, PlanList

plans = blueprint("plans", __name__, prefix="/api/v1/billing/plans", tag="billing")
bp = blueprint("subscriptions", __name__, prefix="/api/v1/billing", tag="billing", signed_in=True)


@plans.get("", responses=answers(PlanList, RateLimited))
def index() -> dict[str, Any]:
    """List the plans, their prices and what becomes of unused credits."""
    return {"data": rpc.list_plans(deps().rpc.as_anon())}


@bp.get("/subscription", responses=user_answers(CurrentSubscription))
def subscription() -> dict[str, Any]:
    """Show the subscription; it is changed and cancelled in the billing portal."""
    return {"subscription": rpc.get_subscription(current_caller())}


@bp.get("/auto-topup", responses=user_answers(CurrentAutoTopup))
def auto_topup() -> dict[str, Any]:
    """Show whether, when and what is bought automatically."""
    return {"auto_topup": topups.get_auto_topup(current_caller())}


@bp.put("/auto-topup", responses=user_answers(CurrentAutoTopup, PackageNotFound, UserNotFound))
def set_auto_topup(body: AutoTopupSettings) -> dict[str, Any]:
    """Have a package bought with the saved card whenever the credits fall below the threshold, or stop that."""
    return {"auto_topup": topups.set_auto_topup(current_caller(), **body.model_dump())}
