"""The rule of random histories with gifts in them, among all that can happen to the credits that are given."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.sql.histories import Histories, amounts, connections, fates


class GiftHistories(Histories):
    """The two users give each other what they bought."""

    @rule(who=st.integers(0, 1), amount=amounts, fate=fates, at=connections)
    def gift(self, who: int, amount: int, fate: str, at: int) -> None:
        giver, other = self.wallets[who], self.wallets[1 - who]
        request = {"p_email": f"{self.users[1 - who]}@example.test", "p_credits": amount, "p_message": None}
        self.keyed(
            fate, at, lambda s, **r: s.as_user(self.users[who], "gift_credits", **r), request,
            {"p_credits": amount + 1}, lambda: giver.give(amount, other), lambda given: given,
            lambda row: row["credits"],
        )  # fmt: skip
