"""The rule of random histories in which wallets are often in debt: by chance, one history in fifty grants to one."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.sql.histories import Histories, connections


class DebtHistories(Histories):
    """Work that costs far more than its hold, under the policy that lets it."""

    @rule(who=st.integers(0, 1), at=connections)
    def owe(self, who: int, at: int) -> None:
        made = self.reserve_now(who, 1, 90, "debt", "once", at)
        if made:
            wallet, hold = self.wallets[who], made[1]
            self.on_hold("once", at, hold, lambda: wallet.settle(hold, 60), "confirm_reservation", p_amount=60)
