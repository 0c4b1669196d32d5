"""Receipts: pages of the ledger with its chain, and the signed checkpoints of wallet heads."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from backend.rpc.client import Caller

Json = dict[str, Any]


def export_credit_transactions(caller: Caller, *, after: int | None = None, limit: int = 500) -> Json:
    """Return one page of the user's receipt, oldest first."""
    page: Json = caller.call("export_credit_transactions", p_after=after, p_limit=limit)
    return page


def list_ledger_keys(caller: Caller) -> list[Json]:
    """Return the public keys that have signed checkpoints, newest first."""
    keys: list[Json] = caller.call("list_ledger_keys")
    return keys


def list_unsigned_heads(caller: Caller, *, after: UUID | str | None = None, limit: int = 500) -> Json:
    """Look at the next wallets; return the day and the heads that are to be signed."""
    found: Json = caller.call("list_unsigned_heads", p_after=after, p_limit=limit)
    return found


def store_checkpoints(caller: Caller, *, public_key: str, day: str, checkpoints: list[Json]) -> Json:
    """Keep signed heads; one per wallet and day."""
    done: Json = caller.call("store_checkpoints", p_public_key=public_key, p_day=day, p_checkpoints=checkpoints)
    return done
