"""SQL under construction: text with placeholders, and the values for them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from psycopg import sql


@dataclass(frozen=True)
class Fragment:
    """A piece of SQL. Values of a caller are only ever parameters, and names go through `ident`."""

    text: str = ""
    params: tuple[Any, ...] = ()

    def __add__(self, other: Fragment | str) -> Fragment:
        if isinstance(other, str):
            return Fragment(self.text + other, self.params)
        return Fragment(self.text + other.text, self.params + other.params)

    def __radd__(self, other: str) -> Fragment:
        return Fragment(other + self.text, self.params)

    def __bool__(self) -> bool:
        return bool(self.text)


def ident(*names: str) -> str:
    """Return a quoted, qualified name that can stand in a text with placeholders."""
    return sql.Identifier(*names).as_string(None).replace("%", "%%")


def literal_sql(text: str) -> str:
    """Return SQL from the catalog, such as a default's expression, for a text with placeholders."""
    return text.replace("%", "%%")


def join(separator: str, fragments: Iterable[Fragment]) -> Fragment:
    """Join fragments with a separator between them."""
    parts = list(fragments)
    params = tuple(param for part in parts for param in part.params)
    return Fragment(separator.join(part.text for part in parts), params)
