"""The rules of random histories with batches in them, among all that can happen to single generations."""

from __future__ import annotations

import uuid
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import multiple, rule

from tests.factories import Json
from tests.sql.histories import Histories, connections, fates, policies
from tests.sql.works import Batch, Work


class BatchHistories(Histories):
    """What happens to batches; their items are generations like others."""

    @rule(
        target=Histories.works, who=st.integers(0, 1), images=st.lists(st.integers(1, 4), min_size=1, max_size=4),
        policy=policies, partial=st.booleans(), fate=fates, at=connections,
    )  # fmt: skip
    def create_batch(self, who: int, images: list[int], policy: str, partial: bool, fate: str, at: int) -> Any:
        items = [{"model": f"test/{policy}", "prompt": "x", "params": {"num_images": n}} for n in images]
        prices, wallet, line = [2 * n for n in images], self.wallets[who], self.lines[who]
        made = self.keyed(
            fate, at, lambda s, **r: s.as_user(self.users[who], "create_batch", **r),
            {"p_items": items, "p_partial": partial}, {"p_partial": not partial},
            lambda: Batch.start(wallet, line, prices, policy=policy, partial=partial), Batch.told, read_batch,
        )  # fmt: skip
        if made is None:
            return multiple()
        batch, answer = made
        batch.id = answer["id"]
        self.name_items(batch, answer)
        return multiple(*batch.works)

    def name_items(self, batch: Batch, answer: Json) -> list[Work]:
        """Learn the ids of new items; returns those."""
        new = []
        for work, item in zip(batch.works, answer["items"]["data"], strict=True):
            if work.id is None:
                work.id = item["generation_id"]
                work.hold.id = self.pool[0].one("select reservation_id::text from generations where id = %s", work.id)
                new.append(work)
        return new

    @rule(work=Histories.works, fate=fates, at=connections)
    def cancel_batch(self, work: Work, fate: str, at: int) -> None:
        batch = work.batch
        if batch is not None:
            owner = self.users[self.wallets.index(batch.wallet)]
            self.run(
                fate, at, lambda s: s.as_user(owner, "cancel_batch", p_batch_id=batch.id),
                lambda: batch.cancel().told(), read_batch,
            )  # fmt: skip

    @rule(target=Histories.works, work=Histories.works, fails=st.booleans(), fate=fates, at=connections)
    def retry_batch(self, work: Work, fails: bool, fate: str, at: int) -> Any:
        batch = work.batch
        if batch is None:
            return multiple()
        if fails:
            self.take_up(work, 60, "once", at)
            self.fail_now(work, 0, "final", "once", at)
        owner = self.users[self.wallets.index(batch.wallet)]
        request, tried = {"p_batch_id": batch.id, "p_idempotency_key": uuid.uuid4().hex}, []

        def predict() -> Any:
            if not tried:
                tried.append(batch.retry())
            return batch.told()

        answer = self.run(fate, at, lambda s: s.as_user(owner, "retry_batch", **request), predict, read_batch)
        return multiple(*(self.name_items(batch, answer) if answer else []))


def read_batch(row: Json) -> Any:
    """What a batch tells, as Batch.told has it."""
    items = [(item["status"], item["waiting"], item["attempt"]) for item in row["items"]["data"]]
    return items, len(row["refused"]), (row["credits"]["reserved"], row["credits"]["charged"]), row["retries"]
