"""The feature flags that code asks for, each with the default that counts while its row is missing."""

from __future__ import annotations

from collections.abc import Mapping

# A migration makes the row with the same default. The rows, not these, say what is on: docs/flags.md.
FLAGS: dict[str, bool] = {
    "generations": True,
    "batches": True,
    "payments": True,
    "sign_ups": True,
    "image_processing": True,
    "charts": True,
    "animations": True,
    "cloud_services": True,
    "perf_monitoring": False,
}
# The database asks for these itself, so that nobody gets past them by calling it. A process can only close them.
ASKED_IN_SQL = frozenset({"generations", "batches", "payments"})
# Asked by Supabase Auth alone: no process of ours stands before it.
ASKED_BY_AUTH = "sign_ups"

PREFIX = "FLAG_"
VARIABLES = {PREFIX + key.upper(): key for key in FLAGS if key != ASKED_BY_AUTH}
_WORDS = {"on": True, "off": False}


def overrides(given: Mapping[str, str]) -> tuple[dict[str, bool], list[str]]:
    """Return what FLAG_<KEY> variables switch on or off in this process, and what is wrong with them."""
    named = {name: value for name, value in given.items() if name.startswith(PREFIX)}
    problems = [_unknown(name) for name in named if name not in VARIABLES]
    good = {VARIABLES[name]: _WORDS.get(value.lower()) for name, value in named.items() if name in VARIABLES}
    problems += [f"{PREFIX}{key.upper()} must be on or off" for key, on in good.items() if on is None]
    return {key: on for key, on in good.items() if on is not None}, problems


def _unknown(name: str) -> str:
    if name == PREFIX + ASKED_BY_AUTH.upper():
        return f"{name} has no effect: Supabase Auth asks the row. Change that, see docs/flags.md"
    return f"{name} is no feature flag: expected one of {', '.join(VARIABLES)}"
