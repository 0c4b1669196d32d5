"""Feature flags for the signed-in user, and the decorator that closes a view while its flag is off."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, cast

import structlog
from flask import current_app
from pydantic import Field

from backend.config import Settings
from backend.errors import FeatureDisabled
from backend.flags import ASKED_BY_AUTH, ASKED_IN_SQL, FLAGS
from backend.metrics import saw_missing_flag
from backend.rpc.client import Caller
from backend.rpc.flags import get_flags
from backend.web.auth import current_caller, current_user
from backend.web.openapi import Answer, blueprint, user_answers

log = structlog.get_logger(__name__)

bp = blueprint("flags", __name__, prefix="/api/v1/flags", tag="flags", signed_in=True)

View = Callable[..., Any]

SECONDS = 3.0  # what a change may take to reach a process; it promises 5
USERS = 10_000
MISSING_SECONDS = 60.0


class FlagStates(Answer):
    """Which features are on for me, in the process that answers; not older than 3 seconds."""

    flags: dict[str, bool] = Field(examples=[{"charts": True, "animations": False}])
    overridden: list[str] = Field(description="Flags that the configuration of this process decides, not their rows.")


class Flags:
    """What this process knows of flags: its overrides, and for a few seconds what the rows say of each user."""

    def __init__(self, settings: Settings, *, room: int = USERS, clock: Callable[[], float] = time.monotonic) -> None:
        self.overrides, self._strict = settings.flag_overrides, settings.testing_mode
        self._room, self._clock = room, clock
        self._known: dict[str, tuple[float, dict[str, bool]]] = {}
        self._missed: dict[str, float] = {}

    def of(self, user_id: str, caller: Caller) -> dict[str, bool]:
        """Return every flag for a user: the row, where an override does not decide."""
        rows = self._rows(user_id, caller)
        declared = {key: self._default(key) for key in FLAGS if key not in rows}
        return {key: self._decided(key, row) for key, row in (rows | declared).items()}

    def is_on(self, key: str, user_id: str, caller: Caller) -> bool:
        """Return whether a view may go on; the database asks for its own flags in the call that the view makes."""
        override = self.overrides.get(key)
        if override is None and key not in ASKED_IN_SQL:
            return self.of(user_id, caller)[key]
        return override is not False

    def _decided(self, key: str, row: bool) -> bool:
        override = self.overrides.get(key, row)
        return override and row if key in ASKED_IN_SQL else override

    def _rows(self, user_id: str, caller: Caller) -> dict[str, bool]:
        until, rows = self._known.get(user_id, (0.0, {}))
        asked_at = self._clock()
        if until <= asked_at:
            rows = get_flags(caller)
            if len(self._known) >= self._room:
                self._known.clear()
            self._known[user_id] = (asked_at + SECONDS, rows)  # from before the question: never older than that
        return rows

    def _default(self, key: str) -> bool:
        if self._strict:
            raise LookupError(f"the feature flag {key} has no row: a migration must insert one")
        saw_missing_flag(flag=key)
        now = self._clock()
        if self._missed.get(key, 0.0) <= now:
            self._missed[key] = now + MISSING_SECONDS
            log.error("flag_has_no_row", flag=key, on=FLAGS[key], mend="See docs/flags.md.")
        return FLAGS[key]


def require_flag(key: str) -> Callable[[View], View]:
    """Refuse a signed-in user with 403 while this flag is off for him.

    What generations, batches and payments guard, the database refuses by itself, also to who calls it past us; for
    these the decorator only looks at this process's override, and costs nothing.
    """
    if key not in FLAGS or key == ASKED_BY_AUTH:
        raise LookupError(f"{key} is no feature flag that a view can ask for: declare it in backend/flags.py")

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if not _flags().is_on(key, current_user().id, current_caller()):
                raise FeatureDisabled(flag=key)
            return view(*args, **kwargs)

        return guarded

    return decorate


@bp.get("", responses=user_answers(FlagStates))
def show() -> dict[str, Any]:
    """Show which features are on for me."""
    flags = _flags()
    return {"flags": flags.of(current_user().id, current_caller()), "overridden": sorted(flags.overrides)}


def _flags() -> Flags:
    return cast(Flags, current_app.extensions["flags"])
