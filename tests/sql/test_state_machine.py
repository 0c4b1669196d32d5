"""Random histories against the real SQL over three connections: a plain model predicts every answer.

After each step the balance that the user reads and the sums in the tables are compared with the model; at the end of a
history every lot and every ledger row too. Time is moved, never waited for.

    SCRIP_EXAMPLES=20000 pytest tests/sql/test_state_machine.py     the long run
"""

from __future__ import annotations

import os

import pytest

from tests.sql.batch_histories import BatchHistories
from tests.sql.debt_histories import DebtHistories
from tests.sql.gift_histories import GiftHistories
from tests.sql.histories import play

# In each half as many as are enough for every one of the broken copies of test_broken_copies.py to be caught.
EXAMPLES = int(os.environ.get("SCRIP_EXAMPLES", "400"))


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("half", [1, 2])
def test_any_history_is_as_the_model_predicts(database: str, half: int) -> None:
    """Regression: T2, T4, H2, H4, L7 and with them everything that has an order. In halves, to use two cores.

    The first half is the one that the broken copies are caught with: on sound functions it finds nothing. The
    other half is another one each time.
    """
    play(database, max_examples=EXAMPLES // 2, derandomize=half == 1, print_blob=True)


@pytest.mark.timeout(7200)
def test_any_history_with_batches_is_as_the_model_predicts(database: str) -> None:
    """Started, canceled and tried again as one, in between everything else."""
    play(database, BatchHistories, max_examples=max(1, EXAMPLES // 20), print_blob=True)


@pytest.mark.timeout(7200)
def test_any_history_with_gifts_is_as_the_model_predicts(database: str) -> None:
    """Bought credits move with their expiry, pay debts, and are not given on."""
    play(database, GiftHistories, max_examples=max(1, EXAMPLES // 20), print_blob=True)


@pytest.mark.timeout(7200)
def test_any_history_with_debts_is_as_the_model_predicts(database: str) -> None:
    """What comes in pays them first, whatever it is."""
    play(database, DebtHistories, max_examples=max(1, EXAMPLES // 20), print_blob=True)
