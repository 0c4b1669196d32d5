"""What RQ runs. A job carries ids and nothing else; the rows they name decide what there is to do."""

from __future__ import annotations

from functools import cache

from backend.config import load_settings
from backend.core import batches, generations, stripe_events, topups
from backend.deps import Deps, build_deps
from backend.worker import stopping


@cache
def deps() -> Deps:
    """Return what jobs need; connections are made in the work horse."""
    return build_deps(load_settings())


def run_generation(generation_id: str, request_id: str | None = None) -> None:
    """Run one generation, if it is still to be run."""
    generations.run(
        deps(), generation_id, request_id=request_id, worker=stopping.worker_name(), stopping=stopping.is_due
    )


def build_archive(batch_id: str) -> None:
    """Pack the results of a batch."""
    batches.build_archive(deps(), batch_id, stopping=stopping.is_due)


def apply_stripe_event(event_id: str, request_id: str | None = None) -> None:
    """Move the books to what an event of Stripe is about, if that is still to be done."""
    stripe_events.apply(deps(), event_id, request_id=request_id)


def top_up(user_id: str) -> None:
    """Buy credits for somebody who asked for that, if they still fell below the threshold."""
    topups.run(deps(), user_id)
