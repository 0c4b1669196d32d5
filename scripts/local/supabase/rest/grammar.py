"""The little languages of the query string: select, order, filters and and/or trees."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from scripts.local.supabase.rest.errors import RestError, not_local, parse_error

QUANTIFIABLE = {"eq", "like", "ilike", "gt", "gte", "lt", "lte", "match", "imatch"}
OPERATORS = QUANTIFIABLE | {
    "neq", "is", "in", "cs", "cd", "ov", "sl", "sr", "nxr", "nxl", "adj", "isdistinct", "fts", "plfts", "phfts", "wfts",
}  # fmt: skip
OPERATION = re.compile(r"(?P<not>not\.)?(?P<operator>[a-z]+)(?:\((?P<argument>[^()]*)\))?\.(?P<value>.*)", re.DOTALL)
GROUP = re.compile(r"(?P<not>not\.)?(?P<kind>and|or)(?P<body>\(.*\))", re.DOTALL)
EMBED = re.compile(r"(?P<head>[^()]+)\((?P<body>.*)\)", re.DOTALL)
AGGREGATE = re.compile(r"(?:^|\.)(?:count|sum|avg|min|max)\(\)")
PATH = re.compile(r"(->>|->)([^->]+)")


@dataclass(frozen=True)
class Field:
    """A column, and the way into it when it holds JSON."""

    name: str
    path: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class SelectColumn:
    """One column of the answer."""

    field: Field
    cast: str | None
    alias: str | None


@dataclass(frozen=True)
class SelectEmbed:
    """A related table, nested into each row."""

    relation: str
    hint: str | None
    alias: str | None
    items: tuple[SelectItem, ...]


SelectItem = SelectColumn | SelectEmbed


@dataclass(frozen=True)
class Filter:
    """A condition on one column."""

    field: Field
    negated: bool
    operator: str
    argument: str | None
    value: str


@dataclass(frozen=True)
class Group:
    """Conditions joined by `and` or `or`."""

    negated: bool
    kind: str
    conditions: tuple[Condition, ...]


Condition = Filter | Group


@dataclass(frozen=True)
class OrderTerm:
    """One column to sort by."""

    field: Field
    descending: bool
    nulls: str | None


def parse_select(text: str) -> tuple[SelectItem, ...]:
    """Read `select=`; nothing at all means every column."""
    return tuple(_select_item(item) for item in split(text)) or (SelectColumn(Field("*"), None, None),)


def parse_order(text: str) -> tuple[OrderTerm, ...]:
    """Read `order=`."""
    return tuple(_order_term(term) for term in split(text))


def parse_filter(name: str, text: str) -> Condition:
    """Read one `column=operator.value`, or `and=`/`or=` with its list."""
    if name.removeprefix("not.") in ("and", "or"):
        return _group(name.startswith("not."), name.removeprefix("not."), text)
    if "." in name and not name.startswith('"'):
        raise not_local(f"Filters on embedded tables ({name}) are")
    return _filter(parse_field(name), text, unquote_value=False)


def is_operation(text: str) -> bool:
    """Tell whether a parameter of a GET rpc is a filter rather than an argument."""
    found = OPERATION.fullmatch(text)
    return found is not None and found["operator"] in OPERATORS


def parse_field(text: str) -> Field:
    """Read `column` or `column->key->>key`."""
    name, arrow, rest = text.partition("->")
    path = tuple((kind, unquote(key)) for kind, key in PATH.findall(arrow + rest))
    if not name or (arrow and "".join(kind + key for kind, key in PATH.findall(arrow + rest)) != arrow + rest):
        raise parse_error(f"field ({text})", "expected a column name with an optional JSON path")
    return Field(unquote(name), path)


def split(text: str, separator: str = ",") -> list[str]:
    """Split at separators that stand outside quotes, braces and parentheses."""
    return [part.strip() for part in _parts(text, separator)] if text.strip() else []


def unquote(text: str) -> str:
    """Take off double quotes, in which a backslash keeps the next character as it is."""
    if len(text) > 1 and text[0] == '"' and text[-1] == '"':
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text


def _parts(text: str, separator: str) -> Iterator[str]:
    depth, start, quoted, escaped = 0, 0, False, False
    for position, char in enumerate(text):
        if escaped:
            escaped = False
        elif quoted:
            escaped, quoted = char == "\\", char != '"'
        elif char == '"':
            quoted = True
        elif char in "({":
            depth += 1
        elif char in ")}":
            depth -= 1
        elif char == separator and depth == 0:
            yield text[start:position]
            start = position + 1
    if depth or quoted:
        raise parse_error(f"list ({text})", "a quote or a parenthesis is left open")
    yield text[start:]


def _select_item(text: str) -> SelectItem:
    if text.startswith("..."):
        raise not_local("Spread embeds are")
    if AGGREGATE.search(text.split("::")[0]) and "," not in text:
        raise RestError(400, "PGRST123", "Use of aggregate functions is not allowed")
    embed = EMBED.fullmatch(text)
    alias, name = _alias(embed["head"] if embed else text)
    return _embed(alias, name, embed["body"]) if embed else _select_column(alias, name)


def _alias(text: str) -> tuple[str | None, str]:
    found = re.match(r'("[^"]*"|[^:"]+):(?!:)(.+)', text, re.DOTALL)
    return (unquote(found[1]), found[2]) if found else (None, text)


def _select_column(alias: str | None, text: str) -> SelectColumn:
    name, _, cast = text.partition("::")
    if cast and not re.fullmatch(r"[A-Za-z_][\w ]*(\[\])?", cast):
        raise parse_error(f"select parameter ({text})", f"'{cast}' is not the name of a type")
    return SelectColumn(parse_field(name), cast or None, alias)


def _embed(alias: str | None, name: str, body: str) -> SelectEmbed:
    relation, *hints = name.split("!")
    if "inner" in hints:
        raise not_local("Inner joins of embedded tables (!inner) are")
    hint = next((hint for hint in hints if hint != "left"), None)
    return SelectEmbed(relation, hint, alias, parse_select(body))


def _order_term(text: str) -> OrderTerm:
    if "(" in text:
        raise not_local("Ordering by an embedded table is")
    name, *words = split(text, ".")
    if set(words) - {"asc", "desc", "nullsfirst", "nullslast"}:
        raise parse_error(f"order ({text})", "expected column.asc|desc.nullsfirst|nullslast")
    nulls = next((word.removeprefix("nulls") for word in words if word.startswith("nulls")), None)
    return OrderTerm(parse_field(name), "desc" in words, nulls)


def _group(negated: bool, kind: str, text: str) -> Group:
    if not (text.startswith("(") and text.endswith(")")):
        raise parse_error(f"logic tree ({text})", f"expected {kind}=(condition,condition)")
    return Group(negated, kind, tuple(_condition(part) for part in split(text[1:-1])))


def _condition(text: str) -> Condition:
    if group := GROUP.fullmatch(text):
        return _group(bool(group["not"]), group["kind"], group["body"])
    name, *rest = split(text, ".")
    if not rest:
        raise parse_error(f"logic tree ({text})", "expected column.operator.value")
    return _filter(parse_field(name), text[len(name) + 1 :], unquote_value=True)


def _filter(field: Field, text: str, *, unquote_value: bool) -> Filter:
    found = OPERATION.fullmatch(text)
    if not found or found["operator"] not in OPERATORS:
        raise parse_error(f"filter ({text})", "expected operator.value, such as eq.1 or not.in.(1,2)")
    value = unquote(found["value"]) if unquote_value else found["value"]
    return Filter(field, bool(found["not"]), found["operator"], found["argument"], value)
