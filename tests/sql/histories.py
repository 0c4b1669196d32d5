"""The rules of the random histories: everything that can happen to two users, their wallets and their generations.

Every operation may come once, twice, or first in a transaction whose connection dies before the commit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, initialize, multiple, rule, run_state_machine_as_test

from tests.factories import Json
from tests.sql.books import NEVER, Hold, Wallet
from tests.sql.comparison import POLICIES, TICK, Comparison, Direct
from tests.sql.works import HOLD_SECONDS, Work

amounts = st.integers(1, 12)
parts = st.none() | st.sampled_from([0, 1, 3, 12, 40])
seconds = st.sampled_from([30, 60, 90, 300])
fates = st.sampled_from(["once", "once", "once", "twice", "twice", "dies first"])
connections = st.integers(0, 2)
policies = st.sampled_from([*POLICIES, "debt"])


class Histories(Comparison):
    """What happens; Comparison says what must come of it."""

    holds = Bundle("holds")
    works = Bundle("works")

    @initialize(target=holds, policies=st.tuples(policies, policies))
    def hold_something(self, policies: tuple[str, str]) -> Any:
        """A history begins in the middle of things: each user has an open hold and, below, a running generation."""
        return multiple(*(self.reserve_now(who, 5, 90, policies[who], "once", who) for who in (0, 1)))

    @initialize(target=works, policies=st.tuples(policies, policies))
    def generate_something(self, policies: tuple[str, str]) -> Any:
        return multiple(*(self.create_now(who, 2, policies[who], True, "once", who) for who in (0, 1)))

    # Credits

    @rule(
        who=st.integers(0, 1), amount=amounts, paid=st.booleans(), lasts=st.none() | seconds, fate=fates, at=connections
    )
    def grant(self, who: int, amount: int, paid: bool, lasts: int | None, fate: str, at: int) -> None:
        wallet = self.wallets[who]
        ends = self.moment + TICK + 1000 * lasts if lasts else NEVER
        expires_at = lasts and self.pool[0].one("select timestamptz 'epoch' + %s * interval '1 millisecond'", ends)
        request = {"p_amount": amount, "p_source": "purchase" if paid else "promotion", "p_expires_at": expires_at}
        (lot, _), answer = self.keyed(
            fate, at, lambda s, **r: s.as_service("grant_credits", p_user_id=self.users[who], **r), request,
            {"p_amount": amount + 1}, lambda: (wallet.grant(amount, paid=paid, ends=ends), wallet.balance),
            lambda made: made[1], lambda row: row["balance_after"],
        ) or pytest.fail("a grant was refused")  # fmt: skip
        lot.id = answer["lots"][0]["grant_id"]

    @rule(
        target=holds, who=st.integers(0, 1), amount=amounts, lasts=seconds, policy=policies, fate=fates, at=connections
    )
    def reserve(self, who: int, amount: int, lasts: int, policy: str, fate: str, at: int) -> Any:
        made = self.reserve_now(who, amount, lasts, policy, fate, at)
        return made or multiple()

    def reserve_now(
        self, who: int, amount: int, lasts: int, policy: str, fate: str, at: int
    ) -> tuple[int, Hold] | None:
        wallet = self.wallets[who]
        made = self.keyed(
            fate, at, lambda s, **r: s.as_user(self.users[who], "reserve_credits", **r),
            {"p_amount": amount, "p_ttl_seconds": lasts}, {"p_amount": amount + 1},
            lambda: wallet.reserve(amount, seconds=lasts), lambda hold: (hold.amount, hold.status),
            lambda row: (row["amount"], row["status"]),
        )  # fmt: skip
        if made is None:
            return None
        hold, answer = made
        hold.id, hold.policy = answer["id"], policy
        # Only models choose a policy, a bare hold collects; here all three meet all that can happen to a hold.
        self.pool[0].connection.execute(
            "update credit_reservations set late_settle = %s where id = %s", [policy, hold.id]
        )
        return who, hold

    def on_hold(
        self, fate: str, at: int, hold: Hold, predict: Callable[[], Hold], function: str, **arguments: Json
    ) -> None:
        self.run(
            fate, at, lambda s: s.as_service(function, p_reservation_id=hold.id, **arguments),
            lambda: (predict().status, hold.confirmed, hold.absorbed),
            lambda row: (row["status"], row["confirmed_amount"], row["absorbed_amount"]),
        )  # fmt: skip
        self.find_usage(hold)

    @rule(held=holds, credits=parts, fate=fates, at=connections)
    def confirm(self, held: tuple[int, Hold], credits: int | None, fate: str, at: int) -> None:
        wallet, hold = self.wallets[held[0]], held[1]
        self.on_hold(fate, at, hold, lambda: wallet.settle(hold, credits), "confirm_reservation", p_amount=credits)

    @rule(held=holds, fate=fates, at=connections)
    def release(self, held: tuple[int, Hold], fate: str, at: int) -> None:
        wallet, hold = self.wallets[held[0]], held[1]
        self.on_hold(fate, at, hold, lambda: wallet.release(hold), "release_reservation")

    @rule(held=holds, lasts=seconds, fate=fates, at=connections)
    def renew(self, held: tuple[int, Hold], lasts: int, fate: str, at: int) -> None:
        wallet, hold = self.wallets[held[0]], held[1]
        self.on_hold(fate, at, hold, lambda: wallet.renew(hold, lasts), "renew_reservation", p_ttl_seconds=lasts)

    @rule(held=holds, credits=parts, fate=fates, at=connections)
    def refund_hold(self, held: tuple[int, Hold], credits: int | None, fate: str, at: int) -> None:
        self.refund(self.wallets[held[0]], held[1], credits, fate, at)

    @rule(work=works, credits=parts, fate=fates, at=connections)
    def refund_work(self, work: Work, credits: int | None, fate: str, at: int) -> None:
        self.refund(work.wallet, work.hold, credits, fate, at)

    def refund(self, wallet: Wallet, hold: Hold, credits: int | None, fate: str, at: int) -> None:
        usage = hold.usage
        if usage is None:
            return
        self.keyed(
            fate, at, lambda s, **r: s.as_service("refund_transaction", p_transaction_id=usage.id, **r),
            {"p_amount": credits, "p_reason": "x"}, {"p_reason": "y"}, lambda: wallet.refund(usage, credits),
            lambda refunded: refunded, lambda row: row["amount"],
        )  # fmt: skip

    # Generations

    @rule(
        target=works,
        who=st.integers(0, 1),
        images=st.integers(1, 4),
        policy=policies,
        claimed=st.booleans(),
        fate=fates,
        at=connections,
    )
    def create(self, who: int, images: int, policy: str, claimed: bool, fate: str, at: int) -> Any:
        made = self.create_now(who, images, policy, claimed, fate, at)
        return made or multiple()

    def create_now(self, who: int, images: int, policy: str, claimed: bool, fate: str, at: int) -> Work | None:
        wallet = self.wallets[who]
        request = {"p_model_id": f"test/{policy}", "p_prompt": "x", "p_params": {"num_images": images}}
        made = self.keyed(
            fate, at, lambda s, **r: s.as_user(self.users[who], "create_generation", **r), request, {"p_prompt": "y"},
            lambda: Work(
                wallet, wallet.reserve(2 * images, seconds=HOLD_SECONDS, policy=policy), self.lines[who]
            ),
            lambda work: (work.status, work.waiting, work.hold.amount),
            lambda row: (row["status"], row["waiting"], row["credits"]["reserved"]),
        )  # fmt: skip
        if made is None:
            return None
        work, answer = made
        work.id = answer["id"]
        work.hold.id = self.pool[0].one("select reservation_id::text from generations where id = %s", work.id)
        if claimed:
            self.take_up(work, 60, fate, at)
        return work

    @rule(work=works, lease=st.sampled_from([40, 60, 400]), fate=fates, at=connections)
    def claim(self, work: Work, lease: int, fate: str, at: int) -> None:
        self.take_up(work, lease, fate, at)

    def take_up(self, work: Work, lease: int, fate: str, at: int) -> None:
        arguments = {"p_generation_id": work.id, "p_worker": "w", "p_lease_seconds": lease}
        self.run(
            fate, at, lambda s: s.as_service("claim_generation", **arguments), lambda: work.claim(lease),
            lambda row: row and row["attempt"],
        )  # fmt: skip

    def attempts(self, work: Work, back: int) -> dict[str, Any]:
        """The fence of the present attempt, or of an old one."""
        return {"p_generation_id": work.id, "p_attempt": max(0, work.attempt - back)}

    @rule(work=works, back=st.integers(0, 1), lease=st.sampled_from([50, 400]), fate=fates, at=connections)
    def heartbeat(self, work: Work, back: int, lease: int, fate: str, at: int) -> None:
        fence = self.attempts(work, back)
        self.run(
            fate, at, lambda s: s.as_service("heartbeat_generation", p_lease_seconds=lease, **fence),
            lambda: work.heartbeat(fence["p_attempt"], lease), lambda row: row["stop"],
        )  # fmt: skip

    @rule(work=works, back=st.sampled_from([0, 0, 1]), credits=parts, fate=fates, at=connections)
    def complete(self, work: Work, back: int, credits: int | None, fate: str, at: int) -> None:
        fence = self.attempts(work, back)
        self.run(
            fate, at, lambda s: s.as_service("complete_generation", p_outputs=[], p_credits=credits, **fence),
            lambda: work.complete(fence["p_attempt"], credits), lambda row: row["credits_charged"],
        )  # fmt: skip
        self.find_usage(work.hold)

    @rule(
        work=works, back=st.sampled_from([0, 0, 1]), how=st.sampled_from(["x", "x", "worker_stopped", "final"]),
        again=st.booleans(), fate=fates, at=connections,
    )  # fmt: skip
    def fail(self, work: Work, back: int, how: str, again: bool, fate: str, at: int) -> None:
        self.fail_now(work, back, how, fate, at)
        if again:
            self.take_up(work, 60, fate, at)

    def fail_now(self, work: Work, back: int, how: str, fate: str, at: int) -> None:
        fence, retryable = self.attempts(work, back), how != "final"
        arguments = {"p_error_code": how, "p_error_message": "", "p_retryable": retryable}
        self.run(
            fate, at, lambda s: s.as_service("fail_generation", **fence, **arguments),
            lambda: work.fail(fence["p_attempt"], retryable=retryable, handed_back=how == "worker_stopped"),
            lambda row: row["status"],
        )  # fmt: skip

    @rule(work=works, fate=fates, at=connections)
    def cancel(self, work: Work, fate: str, at: int) -> None:
        owner = self.users[self.wallets.index(work.wallet)]
        self.run(
            fate, at, lambda s: s.as_user(owner, "cancel_generation", p_generation_id=work.id), work.cancel,
            lambda row: row["status"],
        )  # fmt: skip

    # Time and the sweepers

    @rule(duration=st.sampled_from([5, 29, 45, 61, 301]))
    def let_time_pass(self, duration: int) -> None:
        self.tick(1000 * duration)

    @rule(duration=st.sampled_from([0, 0, 61]), fate=fates, at=connections)
    def sweep(self, duration: int, fate: str, at: int) -> None:
        self.tick(1000 * duration)

        def read(row: Json) -> list[str]:
            return sorted(["queued"] * row["requeued"] + ["failed"] * row["failed"] + ["canceled"] * row["canceled"])

        self.run(fate, at, lambda s: s.as_service("sweep_generations"), self.lose_workers, read)
        self.run(fate, at, lambda s: s.as_service("sweep_credits"), lambda: True, lambda row: row["wallets_tidied"] < 3)


def play(database: str, machine: type[Histories] = Histories, **more: Any) -> None:
    """Run random histories in this database."""
    pool = [Direct(psycopg.connect(database, autocommit=True)) for _ in range(3)]
    try:
        machine.use(database, pool)
        run_state_machine_as_test(
            machine,
            settings=settings(
                stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck), database=None, **more
            ),
        )
    finally:
        for sql in pool:
            sql.connection.close()
