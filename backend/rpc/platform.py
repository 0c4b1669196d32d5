"""Platform: what the database says about itself."""

from __future__ import annotations

from backend.rpc.client import Caller


def get_schema_version(caller: Caller) -> str | None:
    """Return the version of the newest applied migration."""
    version: str | None = caller.call("get_schema_version")
    return version
