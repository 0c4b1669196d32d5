"""Bodies and queries as Stripe takes them: form-encoded, with nested keys such as `line_items[0][price]`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import parse_qsl

from scripts.local.stripe.errors import invalid, unknown_parameter

YES, NO = ("true", "True", "1"), ("false", "False", "0")
EVERYWHERE = ("expand",)


class Form:
    """A group of parameters; `path` is how an error names one of them."""

    def __init__(self, values: dict[str, Any], path: str = "") -> None:
        self.values = values
        self.path = path

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def named(self, name: str) -> str:
        """How an error names a parameter."""
        return f"{self.path}[{name}]" if self.path else name

    def text(self, name: str) -> str | None:
        """A string; empty counts as none."""
        value = self.values.get(name)
        if isinstance(value, dict | list):
            raise invalid(f"Invalid string: {value}", param=self.named(name))
        return value or None

    def need(self, name: str) -> str:
        """A string that must be there."""
        value = self.text(name)
        if value is None:
            raise invalid(
                f"Missing required param: {self.named(name)}.", code="parameter_missing", param=self.named(name)
            )
        return value

    def number(self, name: str) -> int | None:
        """A whole number."""
        value = self.text(name)
        if value is None:
            return None
        if not re.fullmatch(r"-?\d{1,15}", value):
            raise invalid(f"Invalid integer: {value}", code="parameter_invalid_integer", param=self.named(name))
        return int(value)

    def flag(self, name: str, default: bool = False) -> bool:
        """True or false."""
        value = self.text(name)
        if value is None:
            return default
        if value not in (*YES, *NO):
            raise invalid(f"Invalid boolean: {value}", param=self.named(name))
        return value in YES

    def one_of(self, name: str, *choices: str, default: str) -> str:
        """One of a few words."""
        value = self.text(name) or default
        if value not in choices:
            raise invalid(f"Invalid {name}: must be one of {', '.join(choices)}", param=self.named(name))
        return value

    def group(self, name: str) -> Form:
        """The parameters below a name; none when it is not given."""
        value = self.values.get(name) or {}
        if not isinstance(value, dict):
            raise invalid("Invalid object", param=self.named(name))
        return Form(value, self.named(name))

    def groups(self, name: str) -> list[Form]:
        """A list of groups."""
        value = self.values.get(name) or []
        if not isinstance(value, list):
            raise invalid("Invalid array", param=self.named(name))
        return [Form(each, f"{self.named(name)}[{index}]") for index, each in enumerate(value)]

    def texts(self, name: str) -> list[str]:
        """A list of strings."""
        value = self.values.get(name) or []
        if not isinstance(value, list):
            raise invalid("Invalid array", param=self.named(name))
        return [str(each) for each in value]

    def metadata(self, old: dict[str, str] | None = None) -> dict[str, str]:
        """What the caller keeps with an object; an empty value takes a key away."""
        given = self.group("metadata").values
        if len(given) > 50 or any(len(key) > 40 or len(str(value)) > 500 for key, value in given.items()):
            raise invalid("Metadata has at most 50 keys of 40 characters, with values of 500", param="metadata")
        merged = {**(old or {}), **{key: str(value) for key, value in given.items()}}
        return {key: value for key, value in merged.items() if value}

    def allow(self, names: Iterable[str]) -> None:
        """Refuse what is not among the names: `a`, `a.b` for a key below it, `a.*` for anything below."""
        known = {*names, *EVERYWHERE}
        for path in _leaves(self.values):
            parts = path.split(".")
            above = {".".join(parts[:count]) + ".*" for count in range(1, len(parts))}
            if path not in known and not above & known:
                raise unknown_parameter(path.replace(".", "[", 1).replace(".", "][") + ("]" if "." in path else ""))


def _leaves(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, path)
    else:
        yield path


def parse(encoded: str) -> Form:
    """Read a body or a query."""
    values: dict[str, Any] = {}
    for key, value in parse_qsl(encoded, keep_blank_values=True):
        path = re.findall(r"[^\[\]]+|(?<=\[)(?=\])", key)
        inner = values
        for name in path[:-1]:
            inner = inner.setdefault(name, {})
            if not isinstance(inner, dict):
                raise invalid(f"Invalid parameter {key}", param=key)
        last = path[-1] or str(len(inner))
        inner[last] = value
    return Form({name: _listed(value) for name, value in values.items()})


def _listed(value: Any) -> Any:
    """The same with lists where every key is a number."""
    if not isinstance(value, dict):
        return value
    inner = {name: _listed(each) for name, each in value.items()}
    if inner and all(name.isdigit() for name in inner):
        return [inner[name] for name in sorted(inner, key=int)]
    return inner
