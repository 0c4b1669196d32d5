"""Prompts as a document that moves between environments: made, read with a message per line, and as SQL."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, NoReturn

from backend.core.json_places import Places, find
from backend.errors import InvalidParams

Json = dict[str, Any]
Problems = Iterator[tuple[str, str]]
Rules = dict[str, tuple[Callable[[Any], bool], str]]

FORMAT, VERSION = "scrip.prompts", 1
MOST_PROMPTS, MOST_PROBLEMS = 500, 100
REQUIRED = ("key", "category", "content")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def _text(pattern: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and bool(re.fullmatch(pattern, value)) and not _CONTROL.search(value)


def _number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 99_999


def _truth(value: Any) -> bool:
    return isinstance(value, bool)


def _kinds(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(kind in ("image", "video") for kind in value)


# What admin_write_prompts takes (functions_sql/prompts/check_prompt.sql), and how it is said to people.
FIELDS: Rules = {
    "key": (
        _text("(?!(?:changes|export|import|optimize|preview)$)[a-z0-9][a-z0-9_-]{1,63}"),
        "must have 2 to 64 small letters, digits, - or _, and not be changes, export, import, optimize or preview",
    ),
    "category": (
        _text("[a-z][a-z0-9_]{1,39}"),
        "must have 2 to 40 small letters, digits or _: event_type, style_preset, quality, negative, or one of your own",
    ),
    "title": (_text(r"(?=.*\S)[^\t\n\r]{1,200}"), "must have 1 to 200 characters on one line"),
    "description": (_text(r"(?s:.{0,1000})"), "must have at most 1000 characters"),
    "kinds": (_kinds, 'must list "image", "video" or both'),
    "always": (_truth, "must be true or false"),
    "position": (_number, "must be a whole number from 0 to 99999"),
    "active": (_truth, "must be true or false"),
    "content": (_text(r"(?s:(?=.*\S).{1,4000})"), "must have 1 to 4000 characters, without control characters"),
}
META: Rules = {
    "format": (lambda value: value == FORMAT, f'must be "{FORMAT}": is this an export of prompts?'),
    "version": (
        lambda value: value == VERSION and not _truth(value),
        f"must be {VERSION}: this release reads no other",
    ),
    "prompts": (lambda value: isinstance(value, list) and 0 < len(value) <= MOST_PROMPTS, "must list 1 to 500 prompts"),
}
REQUIRED_META = ("format", "version", "prompts")
NOTES = ("exported_at", "source", "count", "checksum")


def document(prompts: Iterable[Json], *, source: str) -> Json:
    """Return a document of prompts as admin_list_prompts lists them."""
    plain = [{name: prompt[name] for name in FIELDS} for prompt in prompts]
    return {
        "format": FORMAT,
        "version": VERSION,
        "exported_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "source": source,
        "count": len(plain),
        "checksum": checksum(plain),
        "prompts": plain,
    }


def checksum(prompts: Iterable[Json]) -> str:
    """Return what two lists have in common exactly when their prompts are the same, in whatever order."""
    ordered = sorted(prompts, key=lambda prompt: str(prompt.get("key")))
    text = json.dumps(ordered, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def written(made: Json) -> str:
    """Return a document as text, one field a line."""
    return json.dumps(made, ensure_ascii=False, indent=2) + "\n"


def parse(text: str, *, accept_changed: bool = False) -> list[Json]:
    """Return the prompts of a document; InvalidParams names line and field of everything that is wrong with it."""
    text = text.removeprefix("\ufeff")
    try:
        found = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
        places = find(text)
    except json.JSONDecodeError as error:
        _refuse([(error.lineno, "", f"this is not JSON: {error.msg} (column {error.colno})")])
    except (ValueError, RecursionError) as error:
        _refuse([(1, "", f"this is not JSON: {error}")])
    problems = [(line, path, "stands there twice") for line, path in places.twice]
    problems += [(places.line(path), path, reason) for path, reason in _problems(found, places)]
    if not problems and not accept_changed:
        problems += [(places.line(path), path, reason) for path, reason in _changes(found)]
    if problems:
        _refuse(sorted(problems))
    prompts: list[Json] = found["prompts"]
    return prompts


def as_sql(made: Json, *, update: bool = True) -> str:
    """Return a document as a migration, which does nothing where the prompts are so already."""
    source = " ".join(str(made.get("source")).split())
    count = len(made["prompts"])
    title = f"-- {count} {'prompt' if count == 1 else 'prompts'} of {source}, {made['checksum']}.\n"
    if not made["prompts"]:
        return title
    rows = ",\n".join(json.dumps(prompt, ensure_ascii=False) for prompt in made["prompts"])
    quote = "$prompts$"
    while quote in rows:
        quote = f"{quote[:-1]}_$"
    what = "Creates or changes them" if update else "Creates those that are missing"
    return (
        f"{title}-- {what}; a second run does nothing.\n"
        f"select private.load_prompts({quote}[\n{rows}\n]{quote}::jsonb, p_update => {str(update).lower()});\n"
    )


def decode(data: bytes) -> str:
    """Return the text of a document; InvalidParams names the line that is not UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        _refuse([(data.count(b"\n", 0, error.start) + 1, "", "this is not UTF-8: save the file in that encoding")])


def _problems(found: Any, places: Places) -> Problems:
    if not isinstance(found, dict):
        yield "", "a document is an object with format, version and prompts"
        return
    yield from _fields(found, META, REQUIRED_META, NOTES, "")
    prompts = found.get("prompts")
    first: dict[str, str] = {}
    for number, prompt in enumerate(prompts if isinstance(prompts, list) else []):
        place = f"prompts.{number}"
        if not isinstance(prompt, dict):
            yield place, "must be an object with key, category and content"
            continue
        yield from _fields(prompt, FIELDS, REQUIRED, (), f"{place}.")
        key, field = prompt.get("key"), f"{place}.key"
        if isinstance(key, str) and first.setdefault(key, field) != field:
            yield field, f'"{key}" is there twice: line {places.line(first[key])} has it too'


def _fields(found: Json, known: Rules, required: Iterable[str], others: Iterable[str], place: str) -> Problems:
    for name in required:
        if name not in found:
            yield f"{place}{name}", "is missing"
    for name, value in found.items():
        if name in known:
            fits, rule = known[name]
            if not fits(value):
                yield f"{place}{name}", rule + _length(value)
        elif name not in others:
            yield f"{place}{name}", f"is no field here; known are {', '.join((*known, *others))}"


def _length(value: Any) -> str:
    return f"; it has {len(value)}" if isinstance(value, str) and len(value) > 40 else ""


def _changes(found: Json) -> Problems:
    count = len(found["prompts"])
    if found.get("count") != count:
        yield (
            "count",
            f"says {json.dumps(found.get('count'))}, but there are {count} prompts: something was cut off or added",
        )
    if found.get("checksum") != checksum(found["prompts"]):
        yield (
            "checksum",
            "does not fit: prompts were changed after the export. If that was meant, import it with accept_changed",
        )


def _refuse(problems: list[tuple[int, str, str]]) -> NoReturn:
    told = [
        {"line": line, "field": _shown(field) or "body", "reason": _shown(why)}
        for line, field, why in problems[:MOST_PROBLEMS]
    ]
    more = len(problems) - 1
    first = told[0]
    raise InvalidParams(
        f"{sentence(first)}." + (f" And {more} more." if more else ""), **first, problems=told, count=len(problems)
    )


def _shown(text: str) -> str:
    """Return a text that any terminal can print, and none obeys: names are whatever somebody wrote there."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def sentence(problem: Json) -> str:
    """Return a problem as people read it: `line 41: prompts.6.content: must have ...`."""
    field = "" if problem["field"] == "body" else f"{problem['field']}: "
    return f"line {problem['line']}: {field}{problem['reason']}"


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no value")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large a number")
    return number
