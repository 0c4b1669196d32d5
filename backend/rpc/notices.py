"""Notices: what the signed-in user was told."""

from __future__ import annotations

from typing import Any

from backend.rpc.client import Caller


def list_notices(caller: Caller, *, before: int | None = None, limit: int = 50, unread: bool = False) -> dict[str, Any]:
    """Return one page of the user's notices, newest first, and how many are unread."""
    page: dict[str, Any] = caller.call("list_notices", p_before=before, p_limit=limit, p_unread=unread)
    return page


def mark_notices_read(caller: Caller, *, ids: list[int]) -> dict[str, Any]:
    """Mark notices as read; return how many are not."""
    left: dict[str, Any] = caller.call("mark_notices_read", p_ids=ids)
    return left
