"""Users, for support staff and admins: found, looked at, suspended and restored, and given limits of their own."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Response

from backend.errors import InvalidState, UserNotFound
from backend.rpc.users import (
    admin_get_user,
    admin_limit_user,
    admin_list_credit_transactions,
    admin_list_users,
    admin_suspend_user,
)
from backend.web.admin_schemas import UserPath
from backend.web.auth import current_caller
from backend.web.credit_schemas import ReceiptQuery, Transaction, TransactionPage, TransactionQuery
from backend.web.files import download, listed, pages
from backend.web.openapi import admin_answers, blueprint
from backend.web.user_schemas import Because, NewLimits, Suspension, UserDetail, UserLimits, UserPage, UserQuery

bp = blueprint("users", __name__, prefix="/api/v1/admin/users", tag="admin", signed_in=True)

SUSPENDED = admin_answers(Suspension, UserNotFound, InvalidState)


@bp.get("", responses=admin_answers(UserPage))
def index(query: UserQuery) -> dict[str, Any]:
    """Search users by e-mail, name or id, newest first."""
    asked = query.model_dump(mode="json", exclude={"q"})
    return admin_list_users(current_caller(), query=query.q, **asked)


@bp.get("/<user_id>", responses=admin_answers(UserDetail, UserNotFound))
def show(path: UserPath) -> dict[str, Any]:
    """Show all of one user."""
    return admin_get_user(current_caller(), user_id=str(path.user_id))


@bp.get("/<user_id>/transactions", responses=admin_answers(TransactionPage, UserNotFound))
def transactions(path: UserPath, query: TransactionQuery) -> dict[str, Any]:
    """List a user's ledger, newest first."""
    return admin_list_credit_transactions(
        current_caller(), user_id=str(path.user_id), before=query.before, limit=query.limit
    )


@bp.get("/<user_id>/transactions/export", responses=listed("The whole ledger, newest first.", UserNotFound))
def export_transactions(path: UserPath, query: ReceiptQuery) -> Response:
    """Download a user's ledger."""
    found = pages(partial(admin_list_credit_transactions, current_caller(), user_id=str(path.user_id)))
    return download("credits", query.format, tuple(Transaction.model_fields), found)


@bp.post("/<user_id>/suspend", responses=SUSPENDED)
def suspend(path: UserPath, body: Because) -> dict[str, Any]:
    """Let a user neither spend nor sign in; what runs already ends as it would."""
    return _suspend(path, body, suspended=True)


@bp.post("/<user_id>/restore", responses=SUSPENDED)
def restore(path: UserPath, body: Because) -> dict[str, Any]:
    """Let a suspended user back in."""
    return _suspend(path, body, suspended=False)


@bp.put("/<user_id>/limits", responses=admin_answers(UserLimits, UserNotFound))
def limit(path: UserPath, body: NewLimits) -> dict[str, Any]:
    """Give a user a number of slots of his own."""
    return admin_limit_user(current_caller(), user_id=str(path.user_id), **body.model_dump())


def _suspend(path: UserPath, body: Because, *, suspended: bool) -> dict[str, Any]:
    return admin_suspend_user(current_caller(), user_id=str(path.user_id), suspended=suspended, **body.model_dump())
