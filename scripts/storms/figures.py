"""Figures of a system at work: how long generations wait for a worker."""

from __future__ import annotations

from typing import Any

from scripts.storms.stack import StormStack

# From being ready for a worker (not waiting for a slot of its user, nor for a back-off) to its first start.
WAITS = """
select g.batch_id is not null, extract(epoch from started.at - ready.at)
from (select generation_id, min(at) as at from storm.history
      where status = 'queued' and attempt = 0 and dispatch_at < 'infinity' group by 1) ready
join (select generation_id, min(at) as at from storm.history
      where status = 'running' group by 1) started using (generation_id)
join public.generations g on g.id = generation_id
where g.created_at >= %s and g.created_at < %s and started.at >= ready.at
order by 2
"""
KINDS = {"single": False, "in batches": True}
SHARES = {"p50": 0.5, "p99": 0.99}


def waits(stack: StormStack, since: Any, until: Any) -> dict[str, dict[str, float]]:
    """Return median and 99th percentile of enqueue-to-start in seconds, of what was created in between.

    Apart for single generations and those of batches, which workers take when no single one waits.
    """
    rows = stack.patiently(WAITS, (since, until))
    found = {name: [float(wait) for batched, wait in rows if batched == which] for name, which in KINDS.items()}
    return {name: _shares(waited) for name, waited in found.items() if waited}


def _shares(waited: list[float]) -> dict[str, float]:
    """`waited` in order."""
    return {name: round(waited[min(len(waited) - 1, int(len(waited) * share))], 3) for name, share in SHARES.items()}
