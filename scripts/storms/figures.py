"""Figures of a system at work: how long generations wait for a worker."""

from __future__ import annotations

from typing import Any

from scripts.storms.stack import StormStack

# From being ready for a worker (not waiting for a slot of its user, nor for a back-off) to its first start.
WAITS = """
select extract(epoch from started.at - ready.at)
from (select generation_id, min(at) as at from storm.history
      where status = 'queued' and attempt = 0 and dispatch_at < 'infinity' group by 1) ready
join (select generation_id, min(at) as at from storm.history
      where status = 'running' group by 1) started using (generation_id)
join public.generations g on g.id = generation_id
where g.created_at >= %s and g.created_at < %s and started.at >= ready.at
order by 1
"""


def waits(stack: StormStack, since: Any, until: Any) -> dict[str, float]:
    """Return the median and the 99th percentile of enqueue-to-start in seconds, of what was created in between."""
    found = [float(row[0]) for row in stack.patiently(WAITS, (since, until))]
    if not found:
        return {}
    return {name: round(found[min(len(found) - 1, int(len(found) * share))], 3) for name, share in SHARES.items()}


SHARES = {"p50": 0.5, "p99": 0.99}
