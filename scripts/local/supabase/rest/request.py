"""What a request asks for, read from its query string and headers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Request

from scripts.local.supabase.rest.errors import RestError, not_local, parse_error
from scripts.local.supabase.rest.grammar import (
    Condition,
    OrderTerm,
    SelectItem,
    parse_filter,
    parse_order,
    parse_select,
    split,
    unquote,
)

RESERVED = {"select", "order", "limit", "offset", "columns", "on_conflict", "apikey"}
OBJECT = "application/vnd.pgrst.object"
ARRAY = "application/vnd.pgrst.array"


@dataclass(frozen=True)
class Accept:
    """The form of the answer."""

    single: bool
    strip_nulls: bool

    @property
    def content_type(self) -> str:
        """Return the Content-Type of an answer in this form."""
        nulls = ";nulls=stripped" if self.strip_nulls else ""
        name = OBJECT if self.single else ARRAY
        kind = f"{name}+json{nulls}" if self.single or self.strip_nulls else "application/json"
        return f"{kind}; charset=utf-8"


@dataclass(frozen=True)
class Preferences:
    """The `Prefer` header, as far as it is understood."""

    returns: str | None = None
    count: str | None = None
    resolution: str | None = None
    missing: str | None = None

    def applied(self) -> str:
        """Return the value for `Preference-Applied`."""
        names = {"returns": "return"}
        given = {names.get(name, name): value for name, value in vars(self).items()}
        return ", ".join(f"{name}={value}" for name, value in given.items() if value)


@dataclass(frozen=True)
class Query:
    """The query string."""

    select: tuple[SelectItem, ...]
    order: tuple[OrderTerm, ...]
    conditions: list[Condition]
    limit: int | None
    offset: int
    columns: tuple[str, ...] | None
    on_conflict: tuple[str, ...] | None


def parse_query(arguments: MultiDict[str, str], range_header: str | None) -> Query:
    """Read a query string."""
    first, count = _range(range_header)
    filters = [(k, v) for k, v in arguments.items(multi=True) if k not in RESERVED]
    return Query(
        select=parse_select(arguments.get("select", "")),
        order=parse_order(arguments.get("order", "")),
        conditions=[parse_filter(name, value) for name, value in filters],
        limit=_number(arguments.get("limit"), "limit") if "limit" in arguments else count,
        offset=_number(arguments.get("offset"), "offset") if "offset" in arguments else first,
        columns=_names(arguments.get("columns")),
        on_conflict=_names(arguments.get("on_conflict")),
    )


def parse_preferences(headers: list[str]) -> Preferences:
    """Read `Prefer` headers; what is not understood is passed over, as the standard asks."""
    items = [item.strip().partition("=") for header in headers for item in header.split(",")]
    found = {name: value for name, _, value in reversed(items)}
    return Preferences(
        returns=_one_of(found.get("return"), "minimal", "representation"),
        count=_one_of(found.get("count"), "exact", "planned", "estimated"),
        resolution=_one_of(found.get("resolution"), "merge-duplicates", "ignore-duplicates"),
        missing=_one_of(found.get("missing"), "default", "null"),
    )


def parse_accept(header: str | None) -> Accept:
    """Choose the form of the answer from an `Accept` header."""
    wanted = [item.strip().replace(" ", "") for item in (header or "*/*").split(",")]
    for item in wanted:
        kind, strip_nulls = item.split(";")[0], "nulls=stripped" in item
        if kind in (OBJECT, f"{OBJECT}+json"):
            return Accept(single=True, strip_nulls=strip_nulls)
        if kind in (ARRAY, f"{ARRAY}+json"):
            return Accept(single=False, strip_nulls=strip_nulls)
        if kind in ("application/json", "*/*", "application/*"):
            return Accept(single=False, strip_nulls=False)
    if {"text/csv", "application/geo+json"} & set(wanted) or "vnd.pgrst.plan" in wanted[0]:
        raise not_local(f"Answers of type {wanted[0]} are")
    raise RestError(406, "PGRST107", f"None of these media types are available: {', '.join(wanted)}")


def choose_schema(request: Request, schemas: tuple[str, ...]) -> str:
    """Return the schema that the profile header names; the first exposed one without it."""
    header = "Accept-Profile" if request.method in ("GET", "HEAD") else "Content-Profile"
    schema = request.headers.get(header, schemas[0])
    if schema not in schemas:
        hint = f"Only the following schemas are exposed: {', '.join(schemas)}"
        raise RestError(406, "PGRST106", f"Invalid schema: {schema}", hint=hint)
    return schema


def _one_of(value: str | None, *allowed: str) -> str | None:
    return value if value in allowed else None


def _names(text: str | None) -> tuple[str, ...] | None:
    return tuple(unquote(name) for name in split(text)) if text is not None else None


def _number(text: str | None, name: Literal["limit", "offset"]) -> int:
    if not text or not re.fullmatch(r"-?\d{1,18}", text):
        raise parse_error(f"{name} parameter ({text})", "expected a whole number")
    if int(text) < 0 and name == "limit":
        details = "Limit should be greater than or equal to zero."
        raise RestError(416, "PGRST103", "Requested range not satisfiable", details)
    return max(int(text), 0)


def _range(header: str | None) -> tuple[int, int | None]:
    """Read a `Range: first-last` header as offset and limit."""
    found = re.fullmatch(r"(?:items=)?(\d+)-(\d*)", header or "")
    if not found:
        return 0, None
    first, last = int(found[1]), found[2]
    if last and int(last) < first:
        details = "The lower boundary must be lower than or equal to the upper boundary in the Range header."
        raise RestError(416, "PGRST103", "Requested range not satisfiable", details)
    return first, int(last) - first + 1 if last else None
