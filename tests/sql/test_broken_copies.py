"""The random histories can fail: two dozen mistakes that somebody might make, each caught by itself."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from hypothesis import Phase, Verbosity

from tests.factories import Sql
from tests.sql.batch_histories import BatchHistories
from tests.sql.debt_histories import DebtHistories
from tests.sql.gift_histories import GiftHistories
from tests.sql.histories import Histories, play

FUNCTIONS = Path(__file__).parents[2] / "supabase" / "functions_sql"

# An operation, a line of it, and what somebody might write there by mistake.
BROKEN = {
    "missing fence": ("generations/check_attempt", " or g.attempt is distinct from p_attempt", ""),
    "wrong sign": ("credits/close_hold", "0, -r.amount", "0, r.amount"),
    "forgotten release": (
        "generations/end_generation", "perform public.release_reservation(g.reservation_id, p_error_code);",
        "",
    ),
    "digest ignored for holds": ("credits/replayed_reservation", "r.request_digest <> p_digest", "false"),
    "digest ignored for grants": ("credits/replayed_transaction", "t.request_digest <> p_digest", "false"),
    "key ignored": ("credits/grant_credits", "if t.id is not null then", "if false then"),
    "expired lot counted": ("credits/credit_figures", "g.expires_at <= now.now as gone", "false as gone"),
    "expired lot spent": ("credits/tidy_wallet", "x.open and x.expires_at <= v_now", "false"),
    "expired hold kept": ("credits/tidy_wallet", "x.status = 'held' and x.expires_at <= v_now", "false"),
    "expiry of a returned lot forgotten": ("credits/restore_lots", "return v_earliest;", "return null;"),
    "chain broken": ("credits/post", "t.prev_hash := w.ledger_head;", "t.prev_hash := '';"),
    "over-refund": (
        "credits/refund_transaction", "select coalesce(sum(x.amount), 0) into v_refunded",
        "select 0 into v_refunded",
    ),
    "double release": ("credits/release_reservation", "if r.status = 'held' then", "if true then"),
    "released after confirm": ("credits/release_reservation", "if r.status = 'confirmed' then", "if false then"),
    "late settle charged twice": ("credits/settle_reservation", "if r.status = 'confirmed' then", "if false then"),
    "late settle for free": ("credits/settle_reservation", "when 'collect' then v_available", "when 'collect' then 0"),
    "debt without a limit": (
        "credits/settle_reservation", "greatest(0, w.balance - w.held + (select",
        "greatest(0, 1000 + (select",
    ),
    "burned in the wrong order": (
        "credits/take_lots", "is not true, g.expires_at nulls last",
        "is not true, g.expires_at desc nulls first",
    ),
    "rest of a hold lost": (
        "credits/settle_reservation", "slice_lots(r.lots, v_from_hold + w.debt)",
        "slice_lots(r.lots, r.amount)",
    ),
    "tries never end": ("generations/fail_attempt", "v_failures >= g.max_attempts", "false"),
    "heartbeat lets the hold go": (
        "generations/heartbeat_generation", "perform private.keep_hold(g.reservation_id, v_lease_until);",
        "",
    ),
    "slots without a limit": ("generations/create_generation", "private.free_slots(v_user_id) > 0", "true"),
    "waiting line overtaken": ("generations/claim_generation", " and x.dispatch_at < 'infinity'", ""),
    "cancel forgotten": ("generations/fail_attempt", "if g.cancel_requested then", "if false then"),
}  # fmt: skip
BROKEN_BATCHES = {
    "credits of a canceled batch lost": (
        "batches/cancel_batch", "perform private.release_holds(w, v_holds, 'canceled');",
        "",
    ),
    "more than is afforded": ("batches/create_batch", "where x.upto <= w.balance - w.held", ""),
}  # fmt: skip
BROKEN_DEBTS = {
    "debt forgiven by a grant": ("credits/post_grant", "p_amount - least(w.debt, p_amount)", "p_amount"),
    "debt forgiven by a release": ("credits/close_hold", "private.slice_lots(r.lots, w.debt)", "r.lots"),
}  # fmt: skip
BROKEN_GIFTS = {
    "promotional credits given away": ("gifts/take_giftable_lots", "x.open and x.source = 'purchase'", "x.open"),
    "debt forgiven by a gift": (
        "gifts/give_gift", "v_lot.amount - least(v_debt, v_lot.amount), v_lot",
        "v_lot.amount, v_lot",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", BROKEN)
def test_a_broken_copy_of_an_operation_is_caught(database: str, mistake: str) -> None:
    """The histories can fail: each of these mistakes, by itself, disagrees with the model."""
    catch(database, Histories, *BROKEN[mistake])


@pytest.mark.parametrize("mistake", BROKEN_BATCHES)
def test_a_broken_copy_of_a_batch_operation_is_caught(database: str, mistake: str) -> None:
    """By histories with batches in them."""
    catch(database, BatchHistories, *BROKEN_BATCHES[mistake])


@pytest.mark.parametrize("mistake", BROKEN_DEBTS)
def test_a_broken_copy_that_forgives_a_debt_is_caught(database: str, mistake: str) -> None:
    """By histories in which there are debts to forgive."""
    catch(database, DebtHistories, *BROKEN_DEBTS[mistake])


@pytest.mark.parametrize("mistake", BROKEN_GIFTS)
def test_a_broken_copy_of_a_gift_is_caught(database: str, mistake: str) -> None:
    """By histories with gifts in them."""
    catch(database, GiftHistories, *BROKEN_GIFTS[mistake])


def success_frees_a_slot(sql: Sql) -> bool:
    """Whoever waits gets it."""
    sql.connection.execute("update private.settings set user_concurrency = 1")
    user = sql.new_user(credits=50)
    first, second = sql.generate(user), sql.generate(user)
    claim = sql.claim(first)
    sql.as_service("complete_generation", p_generation_id=first["id"], p_attempt=claim["attempt"], p_outputs=[])
    return not sql.as_user(user, "get_generation", p_generation_id=second["id"])["waiting"]


# Mistakes that random histories meet too seldom for a few hundred of them to be sure.
SELDOM_MET = {
    "slot lost on success": (
        success_frees_a_slot,
        (
            "generations/complete_generation",
            "v_next := private.promote_waiting(g.user_id, private.clock() + interval '15 seconds');",
            "",
        ),
    ),
}


@pytest.mark.parametrize("mistake", SELDOM_MET)
def test_a_mistake_that_chance_seldom_meets_is_caught(database: str, mistake: str) -> None:
    """By a history made for it, which agrees with the sound operation."""
    history, broken = SELDOM_MET[mistake]
    with psycopg.connect(database, autocommit=True) as connection:
        assert history(Sql(connection))
        spoil(database, *broken)
        assert not history(Sql(connection))


def spoil(database: str, name: str, line: str, written: str) -> None:
    """Put a mistake in."""
    source = (FUNCTIONS / f"{name}.sql").read_text()
    assert source.count(line) == 1, f"{name}.sql no longer says {line!r}"
    with psycopg.connect(database) as connection:
        connection.execute(source.replace(line, written))  # type: ignore[arg-type]  # our own files


def catch(database: str, machine: type[Histories], name: str, line: str, written: str) -> None:
    """Put a mistake in; the histories must disagree."""
    spoil(database, name, line, written)
    with pytest.raises(Exception):  # noqa: B017 - whatever hypothesis makes of the disagreement
        play(database, machine, max_examples=200, derandomize=True, phases=[Phase.generate], verbosity=Verbosity.quiet)
