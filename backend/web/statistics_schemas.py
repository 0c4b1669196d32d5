"""The shapes of statistics."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, Field

from backend.web.openapi import Answer
from backend.web.schemas import Query, Whole

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def _is_day(value: object) -> object:
    if not (isinstance(value, str) and _DAY.fullmatch(value)):
        raise ValueError("must be a day such as 2026-11-21")
    return value


Day = Annotated[date, BeforeValidator(_is_day)]
COMPLETE = Field(description="False while old rows are still being counted.")


class RangeQuery(Query):
    """Which days, in UTC, both included."""

    from_: Day | None = Field(None, alias="from", description="29 days before `to` when left out; at most 400 days.")
    to: Day | None = Field(None, description="Today when left out.")

    @property
    def days(self) -> dict[str, str | None]:
        """The range as operations take it."""
        since, until = (day.isoformat() if day else None for day in (self.from_, self.to))
        return {"since": since, "until": until}


class StatisticsQuery(RangeQuery):
    """Which statistics; by month up to 1830 days, and months are told whole."""

    by: Literal["day", "month", "model"] = "day"
    model: str | None = Field(None, max_length=100, description="Only of this model.", examples=["local/picture"])


class TopQuery(RangeQuery):
    """How many, of which days."""

    limit: Whole = Field(10, ge=1, le=200)


class CohortQuery(RangeQuery):
    """First payments of which months."""

    from_: Day | None = Field(None, alias="from", description="A day in the first month; eleven months before `to`.")
    to: Day | None = Field(None, description="A day in the last month; today when left out.")


class Credits(BaseModel):
    """What moved. By model, or of one model: only used, refunded and absorbed."""

    sold: int | None = Field(None, description="Bought, by package or subscription.")
    granted: int | None = Field(None, description="Given: sign-up, promo codes, by admins.")
    adjusted: int | None = Field(None, description="Changed by admins; below zero what they took away.")
    used: int = Field(description="Spent, before refunds.")
    refunded: int = Field(description="Of used credits, given back.")
    expired: int | None = None
    reversed: int | None = Field(None, description="Taken back because a payment was; less what came back.")
    gifted: int | None = Field(None, description="Arrived as gifts less given away: below zero while gifts wait.")
    absorbed: int = Field(description="Delivered, and paid by nobody.")
    change: int | None = Field(None, description="What all balances together changed by.")


class Outcomes(BaseModel):
    """Generations that ended."""

    succeeded: int
    failed: int
    canceled: int


class QueueTimes(BaseModel):
    """How long those that ended had waited before they started; null when none had started."""

    started: int
    average_seconds: float | None
    p50_seconds: float | None = Field(description="At most; read from buckets.")
    p95_seconds: float | None = Field(description="At most; read from buckets.")
    longest_seconds: float | None


class Revenue(BaseModel):
    """Money in one currency, in its smallest unit."""

    currency: str
    payments: int
    charged_cents: int = Field(description="What buyers paid, tax included.")
    refunded_cents: int
    disputed_cents: int
    net_cents: int = Field(description="charged - refunded - disputed.")


class Figures(BaseModel):
    """Figures of a range; what no model has is left out by model."""

    credits: Credits
    generations: Outcomes
    cost_micros: int = Field(description="What providers billed for what ended, in USD/1e6.")
    unknown_costs: int = Field(description="Generations that succeeded at a cost that nobody knows.")
    queue: QueueTimes
    revenue: list[Revenue] = Field(default_factory=list)
    margin_micros: int | None = Field(None, description="Net revenue less cost in USD/1e6; null with other money.")


class Row(Figures):
    """One row of a chart: a day, a month (`2026-11`) or a model."""

    day: date | None = None
    month: str | None = None
    model: str | None = None
    active_users: int | None = Field(None, description="Users who used credits.")


class Statistics(Answer):
    """Figures for charts, rows that are not rolled up yet included."""

    from_: date = Field(alias="from")
    to: date
    complete: bool = COMPLETE
    by: Literal["day", "month", "model"]
    model: str | None
    data: list[Row]
    total: Figures


class TopUser(BaseModel):
    """Who used most; nobody's name once he was erased."""

    user_id: UUID | None
    email: str | None
    uses: int
    credits: int


class TopModel(BaseModel):
    """What was used most."""

    model: str
    uses: int
    credits: int


class Top(Answer):
    """Most credits used, refunds not taken off."""

    from_: date = Field(alias="from")
    to: date
    complete: bool = COMPLETE
    users: list[TopUser]
    models: list[TopModel]


class Net(BaseModel):
    """Money, less what was reversed."""

    currency: str
    net_cents: int


class CohortMonth(BaseModel):
    """What a cohort paid in a month."""

    month: str
    buyers: int
    revenue: list[Net]


class Cohort(BaseModel):
    """Those who first paid in a month."""

    month: str
    users: int
    months: list[CohortMonth]


class Cohorts(Answer):
    """Buyers by the month of their first payment."""

    from_: str = Field(alias="from")
    to: str
    complete: bool = COMPLETE
    data: list[Cohort]
