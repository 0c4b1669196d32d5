"""Who may do what here, decided by owners."""

from __future__ import annotations

from typing import Any

from backend.errors import LastOwner, UserNotFound, UserSuspended
from backend.rpc.acts import admin_get_role_limits, admin_list_roles, admin_set_role, admin_set_role_limits
from backend.web.admin_schemas import (
    NewRole,
    NewRoleLimits,
    RoleChange,
    RoleLimits,
    RoleLimitsChange,
    RolePath,
    Staff,
    UserPath,
)
from backend.web.auth import current_caller
from backend.web.openapi import admin_answers, blueprint

bp = blueprint("roles", __name__, prefix="/api/v1/admin", tag="admin", signed_in=True)


@bp.get("/roles", responses=admin_answers(Staff))
def index() -> dict[str, Any]:
    """List everybody who has a role."""
    return {"data": admin_list_roles(current_caller())}


@bp.get("/roles/<role>/limits", responses=admin_answers(RoleLimits))
def limits(path: RolePath) -> dict[str, Any]:
    """Show how many credits a role may add or take away."""
    return admin_get_role_limits(current_caller(), role=path.role)


@bp.put("/roles/<role>/limits", responses=admin_answers(RoleLimitsChange))
def change_limits(path: RolePath, body: NewRoleLimits) -> dict[str, Any]:
    """Set how many credits a role may add or take away; what waits for approval is judged by the new ones."""
    return admin_set_role_limits(current_caller(), role=path.role, **body.model_dump())


@bp.put("/users/<user_id>/role", responses=admin_answers(RoleChange, UserNotFound, LastOwner, UserSuspended))
def change(path: UserPath, body: NewRole) -> dict[str, Any]:
    """Give somebody a role, or take it away; it counts at once, whatever a token claims."""
    return admin_set_role(current_caller(), user_id=str(path.user_id), **body.model_dump())
