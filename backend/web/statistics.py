"""Statistics, for support staff and admins."""

from __future__ import annotations

from typing import Any

from backend.errors import FeatureDisabled, ModelNotFound
from backend.rpc.statistics import admin_get_cohorts, admin_get_statistics, admin_get_top
from backend.web.auth import current_caller
from backend.web.flags import require_flag
from backend.web.openapi import admin_answers, blueprint
from backend.web.statistics_schemas import CohortQuery, Cohorts, Statistics, StatisticsQuery, Top, TopQuery

bp = blueprint("statistics", __name__, prefix="/api/v1/admin/stats", tag="admin", signed_in=True)


@bp.get("", responses=admin_answers(Statistics, ModelNotFound, FeatureDisabled))
@require_flag("charts")
def show(query: StatisticsQuery) -> dict[str, Any]:
    """Show credits, revenue, cost, users and generations, per day, month or model."""
    return admin_get_statistics(current_caller(), **query.days, by=query.by, model=query.model)


@bp.get("/top", responses=admin_answers(Top, FeatureDisabled))
@require_flag("charts")
def top(query: TopQuery) -> dict[str, Any]:
    """Show which users and models used most credits."""
    return admin_get_top(current_caller(), **query.days, limit=query.limit)


@bp.get("/cohorts", responses=admin_answers(Cohorts, FeatureDisabled))
@require_flag("charts")
def cohorts(query: CohortQuery) -> dict[str, Any]:
    """Show buyers by the month of their first payment, and what they paid since."""
    return admin_get_cohorts(current_caller(), **query.days)
