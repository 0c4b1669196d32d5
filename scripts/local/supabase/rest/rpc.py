"""Calling functions: which one is meant, and the statement that calls it."""

# ruff: noqa: S608  names go through ident(), values are parameters
from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from typing import Any

from scripts.local.supabase.rest.catalog import Argument, Function, Snapshot
from scripts.local.supabase.rest.conditions import where
from scripts.local.supabase.rest.errors import RestError
from scripts.local.supabase.rest.fragments import Fragment, ident, join, literal_sql
from scripts.local.supabase.rest.read import NO_TOTAL, answer, page_of, select_list
from scripts.local.supabase.rest.request import Accept, Query

HOISTED = ("statement_timeout", "default_transaction_isolation", "plan_filter.statement_cost_limit")


@dataclass(frozen=True)
class Arguments:
    """Named arguments: the JSON text of a POST, or the values of a GET."""

    names: tuple[str, ...]
    json_text: str | None = None
    values: tuple[tuple[str, Any], ...] = ()


def arguments_of_body(body: bytes) -> Arguments:
    """Read the arguments of a POST; of an array the first object counts."""
    try:
        text = body.decode() or "{}"
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise RestError(400, "PGRST102", "Empty or invalid json") from None
    if isinstance(value, list):
        value = value[0] if value else {}
        text = json.dumps(value)
    return Arguments(tuple(value) if isinstance(value, dict) else (), text)


def find_function(snapshot: Snapshot, schema: str, name: str, arguments: Arguments) -> Function:
    """Return the function of that name that takes exactly these arguments."""
    overloads = snapshot.functions.get((schema, name), [])
    given = set(arguments.names)
    fitting = [function for function in overloads if _fits(function, given)]
    if not fitting and arguments.json_text is not None:
        fitting = [function for function in overloads if takes_whole_body(function)]
    if not fitting:
        raise _not_found(snapshot, schema, name, arguments, overloads)
    if len(fitting) > 1:
        raise _ambiguous(fitting)
    return fitting[0]


def takes_whole_body(function: Function) -> bool:
    """Tell whether the function has one unnamed JSON parameter, for the body as it is."""
    return [(a.name, a.type) for a in function.arguments] in ([("", "json")], [("", "jsonb")])


def hoisted_settings(function: Function) -> dict[str, str]:
    """Return the settings of a function that have to be in force before it starts."""
    return {name: value for name, value in function.settings.items() if name in HOISTED}


def call(
    snapshot: Snapshot, function: Function, arguments: Arguments, query: Query, accept: Accept, *, count: bool
) -> Fragment:
    """Return the statement that calls a function once and answers with its result."""
    calls = "with pgrst_call as materialized (" + _call(function, arguments) + ")"
    if not function.returns_composite:
        return calls + _scalar_answer(function, accept)
    if not function.returns_set:
        # One row always, of nulls when the function returned null.
        columns = select_list(snapshot, None, query.select, "pgrst_call")
        return calls + ", pgrst_source as (select " + columns + " from pgrst_call) " + _single_answer()
    total = "(select count(*)::int from pgrst_call" + where(query.conditions, "pgrst_call") + ")" if count else NO_TOTAL
    columns = select_list(snapshot, None, query.select, "pgrst_call")
    page = "select " + columns + " from pgrst_call" + page_of(query, "pgrst_call", snapshot.max_rows)
    return calls + ", pgrst_source as (" + page + ") " + answer(accept, total)


def _single_answer() -> Fragment:
    return Fragment("select 1, null::int, null::int, row_to_json(pgrst_source)::text from pgrst_source")


def _scalar_answer(function: Function, accept: Accept) -> Fragment:
    values = "json_agg(pgrst_call.pgrst_scalar)"
    body = (
        f"coalesce({values}, '[]')" if function.returns_set and not accept.single else f"coalesce({values}->0, 'null')"
    )
    return Fragment(f" select count(*)::int, null::int, null::int, ({body})::text from pgrst_call")


def _call(function: Function, arguments: Arguments) -> Fragment:
    name = ident(function.schema, function.name)
    alias = "pgrst_result" if function.returns_composite else "pgrst_result(pgrst_scalar)"
    if takes_whole_body(function) and arguments.json_text is not None:
        values = Fragment(f"%s::{function.arguments[0].type}", (arguments.json_text,))
        return f"select pgrst_result.* from {name}(" + values + f") as {alias}"
    given = [argument for argument in function.arguments if argument.name in arguments.names]
    if arguments.json_text is None:
        values = join(", ", (_value(function, argument, dict(arguments.values)) for argument in given))
        return f"select pgrst_result.* from {name}(" + values + f") as {alias}"
    if not given:
        return Fragment(f"select pgrst_result.* from {name}() as {alias}")
    types = ", ".join(f"{ident(argument.name)} {literal_sql(argument.type)}" for argument in given)
    passed = ", ".join(f"{_variadic(function, a)}{ident(a.name)} := {ident('pgrst_body', a.name)}" for a in given)
    body = Fragment(f"json_to_record(%s::json) as pgrst_body({types})", (arguments.json_text,))
    return "select pgrst_result.* from " + body + f", lateral {name}({passed}) as {alias}"


def _value(function: Function, argument: Argument, values: dict[str, Any]) -> Fragment:
    passed = f"{_variadic(function, argument)}{ident(argument.name)} := %s::{literal_sql(argument.type)}"
    return Fragment(passed, (values[argument.name],))


def _variadic(function: Function, argument: Argument) -> str:
    return "variadic " if function.is_variadic and argument == function.arguments[-1] else ""


def _fits(function: Function, given: set[str]) -> bool:
    names = {argument.name for argument in function.arguments}
    required = {argument.name for argument in function.arguments if not argument.optional}
    return "" not in names and required <= given <= names


def _not_found(
    snapshot: Snapshot, schema: str, name: str, arguments: Arguments, overloads: list[Function]
) -> RestError:
    given = ", ".join(arguments.names)
    noun = "parameters" if len(arguments.names) > 1 else "parameter"
    searched = f" with {noun} {given}" if given else " without parameters"
    unnamed = " or with a single unnamed json/jsonb parameter" if arguments.json_text is not None else ""
    return RestError(
        404,
        "PGRST202",
        f"Could not find the function {schema}.{name}{f'({given})' if given else ' without parameters'}"
        " in the schema cache",
        f"Searched for the function {schema}.{name}{searched}{unnamed}, but no matches were found in the schema cache.",
        _suggestion(snapshot, schema, name, arguments, overloads),
    )


def _suggestion(
    snapshot: Snapshot, schema: str, name: str, arguments: Arguments, overloads: list[Function]
) -> str | None:
    if overloads:
        wanted, known = _signature(arguments.names), [_signature([a.name for a in f.arguments]) for f in overloads]
    else:
        wanted, known = name, [other for (in_schema, other) in snapshot.functions if in_schema == schema]
    close = difflib.get_close_matches(wanted, known, n=1)
    return f"Perhaps you meant to call the function {schema}.{name if overloads else ''}{close[0]}" if close else None


def _signature(names: Any) -> str:
    return f"({', '.join(sorted(names))})"


def _ambiguous(functions: list[Function]) -> RestError:
    signatures = (f"{f.schema}.{f.name}({', '.join(f'{a.name} => {a.type}' for a in f.arguments)})" for f in functions)
    hint = "Try renaming the parameters or the function itself in the database so function overloading can be resolved"
    message = f"Could not choose the best candidate function between: {', '.join(signatures)}"
    return RestError(300, "PGRST203", message, hint=hint)
