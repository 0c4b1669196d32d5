"""An outside party that plays by a script: a provider which fails, garbles, vanishes or dies where a test says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from backend.clients.providers.art.painting import Painting, paint
from backend.clients.providers.base import Progress, Result, Work

SCRIPTED_MODELS = """
insert into public.models (id, provider, kind, title, base_credits, max_credits, timeout_seconds, max_attempts)
values ('scripted/model', 'scripted', 'image', 'Scripted', 10, 10, 60, 3),
       ('scripted/hasty', 'scripted', 'image', 'Scripted, one second', 10, 10, 1, 1),
       ('nobody/model', 'nobody', 'image', 'Nobody runs it', 10, 10, 60, 1);
"""
PICTURE = paint(Painting("scripted", 1, 64, 64, "abstract", "png"))


class Died(BaseException):
    """The process ended right here: nothing after this line ran."""


@dataclass
class ScriptedProvider:
    """Does what `on_submit`, `on_poll` and `on_fetch` say, and counts."""

    poll_seconds: float = 0.05
    longest_poll_seconds: float = 0.05
    calls_back: bool = False
    on_submit: Callable[[], object] = lambda: None
    on_poll: Callable[[], object] = lambda: None
    on_fetch: Callable[[], object] = lambda: None
    files: tuple[bytes, ...] = (PICTURE,)
    finished: threading.Event = field(default_factory=threading.Event)
    submitted: list[str] = field(default_factory=list)
    polled: list[str] = field(default_factory=list)
    canceled: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.finished.set()

    def unavailable_reason(self, model: str) -> str | None:
        return None

    def submit(self, work: Work) -> str:
        """Start a request; this is what costs money."""
        self.on_submit()
        request_id = f"{work.generation_id}/{len(self.submitted) + 1}"
        self.submitted.append(request_id)
        return request_id

    def poll(self, work: Work, request_id: str) -> Progress:
        """Tell whether the script has come to its end."""
        self.polled.append(request_id)
        self.on_poll()
        return Progress(done=self.finished.is_set(), fraction=0.5)

    def fetch(self, work: Work, request_id: str) -> Result:
        """Return the files."""
        self.on_fetch()
        return Result(files=self.files, cost_micros=1500)

    def read(self, work: Work, delivered: Mapping[str, Any]) -> Result:
        """Return what was delivered."""
        return Result(files=tuple(bytes.fromhex(file) for file in delivered["payload"]["files"]))

    def cancel(self, work: Work, request_id: str) -> None:
        """Remember that somebody asked."""
        self.canceled.append(request_id)
