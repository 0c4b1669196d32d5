"""Looking over the books while the service runs: what moved every minute, open holds often, both sides once a day,
and the chain of the audit log every hour.

Each look costs in proportion to what moved or is open; `verify_ledger` reads everything and is the operator's. What is
found stays in private.ledger_problems until it is gone, and alerts tell people once.
"""

from __future__ import annotations

from typing import Any

import structlog

from backend.deps import Deps
from backend.rpc import reconcile as rpc

Json = dict[str, Any]
log = structlog.get_logger(__name__)

PAGES = 20  # of 500 ledger rows, or 20,000 of the audit log; what is left is looked at next time


def wallets(deps: Deps) -> Json:
    """Verify every wallet that has moved since the last look; return the counts."""
    service, after = deps.rpc.as_service(), None
    done = {"rows": 0, "wallets": 0, "found": 0}
    for _ in range(PAGES):
        page = rpc.reconcile_wallets(service, after=after)
        done = {name: count + page[name] for name, count in done.items()}
        after = page["next"]
        if after is None:
            break
    return _told("wallets", done)


def holds(deps: Deps) -> Json:
    """Look for open holds that nobody will settle."""
    return _told("holds", rpc.reconcile_holds(deps.rpc.as_service()))


def audit_log(deps: Deps) -> Json:
    """Verify what is new in the audit log, and some of what is old again; return the counts."""
    service = deps.rpc.as_service()
    done = rpc.reconcile_audit_log(service)
    for _ in range(PAGES - 1):
        if not done["left"]:
            break
        page = rpc.reconcile_audit_log(service)
        done = {**{name: done[name] + page[name] for name in ("rows", "again", "found")}, "left": page["left"]}
    return _told("audit", done)


def books(deps: Deps) -> Json:
    """Compare both sides of the books."""
    return _told("books", rpc.reconcile_books(deps.rpc.as_service()))


def _told(source: str, done: Json) -> Json:
    if done["found"]:
        log.error("ledger_problems_found", source=source, **done)
    return done
