"""The shapes of what admins do: adjustments of credits, roles, and the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from backend.web.credit_schemas import LedgerId, Time
from backend.web.openapi import Answer
from backend.web.schemas import Body, Query, Whole

Role = Literal["support", "admin", "owner"]
Reason = Field(min_length=1, max_length=500, pattern=r"\S", description="Why; it is written into the audit log.")
DryRun = Field(False, description="Only tell what would be.")


class UserPath(BaseModel):
    """Which user."""

    user_id: UUID


class Trial(Body):
    """Whether it is meant; the body may be left out."""

    dry_run: bool = DryRun


class AdjustmentPath(BaseModel):
    """Which adjustment."""

    adjustment_id: UUID


class NewAdjustment(Body):
    """Credits to add to what a user has, or below zero to take away."""

    amount: int = Field(ge=-1_000_000_000, le=1_000_000_000, examples=[50], description="Not 0.")
    reason: str = Reason
    expires_at: Time | None = Field(None, description="Only for credits that are added.", strict=False)
    dry_run: bool = DryRun


class Decision(Body):
    """Why it is approved or rejected."""

    reason: str = Reason
    dry_run: bool = DryRun


class AdjustmentQuery(Query):
    """Which page of adjustments."""

    status: Literal["pending", "applied", "rejected"] | None = None
    user_id: UUID | None = None
    before: UUID | None = Field(None, description="The last id of the page before.")
    limit: Whole = Field(50, ge=1, le=200)


class Lot(BaseModel):
    """Credits that came in together, and how many of them moved."""

    grant_id: UUID | None
    amount: int
    expires_at: datetime | None


class Adjustment(Answer):
    """Credits that an admin adds or takes away. A dry run has no id."""

    id: UUID | None
    status: Literal["pending", "applied", "rejected"] = Field(description="A pending one waits for another admin.")
    user_id: UUID | None
    amount: int = Field(description="What was asked for.")
    added: int = Field(description="What moved; 0 unless it is applied.")
    balance: int = Field(description="The total right afterwards; the present one while nothing has moved.")
    lots: list[Lot]
    expires_at: datetime | None
    reason: str
    requested_by: UUID
    decided_by: UUID | None
    decision_reason: str | None
    created_at: datetime
    decided_at: datetime | None
    dry_run: bool = False


class AdjustmentPage(Answer):
    """One page of adjustments, newest first."""

    data: list[Adjustment]
    has_more: bool


class NewRole(Body):
    """The role somebody shall have; null takes it away."""

    role: Role | None
    reason: str = Reason
    dry_run: bool = DryRun


class RoleChange(Answer):
    """The role somebody has now, and the one before."""

    user_id: UUID
    role: Role | None
    previous: Role | None
    dry_run: bool


class RolePath(BaseModel):
    """Which role: support staff adjusts nothing."""

    role: Literal["admin", "owner"]


class Limits(BaseModel):
    """Credits that a role may add or take away."""

    per_act: int = Field(description="Alone at once.")
    per_day: int = Field(description="Alone in 24 hours.")
    ceiling: int = Field(description="At once, when a second admin approves.")


class NewRoleLimits(Body):
    """The limits that a role shall have."""

    per_act: int = Field(ge=0, le=1_000_000_000, description="Alone at once.")
    per_day: int = Field(ge=0, le=1_000_000_000, description="Alone in 24 hours.")
    ceiling: int = Field(ge=0, le=1_000_000_000, description="At once, when a second admin approves; at least per_act.")
    reason: str = Reason
    dry_run: bool = DryRun


class RoleLimits(Limits, Answer):
    """What a role may do."""

    role: Role


class RoleLimitsChange(RoleLimits, Answer):
    """What a role may do now, and could before."""

    previous: Limits
    dry_run: bool


class Colleague(BaseModel):
    """Somebody with a role."""

    user_id: UUID
    email: str | None
    role: Role
    since: datetime


class Staff(Answer):
    """Everybody who has a role, the highest first."""

    data: list[Colleague]


class AuditFilter(Query):
    """Which rows of the audit log."""

    actor: str | None = Field(None, max_length=200, description="`user:<id>` or `system:<what>`.")
    act: str | None = Field(None, max_length=100, examples=["adjust_credits"])
    subject_type: str | None = Field(None, max_length=100, examples=["user"])
    subject_id: str | None = Field(None, max_length=200)
    outcome: Literal["done", "pending", "refused", "failed"] | None = None
    since: Time | None = None
    until: Time | None = Field(None, description="Exclusive.")


class AuditQuery(AuditFilter):
    """Which page of the audit log."""

    before: LedgerId | None = Field(None, description="The last id of the page before.")
    limit: Whole = Field(50, ge=1, le=200)


class AuditExportQuery(AuditFilter):
    """Which rows, in which kind of file."""

    format: Literal["csv", "jsonl"] = "csv"


class AuditRow(BaseModel):
    """One act, or one attempt; it never changes."""

    id: int
    actor: str
    role: str | None = Field(description="What the actor was then.")
    act: str
    subject_type: str
    subject_id: str | None
    request: dict[str, Any]
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    reason: str | None
    outcome: Literal["done", "pending", "refused", "failed"]
    refusal: dict[str, Any] | None = Field(description="{status, code, details}")
    request_id: str | None
    ip: str | None
    prev_hash: str
    hash: str
    created_at: datetime


class AuditPage(Answer):
    """One page of the audit log, newest first."""

    data: list[AuditRow]
    has_more: bool
