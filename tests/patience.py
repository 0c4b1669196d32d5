"""How long tests wait: long for what must come at last, and by the machine's load where quick is what is promised."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

LONG = 60.0
MOST_TIMES = 10.0


def eventually(
    truth: Callable[[], Any], *, seconds: float = LONG, why: Callable[[], str] = lambda: "it never came true"
) -> None:
    """Wait until something is true; give a limit only where being slower would be wrong."""
    until = time.monotonic() + seconds
    while not truth():
        assert time.monotonic() < until, why()
        time.sleep(0.05)


def within(seconds: float) -> float:
    """Return the limit for something that is promised to be quick, wider by as much as this machine is overloaded."""
    overload = os.getloadavg()[0] / (os.cpu_count() or 1)
    return seconds * min(max(overload, 1.0), MOST_TIMES)
