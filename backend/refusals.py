"""What the database says, as one of our errors."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from backend.errors import BY_CODE, AppError, Internal, InvalidParams, Unauthenticated, Unavailable

# A real conflict between two transactions: running the whole call again is the answer to it.
CONFLICTS = ("40001", "40P01")
# Connection lost, resources used up, operator intervened or timed out, lock not had in time, database read-only
# (a hosted project does that when its disk is full), and PostgREST or the gateway before it saying the same.
_OUTAGE = re.compile(r"08...|53...|57...|55P03|25006|PGRST00[0-3]|429|50[234]|52\d|530")
_NUL = "22P05"  # in a path or a query: bodies are looked at before (web/body.py)
_BAD_TOKEN = re.compile(r"PGRST30[123]")
_REFUSAL = re.compile(r"PT4\d\d")


def from_sql(state: str | None, message: str | None, detail: object = None, hint: str | None = None) -> AppError:
    """Return the error that a database refusal means; what nobody foresaw becomes Internal."""
    state, message = state or "", message or ""
    if message == Internal.code:  # its detail and hint are for us
        return Internal()
    if state.startswith("PT") and message in BY_CODE:
        return BY_CODE[message](hint, **_details(detail))
    if _REFUSAL.fullmatch(state) and re.fullmatch(r"[a-z_]+", message):
        return _newer_refusal(message, int(state[2:]), hint, _details(detail))
    if state in CONFLICTS or _OUTAGE.fullmatch(state):
        return Unavailable()
    if state == _NUL:
        return InvalidParams("Text must not hold NUL characters.")
    return Unauthenticated() if _BAD_TOKEN.fullmatch(state) else Internal()


def _details(detail: object) -> dict[str, Any]:
    try:
        found = json.loads(detail) if isinstance(detail, str) else detail
    except ValueError:
        return {}
    return {str(key): value for key, value in found.items()} if isinstance(found, Mapping) else {}


def _newer_refusal(code: str, status: int, hint: str | None, details: dict[str, Any]) -> AppError:
    """Return a refusal that a newer schema knows and this release does not: it stays a refusal, never a 500."""
    refusal = AppError(hint, **details)
    refusal.code, refusal.status = code, status
    return refusal
