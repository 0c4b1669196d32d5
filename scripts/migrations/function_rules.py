"""The rules for one file of functions_sql: repeatable, complete, closed before it is opened."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from scripts.migrations.files import FunctionFile
from scripts.migrations.statements import Statement, split

EVERYONE = frozenset({"public", "anon", "authenticated", "service_role"})

_NAME = r'(?P<name>(?:"[^"]+"|[\w$]+)(?:\s*\.\s*(?:"[^"]+"|[\w$]+))?)'
_CREATE = re.compile(rf"create\s+(?P<replace>or\s+replace\s+)?(?:function|procedure)\s+{_NAME}\s*\(", re.IGNORECASE)
_REVOKE = re.compile(
    r"revoke\s+(?:all|execute)(?:\s+privileges)?\s+on\s+(?:function|procedure|routine)\s+(?P<functions>.+)\s+from\s+"
    r"(?P<roles>[\w\s,\"]+)$",
    re.IGNORECASE | re.DOTALL,
)
_GRANT = re.compile(
    r"grant\s+(?:all|execute)(?:\s+privileges)?\s+on\s+(?:function|procedure|routine)\s+(?P<functions>.+)\s+to\s",
    re.IGNORECASE | re.DOTALL,
)
_SIGNATURE = re.compile(rf"{_NAME}\s*\((?P<types>[^()]*(?:\([^()]*\)[^()]*)*)\)")
_SEARCH_PATH = re.compile(r"\bset\s+search_path\b", re.IGNORECASE)
_REPEATABLE = re.compile(
    r"create\s+or\s+replace\s|drop\s+\w+\s+if\s+exists\s|revoke\s|grant\s|comment\s+on\s|alter\s+function\s",
    re.IGNORECASE,
)
_ATOMIC = re.compile(r"\bbegin\s+atomic\b", re.IGNORECASE)
_CHANGES_ALL = re.compile(
    r"\bdelete\s+from\s|\bupdate\s+(?:only\s+)?[\w.\"]+(?:\s+as)?(?:\s+\w+)?\s+set\b", re.IGNORECASE
)
_STRING = re.compile(r"'(?:[^']|'')*'")
_WHERE = re.compile(r"\bwhere\b", re.IGNORECASE)
_DOLLAR_BODY = re.compile(r"\$(?P<tag>\w*)\$(?P<sql>.*?)\$(?P=tag)\$", re.DOTALL)
_BODY = re.compile(r"\$(\w*)\$.*?\$\1\$|'(?:[^']|'')*'", re.DOTALL)


@dataclass(frozen=True)
class Created:
    """A function that a statement creates."""

    name: str
    replaces: bool
    has_search_path: bool


def created_functions(statement: Statement) -> list[Created]:
    """Return the function that the statement creates, if it creates one."""
    match = _CREATE.match(statement.code)
    if not match:
        return []
    options = _BODY.sub("$$", statement.code)
    return [Created(plain_name(match["name"]), bool(match["replace"]), bool(_SEARCH_PATH.search(options)))]


def revoked_signatures(text: str) -> list[str]:
    """Return name and argument types of each function that a file revokes, as `drop function` wants them."""
    revokes = (_REVOKE.match(one.code) for one in split(text))
    return [f"{plain_name(one['name'])}({one['types']})" for match in revokes if match for one in _signatures(match)]


def function_problems(function: FunctionFile, paths: set[str]) -> list[str]:
    """Return what makes a function file unfit to be shipped."""
    problems = list(_form_problems(function, paths))
    for statement in function.statements:
        problems += _statement_problems(function, statement)
    return [*problems, *_access_problems(function)]


def _form_problems(function: FunctionFile, paths: set[str]) -> Iterator[str]:
    path = PurePosixPath(function.path)
    if len(path.parts) != 3:
        yield f"{path} belongs in a subject's folder: functions_sql/<subject>/{path.name}."
    if not function.text.endswith("\n") or "\r" in function.text:
        yield f"{path} must have plain line ends and a newline at its end, so that its copy can be the same bytes."
    if re.search(r"^-- (begin|end|dropped) functions_sql/", function.text, re.MULTILINE):
        yield f"{path} has a marker line (-- begin/end/dropped functions_sql/...): leave those to migrations."
    names = {one.name.split(".")[-1] for statement in function.statements for one in created_functions(statement)}
    if path.stem not in names:
        yield f"{path} creates no function named {path.stem}: file and operation have the same name."
    for needed in function.needs:
        if needed not in paths:
            yield f"{path} needs {needed}, which does not exist."


def _statement_problems(function: FunctionFile, statement: Statement) -> Iterator[str]:
    where = f"{function.path}:{statement.line_at(None)}"
    if statement.code and not _REPEATABLE.match(statement.code):
        yield (
            f"{where} is not repeatable: function files hold create or replace, drop ... if exists, revoke, grant "
            "and comment only; the rest belongs in a migration."
        )
    for code in _whole_table_changes(statement):
        line = " ".join(code.split())[-80:]
        yield f"{where} changes a whole table (`{line}`), which hosted projects refuse: say `where true`."
    for created in created_functions(statement):
        if not created.replaces:
            yield f"{where} says `create` for {created.name}: it must be `create or replace`, which keeps its grants."
        if "." not in created.name:
            yield f"{where} creates {created.name} without its schema."
        if not created.has_search_path:
            yield f"{where} creates {created.name} without `set search_path = ''`."
        if _ATOMIC.search(_BODY.sub("$$", statement.code)):
            yield f"{where} has a `begin atomic` body, which cannot load before what it names: use `as $$ ... $$`."


def _whole_table_changes(statement: Statement) -> list[str]:
    bodies = (split(body["sql"]) for body in _DOLLAR_BODY.finditer(statement.code))
    codes = (_STRING.sub("''", one.code) for body in bodies for one in body)
    return [code for code in codes if _CHANGES_ALL.search(code) and not _WHERE.search(code)]


def _access_problems(function: FunctionFile) -> Iterator[str]:
    closed: set[str] = set()
    created: list[str] = []
    for statement in function.statements:
        created += [one.name for one in created_functions(statement)]
        if (match := _REVOKE.match(statement.code)) and EVERYONE <= _roles(match["roles"]):
            closed |= {plain_name(one["name"]) for one in _signatures(match)} & set(created)
        if match := _GRANT.match(statement.code):
            for name in {plain_name(one["name"]) for one in _signatures(match)} - closed:
                yield f"{function.path}:{statement.line_at(None)} grants on {name} before it revokes."
    for name in dict.fromkeys(created):
        if name not in closed:
            yield (
                f"{function.path} lacks `revoke all on function {name}(...) from public, anon, authenticated, "
                "service_role;` after the function: old projects grant it to all of them by default."
            )


def _signatures(match: re.Match[str]) -> list[re.Match[str]]:
    return list(_SIGNATURE.finditer(match["functions"]))


def _roles(text: str) -> set[str]:
    return {role.strip().strip('"').lower() for role in text.split(",")}


def plain_name(name: str) -> str:
    """Return a qualified name without quotes and blanks, in lower case."""
    return re.sub(r"\s*\.\s*", ".", name).replace('"', "").lower()
