"""Filters and orders as SQL."""

from __future__ import annotations

import re

from scripts.local.supabase.rest.errors import parse_error
from scripts.local.supabase.rest.fragments import Fragment, ident, join
from scripts.local.supabase.rest.grammar import QUANTIFIABLE, Condition, Field, Filter, OrderTerm, split, unquote

COMPARISONS = {
    "eq": "=", "neq": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "like": "like", "ilike": "ilike",
    "match": "~", "imatch": "~*", "cs": "@>", "cd": "<@", "ov": "&&", "sl": "<<", "sr": ">>", "nxr": "&<",
    "nxl": "&>", "adj": "-|-", "isdistinct": "is distinct from",
}  # fmt: skip
TEXT_SEARCH = {
    "fts": "to_tsquery", "plfts": "plainto_tsquery", "phfts": "phraseto_tsquery", "wfts": "websearch_to_tsquery",
}  # fmt: skip
IS_VALUES = {"null", "not_null", "true", "false", "unknown"}


def where(conditions: list[Condition], source: str) -> Fragment:
    """Return the WHERE clause for rows of a source, or nothing."""
    return " where " + join(" and ", (condition_sql(c, source) for c in conditions)) if conditions else Fragment()


def order_by(terms: tuple[OrderTerm, ...], source: str) -> Fragment:
    """Return the ORDER BY clause, or nothing."""
    return " order by " + join(", ", (_order_sql(term, source) for term in terms)) if terms else Fragment()


def field_sql(field: Field, source: str) -> Fragment:
    """Return a column of a source, followed into its JSON where a path is given."""
    column = Fragment(ident(source, field.name))
    if not field.path:
        return column
    steps = (Fragment(f"{arrow}%s", (_json_key(key),)) for arrow, key in field.path)
    return "to_jsonb(" + column + ")" + join("", steps)


def condition_sql(condition: Condition, source: str) -> Fragment:
    """Return one condition, parenthesised where it needs to be."""
    if isinstance(condition, Filter):
        inner = _filter_sql(condition, field_sql(condition.field, source))
    else:
        parts = (condition_sql(part, source) for part in condition.conditions)
        inner = "(" + join(f" {condition.kind} ", parts) + ")"
    return "not (" + inner + ")" if condition.negated else inner


def _json_key(key: str) -> str | int:
    return int(key) if re.fullmatch(r"-?\d{1,9}", key) else key


def _order_sql(term: OrderTerm, source: str) -> Fragment:
    direction = " desc" if term.descending else " asc"
    return field_sql(term.field, source) + direction + (f" nulls {term.nulls}" if term.nulls else "")


def _filter_sql(condition: Filter, field: Fragment) -> Fragment:
    operator, value = condition.operator, condition.value
    if operator == "is":
        return field + f" is {_is_value(value)}"
    if operator == "in":
        return field + Fragment(" = any(%s)", (_array_literal(value),))
    if operator in TEXT_SEARCH:
        return _text_search(field, TEXT_SEARCH[operator], condition.argument, value)
    if operator in ("like", "ilike"):
        value = value.replace("*", "%")
    return field + Fragment(f" {COMPARISONS[operator]} {_quantified(condition)}", (value,))


def _is_value(value: str) -> str:
    if value.lower() not in IS_VALUES:
        raise parse_error(f"filter (is.{value})", "expected is.null, is.not_null, is.true, is.false or is.unknown")
    return value.lower().replace("_", " ")


def _array_literal(value: str) -> str:
    if not (value.startswith("(") and value.endswith(")")):
        raise parse_error(f"filter (in.{value})", "expected in.(value,value)")
    quoted = (re.sub(r'(["\\])', r"\\\1", unquote(item)) for item in split(value[1:-1]))
    return "{" + ",".join(f'"{item}"' for item in quoted) + "}"


def _text_search(field: Fragment, function: str, config: str | None, value: str) -> Fragment:
    if config is None:
        return field + Fragment(f" @@ {function}(%s)", (value,))
    return field + Fragment(f" @@ {function}(%s::regconfig, %s)", (config, value))


def _quantified(condition: Filter) -> str:
    if condition.argument is None:
        return "%s"
    if condition.argument not in ("any", "all") or condition.operator not in QUANTIFIABLE:
        raise parse_error(f"filter ({condition.operator}({condition.argument}))", "expected (any) or (all)")
    return f"{condition.argument}(%s)"
