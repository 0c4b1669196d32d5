"""The shapes of prompts on the move: documents, imports and what the optimiser finds."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field, model_validator

from backend.web.admin_schemas import DryRun, Reason
from backend.web.openapi import Answer
from backend.web.prompt_schemas import DocumentPrompt, PromptChange
from backend.web.schemas import Body, Query, Whole

Phrase = Annotated[str, Field(min_length=1, max_length=500, pattern=r"\S", examples=["high quality"])]


class Document(Answer):
    """Prompts on their way from one environment to another."""

    format: Literal["scrip.prompts"]
    version: Literal[1]
    exported_at: datetime | None = None
    source: str | None = Field(None, description="The environment that they come from.")
    count: int | None = Field(None, description="Must be right, unless `accept_changed` is sent.")
    checksum: str | None = Field(
        None, description="`sha256:` and that of the prompts by key, as JSON with sorted names and without spaces."
    )
    prompts: list[DocumentPrompt] = Field(min_length=1, max_length=500)


class ExportQuery(Query):
    """Which kind of file."""

    format: Literal["json", "sql"] = "json"


class ImportQuery(Query):
    """What to do with a document."""

    mode: Literal["update", "create"] = Field(
        "update", description="`create` leaves prompts that there are already as they are."
    )
    accept_changed: bool = Field(False, description="Take it although checksum or count do not fit.")
    reason: str = Reason
    dry_run: bool = DryRun


class PromptImport(PromptChange, Answer):
    """What became of the prompts of a document. `POST /changes/{change_id}/undo` takes it back."""

    kept: list[str] = Field(description="There already, and left as they are (mode `create`).")


class OptimizeRequest(Body):
    """What to look for, and which phrases are confirmed to go."""

    phrases: list[Phrase] | None = Field(
        None,
        max_length=200,
        description="Those that shall go. Without them a dry run shows it for all that is repeated.",
    )
    min_prompts: Whole = Field(2, ge=2, le=500, description="In how many prompts a phrase must be to be found.")
    reason: str | None = Field(
        None, min_length=1, max_length=500, pattern=r"\S", description="Why; needed to apply it."
    )
    dry_run: bool = Field(True, description="Only tell what would be; false applies it.")

    @model_validator(mode="after")
    def _applies_what_is_confirmed(self) -> OptimizeRequest:
        if not self.dry_run and not (self.phrases and self.reason):
            raise ValueError("to apply it send the phrases that you confirm, and a reason")
        return self


class FoundPrompt(BaseModel):
    """A prompt that a phrase can go from."""

    key: str
    saves: int = Field(description="Characters.")
    said_by: str | None = Field(description="The preset that says it in each generation anyway.")


class Kept(BaseModel):
    """A prompt that a phrase stays in."""

    key: str
    reason: str


class Finding(BaseModel):
    """A phrase that prompts repeat."""

    phrase: str = Field(description="As it is mostly written; `Avoid: ...` for one that negative prompts list.")
    saves: int = Field(description="Characters, in all prompts.")
    prompts: list[FoundPrompt]
    skipped: list[Kept]
    advice: str


class Shortened(BaseModel):
    """A prompt before and after."""

    key: str
    before: str
    after: str
    saves: int
    removed: list[str]


class KeptPhrase(Kept):
    """A phrase that stays in a prompt."""

    phrase: str


class Characters(BaseModel):
    """The characters of all prompts."""

    before: int
    after: int
    saved: int


class Optimization(Answer):
    """What prompts repeat, and what they are without it. `POST /changes/{change_id}/undo` takes it back."""

    findings: list[Finding] = Field(description="The most characters first.")
    prompts: list[Shortened] = Field(description="Those that change.")
    skipped: list[KeptPhrase]
    unknown: list[str] = Field(description="Phrases that no prompt has.")
    chars: Characters
    change_id: UUID | None = Field(description="Null for a dry run, and when there was nothing to change.")
    dry_run: bool
