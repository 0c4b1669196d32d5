"""What differs between two texts, word by word."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import Any


def word_diff(before: str, after: str) -> list[dict[str, Any]]:
    """Return [{change: same | removed | added, text}]: without added it is `before`, without removed `after`."""
    old, new = _words(before), _words(after)
    parts = []
    for tag, i, j, k, n in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            parts.append({"change": "same", "text": "".join(old[i:j])})
        else:
            parts += [{"change": "removed", "text": "".join(old[i:j])}, {"change": "added", "text": "".join(new[k:n])}]
    return [part for part in parts if part["text"]]


def _words(text: str) -> list[str]:
    return re.findall(r"\w+|\s+|[^\w\s]", text)
