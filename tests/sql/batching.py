"""What tests of batches start from."""

from __future__ import annotations

import uuid
from typing import Any

from tests.factories import Json, Sql


def items(count: int, **params: Json) -> list[Json]:
    """Different prompts for local/picture, 4 credits each."""
    return [{"model": "local/picture", "prompt": f"fox {n}", "params": params} for n in range(count)]


def batch(sql: Sql, user: uuid.UUID, count: int = 6, *, partial: bool = False, key: str | None = None) -> Json:
    """A batch of pictures."""
    request = {"p_items": items(count), "p_idempotency_key": key or uuid.uuid4().hex, "p_partial": partial}
    return sql.as_user(user, "create_batch", **request)


def seen(sql: Sql, user: uuid.UUID, made: Json) -> Json:
    """The batch as it is now."""
    return sql.as_user(user, "get_batch", p_batch_id=made["id"])


def run(sql: Sql, made: Json, *, fails: bool = False) -> Json:
    """Claim and settle one item; what settled."""
    claim = sql.claim({"id": made["generation_id"]})
    fence: dict[str, Any] = {"p_generation_id": claim["id"], "p_attempt": claim["attempt"]}
    if fails:
        failure = {"p_error_code": "x", "p_error_message": "no", "p_retryable": False}
        return sql.as_service("fail_generation", **fence, **failure)
    return sql.as_service("complete_generation", **fence, p_outputs=[{"path": f"u/{claim['id']}/1-0.png"}])


def run_all(sql: Sql, user: uuid.UUID, made: Json, *, failing: tuple[int, ...] = ()) -> None:
    """Settle every open item, in the order in which they get slots."""
    while True:
        ready = [i for i in seen(sql, user, made)["items"]["data"] if i["status"] == "queued" and not i["waiting"]]
        if not ready:
            return
        for item in ready:
            run(sql, item, fails=item["index"] in failing)


def sound(sql: Sql) -> bool:
    """The books agree."""
    balanced: bool = sql.problems() == [] and sql.trial_balance()[-1]["credits"] == 0
    return balanced
