"""The shapes of credits: what is there, what moved, and what was used."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, Field, WithJsonSchema

from backend.web.openapi import Answer
from backend.web.schemas import Query, Whole

_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _rfc3339(value: object) -> object:
    if not (isinstance(value, str) and _TIME.fullmatch(value)):
        raise ValueError("must be a time with its zone, such as 2026-11-21T12:00:00Z")
    return value


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)  # zones may differ by more than PostgreSQL takes
    except OverflowError as error:
        raise ValueError("must lie between the years 1 and 9999") from error


# Pydantic leaves the bounds of an optional field out of the schema when a validator of ours stands before them.
LedgerId = Annotated[
    Whole,
    Field(ge=1, le=2**63 - 1),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 2**63 - 1}),
]
Time = Annotated[AwareDatetime, BeforeValidator(_rfc3339), AfterValidator(_in_utc)]


class TransactionQuery(Query):
    """Which page of the ledger."""

    before: LedgerId | None = Field(None, description="The last id of the page before.")
    limit: Whole = Field(50, ge=1, le=200)


class BalanceQuery(Query):
    """The balance as of now, or of a time."""

    at: Time | None = Field(None, description="What the ledger said then; a time to come means now.")


class UsageQuery(Query):
    """Which usage."""

    from_: Time | None = Field(None, alias="from", description="30 days before `to` when left out; at most 366.")
    to: Time | None = Field(None, description="Exclusive; now when left out.")
    by: Literal["day", "action", "model"] = "day"


class ReceiptQuery(Query):
    """Which kind of file."""

    format: Literal["csv", "jsonl"] = "csv"


class Expiring(BaseModel):
    """Credits that end on one day."""

    credits: int
    expires_at: datetime | None


class Balance(Answer):
    """A wallet as of now: available = balance - held."""

    balance: int
    held: int
    available: int
    low_balance: bool
    expiring: list[Expiring]


class BalanceAt(Answer):
    """Posted credits at a time, holds included."""

    balance: int
    at: datetime


class Used(BaseModel):
    """What was spent on one day (UTC), action or model, less what was refunded."""

    day: date | None = None
    action: str | None = None
    model: str | None = None
    credits: int
    count: int = Field(description="Uses; refunds only where the action is `refund`.")


class Usage(Answer):
    """What was spent in [from, to)."""

    data: list[Used]
    from_: datetime = Field(alias="from")
    to: datetime


class LedgerKey(BaseModel):
    """An Ed25519 public key, as hex."""

    key_id: str
    public_key: str
    created_at: datetime


class LedgerKeyList(Answer):
    """Every key that has signed checkpoints, newest first."""

    data: list[LedgerKey]


class Transaction(BaseModel):
    """One row of the ledger; it never changes."""

    id: int
    kind: str
    amount: int
    balance_after: int
    absorbed: int
    contra: str
    reservation_id: UUID | None
    reverses_id: int | None
    lots: list[dict[str, Any]]
    actor: str
    reason: str | None
    created_at: datetime


class TransactionPage(Answer):
    """One page of the ledger, newest first."""

    data: list[Transaction]
    has_more: bool
