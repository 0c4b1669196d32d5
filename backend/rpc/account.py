"""Account: who the signed-in user is."""

from __future__ import annotations

from typing import Any

from backend.rpc.client import Caller


def get_me(caller: Caller) -> dict[str, Any]:
    """Return the user's profile, role and credits."""
    me: dict[str, Any] = caller.call("get_me")
    return me
