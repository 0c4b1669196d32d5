"""The shapes of system prompts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from backend.web.admin_schemas import DryRun, Reason
from backend.web.openapi import Answer
from backend.web.schemas import Body, Query, UsedPreset, Whole

KEY = r"^[a-z0-9][a-z0-9_-]{1,63}$"
CATEGORY = r"^[a-z][a-z0-9_]{1,39}$"
Kind = Literal["image", "video"]
Category = Annotated[str, Field(pattern=CATEGORY, examples=["style_preset"])]
Title = Annotated[str, Field(min_length=1, max_length=200, examples=["Watercolor"])]
Description = Annotated[str, Field(max_length=1000)]
Content = Annotated[
    str, Field(min_length=1, max_length=4000, pattern=r"\S", examples=["watercolor painting, soft edges"])
]
Kinds = Annotated[list[Kind], Field(min_length=1, max_length=2, description="Kinds of models that it suits.")]
Always = Annotated[bool, Field(description="Part of every generation of its kinds, not only of those that choose it.")]
Position = Annotated[int, Field(ge=0, le=99999, description="Its place in its category.")]
Active = Annotated[bool, Field(description="An inactive one is not used.")]


class PromptPath(BaseModel):
    """Which prompt."""

    key: str = Field(pattern=KEY)


class ChangePath(BaseModel):
    """Which change of prompts."""

    change_id: UUID


class PromptQuery(Query):
    """Which prompts."""

    category: str | None = Field(None, max_length=40)
    active: bool | None = None


class DocumentPrompt(Body):
    """A prompt as a whole; in a document, what is left out stays as it is."""

    key: str = Field(pattern=KEY, examples=["watercolor"])
    category: Category
    title: Title = Field(default_factory=str, description="Its key, unless said otherwise.")
    description: Description = ""
    kinds: Kinds = Field(default_factory=list, description="Both, unless said otherwise.")
    always: Always = False
    position: Position = 100
    active: Active = True
    content: Content


class NewPrompt(DocumentPrompt):
    """A prompt that there is not yet."""

    reason: str = Reason
    dry_run: bool = DryRun


class PromptEdit(Body):
    """What shall change; what is left out stays. `expected_version` is the version that you saw."""

    expected_version: int = Field(ge=1, le=999_999_999)
    category: Category = Field(default_factory=str)
    title: Title = Field(default_factory=str)
    description: Description = Field(default_factory=str)
    kinds: Kinds = Field(default_factory=list)
    always: Always = Field(default_factory=bool)
    position: Position = Field(default_factory=int)
    active: Active = Field(default_factory=bool)
    content: Content = Field(default_factory=str)
    reason: str = Reason
    dry_run: bool = DryRun


class Activation(Body):
    """Which version shall be used."""

    version: int = Field(ge=1, le=999_999_999)
    expected_version: int | None = Field(None, ge=1, le=999_999_999, description="The one that is used now.")
    reason: str = Reason
    dry_run: bool = DryRun


class ComparisonQuery(Query):
    """Which two versions."""

    before: Whole = Field(alias="from", ge=1)
    after: Whole = Field(alias="to", ge=1)


class Prompt(BaseModel):
    """A system prompt."""

    key: str
    category: str
    title: str
    description: str
    kinds: list[Kind]
    always: bool
    position: int
    active: bool
    version: int = Field(description="The one that is used; another text or category is another version.")
    content: str


class PromptRow(Prompt):
    """A system prompt in a list."""

    updated_at: datetime


class PromptList(Answer):
    """All prompts, by category and position."""

    prompts: list[PromptRow]


class ChangedPrompt(BaseModel):
    """What became of one prompt; null: there was none, or there is none any more."""

    key: str
    change: Literal["created", "updated", "deleted", "unchanged"]
    version: int | None
    before: Prompt | None
    after: Prompt | None


class PromptChange(Answer):
    """What became of prompts, all of them or none. A dry run has no `change_id`."""

    change_id: UUID | None = Field(None, description="Undoes it.")
    source: Literal["edit", "import", "optimize", "rollback", "undo"]
    undoes: UUID | None = Field(description="The change that this one took back.")
    created: int
    updated: int
    deleted: int
    unchanged: int
    prompts: list[ChangedPrompt]
    dry_run: bool


class PromptVersion(BaseModel):
    """What a prompt said, and the change that made it so."""

    version: int
    category: str
    content: str
    change_id: UUID
    source: Literal["edit", "import", "optimize", "rollback", "undo"]
    reason: str
    created_by: UUID
    created_at: datetime


class PromptDetail(PromptRow, Answer):
    """A system prompt with all that it ever said, newest first."""

    history: list[PromptVersion]


class Difference(BaseModel):
    """A piece of text that two versions share, or that one of them has."""

    change: Literal["same", "removed", "added"]
    text: str


class Comparison(Answer):
    """Two versions of a prompt, and what differs, word by word."""

    key: str
    before: PromptVersion = Field(alias="from")
    after: PromptVersion = Field(alias="to")
    differences: list[Difference]


class Preset(BaseModel):
    """A preset that one may choose."""

    key: str
    category: str
    title: str
    description: str
    kinds: list[Kind]


class PresetList(Answer):
    """The presets that one may choose, by category."""

    data: list[Preset]


class Preview(Answer):
    """What the provider would be sent now."""

    model: str
    prompt: str
    params: dict[str, Any]
    presets: list[UsedPreset]
