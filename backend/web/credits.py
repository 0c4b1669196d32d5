"""Credits of the signed-in user: the balance and the ledger."""

from __future__ import annotations

from typing import Any

from backend.errors import UserNotFound
from backend.rpc.credits import get_credit_balance, list_credit_transactions
from backend.web.auth import current_caller
from backend.web.openapi import blueprint, user_answers
from backend.web.schemas import Balance, TransactionPage, TransactionQuery

bp = blueprint("credits", __name__, prefix="/api/v1/credits", tag="credits", signed_in=True)


@bp.get("/balance", responses=user_answers(Balance, UserNotFound))
def balance() -> dict[str, Any]:
    """Show what is there, what is held, and what expires next."""
    return get_credit_balance(current_caller())


@bp.get("/transactions", responses=user_answers(TransactionPage))
def transactions(query: TransactionQuery) -> dict[str, Any]:
    """List the ledger, newest first."""
    return list_credit_transactions(current_caller(), before=query.before, limit=query.limit)
