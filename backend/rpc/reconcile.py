"""Reconciling: looking over the books, bit by bit; what is found is kept in the database."""

from __future__ import annotations

from typing import Any

from backend.rpc.client import Caller

Json = dict[str, Any]


def reconcile_wallets(caller: Caller, *, after: int | None = None, limit: int = 500) -> Json:
    """Verify the wallets of the next ledger rows; return how many, and where to go on."""
    done: Json = caller.call("reconcile_wallets", p_after=after, p_limit=limit)
    return done


def reconcile_holds(caller: Caller) -> Json:
    """Look for open holds whose generation has ended or is gone."""
    done: Json = caller.call("reconcile_holds")
    return done


def reconcile_audit_log(caller: Caller, *, limit: int = 20000) -> Json:
    """Verify the next new rows of the audit log, and as many old ones again."""
    done: Json = caller.call("reconcile_audit_log", p_limit=limit)
    return done


def reconcile_books(caller: Caller) -> Json:
    """Sum both sides of the books."""
    done: Json = caller.call("reconcile_books")
    return done
