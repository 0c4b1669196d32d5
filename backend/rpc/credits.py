"""Credits: what a user sees and reserves, and what the service grants, settles and gives back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from backend.rpc.client import Caller

Json = dict[str, Any]


def get_credit_balance(caller: Caller) -> Json:
    """Return balance, held, available and what expires next."""
    found: Json = caller.call("get_credit_balance")
    return found


def list_credit_transactions(caller: Caller, *, before: int | None = None, limit: int = 50) -> Json:
    """Return one page of the user's ledger, newest first."""
    page: Json = caller.call("list_credit_transactions", p_before=before, p_limit=limit)
    return page


def get_balance_at(caller: Caller, *, at: str) -> Json:
    """Return the user's posted credits at a time."""
    found: Json = caller.call("get_balance_at", p_at=at)
    return found


def get_credit_usage(caller: Caller, *, since: str | None = None, until: str | None = None, by: str = "day") -> Json:
    """Return what was spent in [since, until), by day, action or model."""
    found: Json = caller.call("get_credit_usage", p_from=since, p_to=until, p_by=by)
    return found


def reserve_credits(
    caller: Caller, *, amount: int, idempotency_key: str, ttl_seconds: int = 900, reference: str | None = None
) -> Json:
    """Hold credits before work."""
    reservation: Json = caller.call(
        "reserve_credits",
        p_amount=amount,
        p_idempotency_key=idempotency_key,
        p_ttl_seconds=ttl_seconds,
        p_reference=reference,
    )
    return reservation


def grant_credits(
    caller: Caller,
    *,
    user_id: UUID | str,
    amount: int,
    source: str,
    idempotency_key: str,
    expires_at: str | None = None,
    reason: str | None = None,
    reference: str | None = None,
) -> Json:
    """Bring credits in, once per key."""
    transaction: Json = caller.call(
        "grant_credits",
        p_user_id=user_id,
        p_amount=amount,
        p_source=source,
        p_idempotency_key=idempotency_key,
        p_expires_at=expires_at,
        p_reason=reason,
        p_reference=reference,
    )
    return transaction


def confirm_reservation(caller: Caller, *, reservation_id: UUID | str, amount: int | None = None) -> Json:
    """Take the held credits: all of them, or this amount."""
    reservation: Json = caller.call("confirm_reservation", p_reservation_id=reservation_id, p_amount=amount)
    return reservation


def release_reservation(caller: Caller, *, reservation_id: UUID | str, reason: str | None = None) -> Json:
    """Give the held credits back untouched."""
    reservation: Json = caller.call("release_reservation", p_reservation_id=reservation_id, p_reason=reason)
    return reservation


def renew_reservation(caller: Caller, *, reservation_id: UUID | str, ttl_seconds: int) -> Json:
    """Extend an open hold."""
    reservation: Json = caller.call("renew_reservation", p_reservation_id=reservation_id, p_ttl_seconds=ttl_seconds)
    return reservation


def refund_transaction(caller: Caller, *, transaction_id: int, amount: int, reason: str, idempotency_key: str) -> Json:
    """Restore credits that a transaction took, to the lots that it took them from."""
    transaction: Json = caller.call(
        "refund_transaction",
        p_transaction_id=transaction_id,
        p_amount=amount,
        p_reason=reason,
        p_idempotency_key=idempotency_key,
    )
    return transaction


def sweep_credits(caller: Caller, *, limit: int = 100) -> Json:
    """Tidy expired holds and lots; return what was done."""
    done: Json = caller.call("sweep_credits", p_limit=limit)
    return done


def verify_ledger(caller: Caller, *, wallet_id: UUID | str | None = None) -> list[Json]:
    """Return the problems found in the ledger; none when it is sound."""
    problems: list[Json] = caller.call("verify_ledger", p_wallet_id=wallet_id)
    return problems


def trial_balance(caller: Caller) -> list[Json]:
    """Return the totals per kind and counter account."""
    totals: list[Json] = caller.call("trial_balance")
    return totals


def notify_expiring(
    caller: Caller, *, after: str | None = None, after_id: UUID | str | None = None, limit: int = 500
) -> Json:
    """Tell the owners of the next lots that expire soon, once per lot; return where to go on."""
    done: Json = caller.call("notify_expiring", p_after=after, p_after_id=after_id, p_limit=limit)
    return done
