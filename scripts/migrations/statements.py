"""Split SQL into its statements, as psql and the Supabase CLI do, and remember where each one stands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
      (?P<line_comment>--[^\n]*)
    | (?P<block_comment>/\*)
    | (?P<escape_string>(?<![\w$])[eE]'(?:[^'\\]|\\.|'')*'?)
    | (?P<string>'(?:[^']|'')*'?)
    | (?P<identifier>"(?:[^"]|"")*"?)
    | (?P<dollar>(?<![\w$])\$(?:[^\W\d]\w*)?\$)
    | (?P<word>[^\W\d][\w$]*)
    | (?P<open>[(\[])
    | (?P<close>[)\]])
    | (?P<end>;)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")


@dataclass(frozen=True)
class Statement:
    """One statement: its text with the comments before it, its bare code, and where the text starts."""

    text: str
    code: str
    offset: int
    line: int

    def line_at(self, position: int | None) -> int:
        """Return the line of the file for a character position (from 1) that PostgreSQL reported, or of the code."""
        if position is None:
            position = self._first_code_position()
        return self.line + self.text.count("\n", 0, position - 1)

    def _first_code_position(self) -> int:
        for kind, start, _ in _tokens(self.text):
            if kind not in ("line_comment", "block_comment"):
                return start + 1
        return 1


def split(sql: str) -> list[Statement]:
    """Return the statements of a file in order; text after the last one (a comment) is an entry without code."""
    found: list[Statement] = []
    start = 0
    for end in _ends(sql):
        _add(found, sql, start, end)
        start = end + 1
    _add(found, sql, start, len(sql))
    return found


def same_text(sql: str, recorded: Sequence[str]) -> bool:
    """Tell whether a file still is what was recorded, whoever split it: only blanks and `;` may stand between."""
    sql, position = _newlines(sql), 0
    for statement in map(_newlines, recorded):
        position = _skip_gap(sql, position)
        if not sql.startswith(statement, position):
            return False
        position += len(statement)
    return _skip_gap(sql, position) == len(sql)


def without_comments(sql: str) -> str:
    """Return the SQL with each comment replaced by one blank."""
    pieces, position = [], 0
    for kind, start, end in _tokens(sql):
        if kind in ("line_comment", "block_comment"):
            pieces += [sql[position:start], " "]
            position = end
    return "".join([*pieces, sql[position:]])


def _add(found: list[Statement], sql: str, start: int, end: int) -> None:
    raw = sql[start:end]
    text = raw.strip()
    if text:
        offset = start + len(raw) - len(raw.lstrip())
        found.append(Statement(text, without_comments(text).strip(), offset, sql.count("\n", 0, offset) + 1))


def _ends(sql: str) -> Iterator[int]:
    """Yield where each statement's semicolon stands."""
    parentheses = blocks = 0
    previous = ""
    for kind, start, end in _tokens(sql):
        if kind == "end" and not parentheses and not blocks:
            yield start
        elif kind == "open":
            parentheses += 1
        elif kind == "close":
            parentheses = max(0, parentheses - 1)
        word = sql[start:end].lower() if kind == "word" else ""
        blocks = _blocks(blocks, previous, word)
        if kind not in ("line_comment", "block_comment"):
            previous = word


def _blocks(depth: int, previous: str, word: str) -> int:
    """Return how deep in `begin atomic ... end` the next token is: only there do semicolons not end a statement."""
    if previous == "begin" and word == "atomic":
        return depth + 1
    if depth and word == "case":
        return depth + 1
    return max(0, depth - 1) if word == "end" else depth


def _tokens(sql: str) -> Iterator[tuple[str, int, int]]:
    position = 0
    while match := _TOKEN.search(sql, position):
        kind, start, position = str(match.lastgroup), match.start(), match.end()
        if kind == "block_comment":
            position = _block_comment_end(sql, start)
        elif kind == "dollar":
            close = sql.find(match.group(), position)
            position = len(sql) if close < 0 else close + len(match.group())
        yield kind, start, position


def _block_comment_end(sql: str, start: int) -> int:
    depth = 0
    for edge in _COMMENT_EDGE.finditer(sql, start):
        depth += 1 if edge.group() == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(sql)


def _skip_gap(sql: str, position: int) -> int:
    while position < len(sql) and (sql[position] == ";" or sql[position].isspace()):
        position += 1
    return position


def _newlines(text: str) -> str:
    return text.replace("\r\n", "\n")
