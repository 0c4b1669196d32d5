"""What users are told by the clock."""

from __future__ import annotations

from typing import Any

from backend.deps import Deps
from backend.rpc.credits import notify_expiring

Json = dict[str, Any]


def expiring(deps: Deps) -> Json:
    """Tell everybody whose credits expire within the days that private.settings says; once per lot."""
    service, lots = deps.rpc.as_service(), 0
    page = notify_expiring(service)
    while page["next"]:
        lots += page["lots"]
        page = notify_expiring(service, after=page["next"]["expires_at"], after_id=page["next"]["grant_id"])
    return {"lots": lots + page["lots"]}
