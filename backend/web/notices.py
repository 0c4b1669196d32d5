"""What the signed-in user was told: credits that expire, a low balance, a gift."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field, WithJsonSchema

from backend.rpc.notices import list_notices, mark_notices_read
from backend.web.auth import current_caller
from backend.web.credit_schemas import LedgerId
from backend.web.openapi import Answer, blueprint, user_answers
from backend.web.schemas import Body, Integer, Query, Whole

bp = blueprint("notices", __name__, prefix="/api/v1/notices", tag="account", signed_in=True)

NoticeId = Annotated[
    Integer,
    Field(ge=1, le=2**63 - 1),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 2**63 - 1}),
]


class NoticeQuery(Query):
    """Which page of notices."""

    before: LedgerId | None = Field(None, description="The last id of the page before.")
    limit: Whole = Field(50, ge=1, le=200)
    unread: bool = Field(False, description="Only those that were not read.")


class ReadNotices(Body):
    """Which notices were read."""

    ids: list[NoticeId] = Field(min_length=1, max_length=200)


class Notice(BaseModel):
    """One thing that the user was told."""

    id: int
    kind: str = Field(description="credits_expiring, low_balance, ...", examples=["low_balance"])
    data: dict[str, Any]
    created_at: datetime
    read_at: datetime | None


class NoticePage(Answer):
    """One page of notices, newest first."""

    data: list[Notice]
    has_more: bool
    unread: int = Field(description="How many are unread, on every page together.")


class Unread(Answer):
    """What is left to read."""

    unread: int


@bp.get("", responses=user_answers(NoticePage))
def index(query: NoticeQuery) -> dict[str, Any]:
    """List notices, newest first."""
    return list_notices(current_caller(), before=query.before, limit=query.limit, unread=query.unread)


@bp.post("/read", responses=user_answers(Unread))
def read(body: ReadNotices) -> dict[str, Any]:
    """Mark notices as read; ids that are not yours are ignored."""
    return mark_notices_read(current_caller(), ids=body.ids)
