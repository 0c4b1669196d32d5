"""Taking the price of what is no generation, also when the database is away just then.

A view that has succeeded has its price taken. When that can't be done, because the database went away or because its
answer was lost, the reservation is noted in Redis and the scheduler tries until it is decided. Taking twice is the same
as once. A hold that has run out meanwhile is settled late (`collect`): what is not available then is recorded as
absorbed. With Redis away too the log is all that is left: the hold runs out, and nobody is charged.
"""

from __future__ import annotations

import structlog

from backend.deps import Deps
from backend.errors import AppError
from backend.queue import RedisError
from backend.rpc.credits import confirm_reservation

log = structlog.get_logger(__name__)

BATCH = 500


def take(deps: Deps, reservation_id: str) -> None:
    """Take the held credits now, or have it done later; never raises, since what was paid for is there."""
    try:
        confirm_reservation(deps.rpc.as_service(), reservation_id=reservation_id)
    except AppError as error:
        log.warning("confirm_failed", reservation_id=reservation_id, code=error.code)
        _note(deps, reservation_id)


def _note(deps: Deps, reservation_id: str) -> None:
    try:
        deps.queue.note_unconfirmed(reservation_id)
    except RedisError as error:
        log.error("confirm_lost", reservation_id=reservation_id, error=str(error))


def take_noted(deps: Deps) -> dict[str, int]:
    """Take what could not be taken before; return how many. What the database refuses is given up, and said."""
    taken = 0
    for reservation_id in deps.queue.unconfirmed(BATCH):
        try:
            confirm_reservation(deps.rpc.as_service(), reservation_id=reservation_id)
            taken += 1
        except AppError as error:
            if error.status >= 500:
                raise
            log.error("confirm_refused", reservation_id=reservation_id, code=error.code)
        deps.queue.forget_unconfirmed(reservation_id)
    return {"taken": taken}
