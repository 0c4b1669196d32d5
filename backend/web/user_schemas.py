"""The shapes of users as admins see them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from backend.web.admin_schemas import Adjustment, DryRun, Reason, Role
from backend.web.billing_schemas import Payment
from backend.web.credit_schemas import Balance
from backend.web.openapi import Answer
from backend.web.schemas import Body, Query, Whole


class UserQuery(Query):
    """Which users."""

    q: str | None = Field(None, min_length=1, max_length=200, description="A part of e-mail or name, or the whole id.")
    role: Role | None = None
    suspended: bool | None = None
    before: UUID | None = Field(None, description="The last id of the page before.")
    limit: Whole = Field(50, ge=1, le=200)


class UserRow(BaseModel):
    """A user in a list."""

    id: UUID
    email: str | None
    display_name: str | None
    role: Role | None
    suspended: bool
    balance: int | None = Field(description="Posted credits; null without a wallet.")
    created_at: datetime | None
    last_sign_in_at: datetime | None


class UserPage(Answer):
    """One page of users, newest first."""

    data: list[UserRow]
    has_more: bool


class OpenLot(BaseModel):
    """Credits that came in together and are not used up, in burn order."""

    id: UUID
    source: str
    amount: int
    remaining: int
    expires_at: datetime | None
    created_at: datetime


class Movement(BaseModel):
    """A row of the ledger, in short."""

    id: int
    kind: str
    amount: int
    balance_after: int
    actor: str
    reason: str | None
    created_at: datetime


class Made(BaseModel):
    """A generation, in short; what was asked for is the user's own."""

    id: UUID
    model: str
    status: str
    credits: int
    error_code: str | None
    created_at: datetime


class Trace(BaseModel):
    """A row of the audit log about this user, in short."""

    id: int
    actor: str
    act: str
    outcome: Literal["done", "pending", "refused", "failed"]
    reason: str | None
    created_at: datetime


class FlagState(BaseModel):
    """Whether a feature is on for this user, and why."""

    on: bool
    why: Literal["everybody", "user", "role", "percentage", "plan", "not_chosen", "off"]


class UserDetail(Answer):
    """All of one user: the newest 20 of each list, and all open lots."""

    id: UUID
    email: str | None
    display_name: str | None
    role: Role | None
    suspended: bool
    balance: int | None
    created_at: datetime | None
    last_sign_in_at: datetime | None
    concurrency: int | None = Field(description="Slots of his own; null: as everybody.")
    flags: dict[str, FlagState] = Field(description="By key; overrides of single processes don't show here.")
    credits: Balance | None
    lots: list[OpenLot]
    transactions: list[Movement]
    generations: list[Made]
    payments: list[Payment]
    adjustments: list[Adjustment]
    audit: list[Trace]


class Because(Body):
    """Why."""

    reason: str = Reason
    dry_run: bool = DryRun


class Suspension(Answer):
    """Whether the user is suspended now, and was before."""

    user_id: UUID
    suspended: bool
    previous: bool
    dry_run: bool


class NewLimits(Body):
    """How many generations of the user may be before the workers at once; null: as everybody's."""

    concurrency: int | None = Field(ge=0, le=1000)
    reason: str = Reason
    dry_run: bool = DryRun


class UserLimits(Answer):
    """The limit now, and the one before."""

    user_id: UUID
    concurrency: int | None
    previous: int | None
    dry_run: bool
