"""Which function answers which address, and the parameters it takes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scripts.local.stripe.forms import Form
from scripts.local.stripe.state import Object, State

Handler = Callable[..., Object]


@dataclass(frozen=True)
class Route:
    """One operation of the API."""

    method: str
    pattern: re.Pattern[str]
    takes: tuple[str, ...]
    handler: Handler

    def answer(self, state: State, form: Form, ids: tuple[Any, ...]) -> Object:
        """Carry it out."""
        return self.handler(state, form, *ids)


ROUTES: list[Route] = []


def route(method: str, path: str, takes: str = "") -> Callable[[Handler], Handler]:
    """Register a handler; `{id}` in the path is passed on, `takes` lists the parameters."""
    pattern = re.compile(re.sub(r"\{\w+\}", r"([^/]+)", path))

    def register(handler: Handler) -> Handler:
        ROUTES.append(Route(method, pattern, tuple(takes.split()), handler))
        return handler

    return register


def find(path: str) -> dict[str, tuple[Route, tuple[Any, ...]]]:
    """The routes at an address by method, with the ids in it."""
    matches = ((each, each.pattern.fullmatch(path)) for each in ROUTES)
    return {each.method: (each, match.groups()) for each, match in matches if match}
