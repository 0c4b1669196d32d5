"""The shapes of what comes in and goes out; the OpenAPI document is made of them."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from backend.web.openapi import Answer

Status = Literal["queued", "running", "succeeded", "failed", "canceled"]


def _digits(value: object) -> object:
    if isinstance(value, str) and not (value.isascii() and value.isdigit()):
        raise ValueError("must be a whole number")
    return value


Whole = Annotated[int, BeforeValidator(_digits)]


def _without_point(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


Integer = Annotated[int, BeforeValidator(_without_point)]
"""An integer of a body: JSON knows one kind of number, and 5.0 is 5."""


class Body(BaseModel):
    """A request body: known fields only, and no conversion from one type to another."""

    model_config = ConfigDict(extra="forbid", strict=True)


@cache
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema(by_alias=True)


class Described(BaseModel):
    """Parameters whose schema flask-openapi asks for at each request: it is made once."""

    @classmethod
    def model_json_schema(cls, *args: Any, **options: Any) -> dict[str, Any]:
        """Return the schema."""
        return super().model_json_schema(*args, **options) if args or options else _schema(cls)


class Query(Described):
    """Query parameters: known names only."""

    model_config = ConfigDict(extra="forbid")


class QuoteRequest(Body):
    """What one would generate."""

    model: str = Field(min_length=1, max_length=100, examples=["local/picture"])
    params: dict[str, Any] = Field(default_factory=dict, examples=[{"width": 512, "height": 512}])
    prompt: str | None = Field(None, max_length=100_000, description="Only where the price depends on its length.")


PresetKey = Annotated[str, Field(min_length=1, max_length=64)]


class NewGeneration(Body):
    """What to generate."""

    model: str = Field(min_length=1, max_length=100, examples=["local/picture"])
    prompt: str = Field(min_length=1, max_length=100_000, examples=["a lighthouse at dusk, oil on canvas"])
    params: dict[str, Any] = Field(default_factory=dict, examples=[{"width": 512, "height": 512}])
    presets: list[PresetKey] = Field(
        default_factory=list, max_length=10, description="Keys of presets to put together with the prompt."
    )


class SpendHeaders(Described):
    """Headers of a request that spends."""

    key: str = Field(
        default_factory=lambda: str(uuid4()),
        alias="Idempotency-Key",
        pattern=r"^[\x21-\x2b\x2d-\x7e]{1,255}$",  # no comma: servers join two headers with one
        description="Names this request: sent again it has the same outcome and spends once. Made up when absent.",
    )


class GenerationPath(BaseModel):
    """Which generation."""

    generation_id: UUID


class GenerationQuery(Query):
    """Which page of generations."""

    before: UUID | None = Field(None, description="The last id of the page before.")
    limit: Whole = Field(20, ge=1, le=100)
    status: Status | None = None


class Price(BaseModel):
    """base_credits + unit_credits for each unit."""

    base_credits: int
    unit: Literal["images", "seconds", "megapixels", "thousand_characters"] | None
    unit_credits: int


class Model(BaseModel):
    """Something that can be generated."""

    id: str
    provider: str
    kind: str
    title: str
    description: str
    price: Price
    params_schema: dict[str, Any]
    max_prompt_chars: int
    available: bool = Field(description="Whether it can run here; starting it is refused otherwise.")
    unavailable_reason: str | None = Field(description="What is missing for it to run here.")


class ModelList(Answer):
    """Every model on offer."""

    data: list[Model]


class Quote(Answer):
    """The price of a generation, and how it comes about."""

    model: str
    credits: int
    price_version: int = Field(description="Raised with each change of the price.")
    breakdown: dict[str, Any]


class Charge(BaseModel):
    """Credits held when it started, and credits taken when it ended."""

    reserved: int
    charged: int


class Failure(BaseModel):
    """Why it did not succeed."""

    code: str
    message: str | None


class Output(BaseModel):
    """One file that was made; its address works for an hour."""

    path: str
    url: str | None
    kind: str
    width: int | None = None
    height: int | None = None
    seconds: float | None = Field(None, description="How long it lasts, where that is known.")
    format: str | None = None
    bytes: int | None = None


class UsedPreset(BaseModel):
    """A preset that a generation was made with."""

    key: str
    version: int | None = Field(description="The version that was current then; null: there was none, see left_out.")
    always: bool = Field(False, description="Not chosen: it belongs to every generation of its kind.")
    left_out: Literal["missing", "kind", "length"] | None = Field(
        None, description="Why it was not used: no such preset, not for this kind of model, or no room in the prompt."
    )


class Generation(Answer):
    """A generation, its state, its credits and its outputs."""

    id: UUID
    status: Status
    waiting: bool = Field(description="Queued, and waits until another of your generations ends.")
    model: str
    prompt: str
    params: dict[str, Any]
    presets: list[UsedPreset]
    credits: Charge
    progress: float
    outputs: list[Output]
    error: Failure | None
    cancel_requested: bool
    batch_id: UUID | None
    attempt: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class GenerationPage(Answer):
    """One page of generations, newest first."""

    data: list[Generation]
    has_more: bool
