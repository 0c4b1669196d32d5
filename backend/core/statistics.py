"""Rolling up statistics, a portion per transaction, so that a long history takes many short ones."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from backend.deps import Deps
from backend.rpc.statistics import roll_up_statistics

SECONDS = 3.0  # what is left then is for the next run; the scheduler has other things to do


def roll_up(deps: Deps) -> dict[str, Any]:
    """Count what is new; return how much it was, and whether there is more."""
    started, total, more = time.monotonic(), Counter[str](), True
    while more and time.monotonic() - started < SECONDS:
        counted = roll_up_statistics(deps.rpc.as_service())
        more = bool(counted.pop("more"))
        total.update(counted)
    return {**total, "more": more}
