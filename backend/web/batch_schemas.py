"""The shapes of batches."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field, WithJsonSchema

from backend.web.openapi import Answer
from backend.web.schemas import Body, Charge, Failure, NewGeneration, Output, Query, Status, Whole

# Said twice, as for LedgerId: else the bounds are not in the document.
ItemIndex = Annotated[Whole, Field(ge=0, le=499), WithJsonSchema({"type": "integer", "minimum": 0, "maximum": 499})]


class NewBatch(Body):
    """What to generate, item by item."""

    items: list[NewGeneration] = Field(min_length=1, max_length=500)
    partial: bool = Field(False, description="Start as many leading items as the credits allow, instead of none.")


class BatchPath(BaseModel):
    """Which batch."""

    batch_id: UUID


class BatchQuery(Query):
    """Which page of batches."""

    before: UUID | None = Field(None, description="The last id of the page before.")
    limit: Whole = Field(20, ge=1, le=100)


class ItemQuery(Query):
    """Which page of items."""

    after: ItemIndex | None = Field(None, description="The last index of the page before.")
    limit: Whole = Field(100, ge=1, le=200)


class Counts(BaseModel):
    """How many items are in which state; they sum to the size of the batch."""

    queued: int
    running: int
    succeeded: int
    failed: int
    canceled: int
    refused: int


class RefusedItem(BaseModel):
    """An item that was not started."""

    index: int
    code: str


class BatchArchive(BaseModel):
    """The file with all outputs; its address works for an hour."""

    status: Literal["building", "ready", "failed"]
    path: str | None
    url: str | None = None
    items: int | None = Field(description="How many succeeded items the last one holds.")
    bytes: int | None
    error: str | None
    asked_at: datetime


class BatchItem(BaseModel):
    """One item: its place, and the last generation that was made for it."""

    index: int
    generation_id: UUID
    status: Status
    waiting: bool
    attempt: int
    outputs: list[Output]
    error: Failure | None


class ItemPage(BaseModel):
    """One page of items, by index."""

    data: list[BatchItem]
    has_more: bool


class BatchSummary(Answer):
    """A batch: how far it is and what it costs."""

    id: UUID
    status: Literal["open", "finished"]
    size: int
    partial: bool
    counts: Counts
    credits: Charge
    refused: list[RefusedItem]
    retries: int
    archive: BatchArchive | None
    created_at: datetime


class Batch(BatchSummary, Answer):
    """A batch with a page of its items."""

    items: ItemPage


class BatchPage(Answer):
    """One page of batches, newest first."""

    data: list[BatchSummary]
    has_more: bool
