"""A strict reading of JSON bodies, so that what passes can be stored and means one thing."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, NoReturn

from flask import Request

from backend.errors import InvalidParams

MAX_DEPTH = 32


class StrictRequest(Request):
    """A request whose JSON body is an object of plain values, or is refused with the reason."""

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """Return the body; whatever is not a JSON object that PostgreSQL can store is InvalidParams."""
        if self.content_type is None and not self.get_data():
            return {}  # no body: what all of its fields may leave out
        if not self.is_json:
            raise InvalidParams("Send the body as JSON, with Content-Type: application/json.", field="body")
        data = self.get_data()
        if len(data) < (self.content_length or 0):
            raise InvalidParams("The body was cut off on its way.", field="body")
        try:
            # UTF-8 alone, and no name twice: what stands before us must not have read another body than we do.
            text = data.decode("utf-8-sig")
            body = json.loads(text, parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_named_once)
        except (ValueError, RecursionError) as error:
            raise InvalidParams("The body is not valid JSON.", field="body") from error
        if not isinstance(body, dict):
            raise InvalidParams("The body must be a JSON object.", field="body")
        for path, text in _texts(body):
            if not _storable(text):
                raise InvalidParams("Text must not hold NUL characters or half characters.", field=path or "body")
        return body


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("number out of range")
    return number


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    named = dict(pairs)
    if len(named) < len(pairs):
        raise ValueError("a name stands there twice")
    return named


def _texts(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """Yield every text in the value, keys included, with the path of its field."""
    if depth > MAX_DEPTH:
        raise InvalidParams("The body is nested too deeply.", field=path or "body")
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, f"{path}.{index}" if isinstance(item, dict) else path, depth + 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield path, key
            yield from _texts(item, f"{path}.{key}" if path else key, depth + 1)


def _storable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half a character
        return False
    return "\0" not in text
