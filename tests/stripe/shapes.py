"""Holds objects against the SDK's types: what must be there is, of its type, and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, ClassVar, ForwardRef, Literal, Union, get_args, get_origin

import stripe
from stripe import StripeObject
from stripe._object_classes import get_object_class

OPEN = {"UntypedStripeObject"}  # metadata and the like: anything may be inside
NONE = type(None)


def problems(found: dict[str, Any]) -> list[str]:
    """What is wrong with an object, by its place in it."""
    return [*_object(found, get_object_class("V1", found["object"]), found["object"])]


def fields_of(kind: type) -> dict[str, Any]:
    """Fields and types; names that exist only for type checkers are looked up in the SDK."""
    module = vars(sys.modules[kind.__module__])
    hints: dict[str, Any] = {}
    for owner in reversed(kind.__mro__):
        if owner.__module__.startswith("stripe"):
            names = _Names(owner, vars(sys.modules[owner.__module__]) | module)
            for name, written in vars(owner).get("__annotations__", {}).items():
                if not name.startswith("_"):
                    hints[name] = _evaluate(written, names)
    return {name: hint for name, hint in hints.items() if get_origin(hint) is not ClassVar}


class _Names(dict[str, Any]):
    """Where names of an annotation are found: in the class, its module, and anywhere in the SDK."""

    def __init__(self, owner: type, known: dict[str, Any]) -> None:
        super().__init__({**known, **vars(owner), owner.__name__: owner})

    def __missing__(self, name: str) -> Any:
        for place in (stripe, sys.modules["typing"], sys.modules["typing_extensions"]):
            if hasattr(place, name):
                return getattr(place, name)
        return Unknown


class Unknown:
    """A type that only type checkers can see."""


def _evaluate(written: Any, names: _Names) -> Any:
    if isinstance(written, ForwardRef):
        written = written.__forward_arg__
    return eval(written, {"__builtins__": __builtins__}, names) if isinstance(written, str) else written


def _object(found: dict[str, Any], kind: type, path: str) -> Iterator[str]:
    hints = fields_of(kind)
    yield from (f"{path}.{name} is not Stripe's" for name in found.keys() - hints.keys())
    for name, hint in hints.items():
        if name in found:
            yield from _value(found[name], hint, kind, f"{path}.{name}")
        elif NONE not in get_args(hint):
            yield f"{path}.{name} is missing"


def _value(found: Any, hint: Any, kind: type, path: str) -> Iterator[str]:
    if isinstance(hint, str | ForwardRef):
        hint = _evaluate(hint, _Names(kind, vars(sys.modules[kind.__module__])))
    if hint is Any or hint is Unknown or (found is None and (hint is NONE or NONE in get_args(hint))):
        return
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Union:
        tries = [[*_value(found, each, kind, path)] for each in inner if each is not NONE]
        yield from min(tries, key=len) if all(tries) else []
    elif origin is Literal:
        if found not in inner:
            yield f"{path} is {found!r}, none of {inner}"
    elif origin is list or hint is list:
        if not isinstance(found, list):
            yield f"{path} is no list"
        for index, each in enumerate(found if isinstance(found, list) else []):
            yield from _value(each, inner[0] if inner else Any, kind, f"{path}[{index}]")
    elif (origin or hint).__name__ == "ListObject":
        for index, each in enumerate(found["data"]):
            yield from _value(each, inner[0], kind, f"{path}[{index}]")
    elif (origin or hint).__name__ in OPEN:
        if not isinstance(found, dict):
            yield f"{path} is no object"
    elif isinstance(hint, type) and issubclass(hint, StripeObject):
        yield from _object(found, hint, path) if isinstance(found, dict) else [f"{path} is no object"]
    elif hint is Decimal:
        if not isinstance(found, str):
            yield f"{path} is no decimal written as a string"
    elif isinstance(hint, type) and (not isinstance(found, hint) or (hint is int and isinstance(found, bool))):
        yield f"{path} is {found!r}, no {hint.__name__}"
