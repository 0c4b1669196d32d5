"""Feature flags for admins: what is on for whom, switching, and rolling out by steps."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field

from backend.errors import FlagNotFound, InvalidState, UserNotFound
from backend.rpc.flags import admin_change_flag, admin_list_flags, admin_plan_flag
from backend.web.admin_schemas import DryRun, Reason, Role
from backend.web.auth import current_caller
from backend.web.credit_schemas import Time
from backend.web.openapi import Answer, admin_answers, blueprint
from backend.web.schemas import Body, Integer

bp = blueprint("flags_admin", __name__, prefix="/api/v1/admin/flags", tag="admin: flags", signed_in=True)
lists = blueprint("flags_list", __name__, prefix="/api/v1/admin/flags", tag="admin: flags", signed_in=True)

Version = Field(None, ge=1, le=2**31 - 1, description="The one that you have seen: refused when it is not the last.")
AnyId = Annotated[UUID, Field(strict=False)]


class FlagPath(BaseModel):
    """Which flag."""

    key: str = Field(max_length=50)


class FlagChange(Body):
    """What to change; what is left out stays as it is."""

    enabled: bool | None = Field(None, description="False: off for all.")
    percentage: Integer | None = Field(None, ge=0, le=100, description="Share of users it is on for; 100: everybody.")
    roles: list[Role] | None = Field(None, max_length=3, description="Besides: who has one of these roles.")
    users: list[AnyId] | None = Field(None, max_length=1000, description="Besides: these users.")
    version: Integer | None = Version
    reason: str = Reason
    dry_run: bool = DryRun


class NewStep(Body):
    """From when on it is on for which share of the users."""

    percentage: Integer = Field(ge=1, le=100)
    at: Time = Field(strict=False)


class NewPlan(Body):
    """The steps of a roll-out, both figures rising; none: the plan ends where it is."""

    steps: list[NewStep] = Field(max_length=20)
    version: Integer | None = Version
    reason: str = Reason
    dry_run: bool = DryRun


class Step(BaseModel):
    """A step of a roll-out."""

    percentage: int
    at: datetime
    reached: bool


class FlagRow(BaseModel):
    """A flag: on for users who are in its share, or have one of its roles, or are named."""

    key: str
    description: str
    default_on: bool = Field(description="What counts should the row be missing.")
    enabled: bool
    percentage: int = Field(description="The share now.")
    roles: list[Role]
    users: list[UUID]
    plan: list[Step] | None
    version: int
    updated_by: UUID | None = Field(description="Null: nobody since the migration that made it.")
    updated_at: datetime


class FlagList(Answer):
    """Every flag, by key."""

    data: list[FlagRow]


class FlagDetail(FlagRow, Answer):
    """A flag as it is now."""

    dry_run: bool


CHANGED = admin_answers(FlagDetail, FlagNotFound, InvalidState, UserNotFound)


@lists.get("", responses=admin_answers(FlagList))
def index() -> dict[str, Any]:
    """List every flag."""
    return {"data": admin_list_flags(current_caller())}


@bp.patch("/<key>", responses=CHANGED)
def change(path: FlagPath, body: FlagChange) -> dict[str, Any]:
    """Switch a flag, or change for whom it is on; it counts in every process within 5 seconds."""
    return admin_change_flag(current_caller(), key=path.key, **body.model_dump(mode="json"))


@bp.put("/<key>/plan", responses=CHANGED)
def plan(path: FlagPath, body: NewPlan) -> dict[str, Any]:
    """Plan a roll-out: each step counts from its time on by itself. A change by hand ends the plan."""
    asked = body.model_dump(mode="json", exclude={"steps"})
    percentages, times = [step.percentage for step in body.steps], [step.at.isoformat() for step in body.steps]
    return admin_plan_flag(current_caller(), key=path.key, percentages=percentages, times=times, **asked)
