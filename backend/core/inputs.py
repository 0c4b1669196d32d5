"""Files that a user gives to a model: a path in our storage becomes an address that can be read for a while."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.clients.storage import Storage
from backend.errors import InvalidParams

READABLE_SECONDS = 3600
BUCKETS = ("images", "batch-originals")


def with_addresses(storage: Storage, claim: Mapping[str, Any]) -> dict[str, Any]:
    """Return the params of a claimed generation, each file as a signed address; raises InvalidParams for others' files.

    The database checked whose file it is; here it is checked once more, where the service key is used.
    """
    params, properties = dict(claim["params"]), claim["params_schema"].get("properties", {})
    for name in [name for name in params if properties.get(name, {}).get("format") == "storage-path"]:
        bucket, path = _own_file(name, str(params[name]), claim["user_id"])
        address = storage.address(bucket, path, READABLE_SECONDS)
        if address is None:
            raise InvalidParams(f"params.{name}: there is no such file", field=f"params.{name}")
        params[name] = address
    return params


def _own_file(name: str, value: str, user_id: str) -> tuple[str, str]:
    bucket, _, path = value.partition("/")
    parts = path.split("/")
    if bucket not in BUCKETS or len(parts) < 2 or parts[0] != user_id or any(part in ("", ".", "..") for part in parts):
        raise InvalidParams(f"params.{name}: must be a file of your own", field=f"params.{name}")
    return bucket, path
