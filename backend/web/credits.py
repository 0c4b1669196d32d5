"""Credits of the signed-in user: the balance, the ledger, its receipt, and what was used."""

from __future__ import annotations

from typing import Any

from flask import Response

from backend.errors import UserNotFound
from backend.rpc.credits import get_balance_at, get_credit_balance, get_credit_usage, list_credit_transactions
from backend.web.auth import current_caller
from backend.web.credit_schemas import (
    Balance,
    BalanceAt,
    BalanceQuery,
    ReceiptQuery,
    TransactionPage,
    TransactionQuery,
    Usage,
    UsageQuery,
)
from backend.web.files import MEDIA
from backend.web.openapi import blueprint, file_answers, user_answers
from backend.web.receipts import receipt

bp = blueprint("credits", __name__, prefix="/api/v1/credits", tag="credits", signed_in=True)


@bp.get("/balance", responses=user_answers(Balance, UserNotFound, otherwise=BalanceAt))
def balance(query: BalanceQuery) -> dict[str, Any]:
    """Show what is there, what is held, and what expires next; or what the ledger said at a time."""
    if query.at is not None:
        return get_balance_at(current_caller(), at=query.at.isoformat())
    return get_credit_balance(current_caller())


@bp.get("/usage", responses=user_answers(Usage))
def usage(query: UsageQuery) -> dict[str, Any]:
    """Add up what was spent, by day, action or model."""
    since, until = (time.isoformat() if time else None for time in (query.from_, query.to))
    return get_credit_usage(current_caller(), since=since, until=until, by=query.by)


@bp.get("/transactions", responses=user_answers(TransactionPage))
def transactions(query: TransactionQuery) -> dict[str, Any]:
    """List the ledger, newest first."""
    return list_credit_transactions(current_caller(), before=query.before, limit=query.limit)


@bp.get(
    "/transactions/export", responses=file_answers("The whole ledger, oldest first, with its chain.", *MEDIA.values())
)
def export(query: ReceiptQuery) -> Response:
    """Download the ledger as a receipt that can be checked offline."""
    headers = {"Content-Disposition": f'attachment; filename="credits.{query.format}"'}
    return Response(receipt(current_caller(), query.format), content_type=MEDIA[query.format], headers=headers)
