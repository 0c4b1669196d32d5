"""What goes out: lists in pages, and ids replaced by their objects where the caller says `expand`."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from scripts.local.stripe.errors import invalid, missing
from scripts.local.stripe.forms import Form
from scripts.local.stripe.state import Object, State

MOST = 100
PAGING = "limit starting_after ending_before"

Included = Callable[[State, Object], Any]
# Fields that an object only has when they are asked for, by kind and name.
INCLUDED: dict[tuple[str, str], Included] = {}


def listing(url: str, data: Iterable[Object], *, has_more: bool = False) -> Object:
    """A list object."""
    return {"object": "list", "data": [*data], "has_more": has_more, "url": url}


def page(url: str, found: Iterable[Object], form: Form) -> Object:
    """One page of objects that come newest first."""
    limit = form.number("limit") or 10
    if not 1 <= limit <= MOST:
        raise invalid(f"Invalid integer: {limit} is not between 1 and {MOST}", param="limit")
    after, before = form.text("starting_after"), form.text("ending_before")
    if after and before:
        raise invalid("You may only specify one of these parameters: starting_after, ending_before.")
    every = [*found]
    if cursor := after or before:
        places = [place for place, each in enumerate(every) if each["id"] == cursor]
        if not places:
            raise missing(url.rpartition("/")[2].rstrip("s"), cursor, "starting_after" if after else "ending_before")
        every = every[places[0] + 1 :] if after else every[: places[0]]
    shown = every[-limit:] if before else [*islice(every, limit)]
    return listing(url, shown, has_more=len(every) > limit)


def created_within(form: Form) -> Callable[[Object], bool]:
    """Whether an object was made in the time that the parameter `created` names."""
    if not isinstance(form.values.get("created"), dict):
        exact = form.number("created")
        return lambda each: exact is None or each["created"] == exact
    given = form.group("created")
    bounds = {name: given.number(name) for name in ("gt", "gte", "lt", "lte")}
    tests: dict[str, Callable[[int, int], bool]] = {
        "gt": int.__gt__,
        "gte": int.__ge__,
        "lt": int.__lt__,
        "lte": int.__le__,
    }
    return lambda each: all(tests[name](each["created"], bound) for name, bound in bounds.items() if bound is not None)


def expanded(state: State, answer: Object, paths: Iterable[str]) -> Object:
    """A copy of an answer with ids replaced by objects along the paths, such as `payment_intent.latest_charge`."""
    shown = copy.deepcopy(answer)
    for path in paths:
        _expand(state, shown, path.split("."), path)
    return shown


def _expand(state: State, shown: Any, names: list[str], path: str) -> None:
    if isinstance(shown, list):
        for each in shown:
            _expand(state, each, names, path)
    elif isinstance(shown, dict) and names:
        name, *rest = names
        if include := INCLUDED.get((str(shown.get("object")), name)):
            shown.setdefault(name, include(state, shown))
        elif name not in shown:
            raise invalid(f"This property cannot be expanded ({path}).", param="expand")
        if isinstance(shown[name], str):
            if shown[name] not in state.objects:
                raise invalid(f"This property cannot be expanded ({path}).", param="expand")
            shown[name] = copy.deepcopy(state.objects[shown[name]])
        _expand(state, shown[name], rest, path)
