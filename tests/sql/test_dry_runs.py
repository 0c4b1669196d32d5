"""Every act of an admin can be tried: a dry run tells what would be, and nothing has changed after it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.factories import Json, Sql
from tests.sql import payments
from tests.sql.conftest import refused
from tests.sql.project import _read, tables
from tests.sql.prompting import prompt, write
from tests.sql.staff import staff
from tests.sql.test_adjustments import adjust

ADMIN_ACTS = """
select p.proname from pg_proc p join pg_proc v on v.proname = p.proname and v.pronamespace = 'private'::regnamespace
 where p.pronamespace = 'public'::regnamespace and v.prosrc ~ 'private\\.run_act\\('
"""


@dataclass(frozen=True)
class Scene:
    """Owen owns, Ada and Eve are admins, Alice is a customer who has bought 100 credits."""

    sql: Sql
    owen: uuid.UUID
    ada: uuid.UUID
    eve: uuid.UUID
    alice: uuid.UUID
    payment: Json


@pytest.fixture
def scene(sql: Sql) -> Scene:
    """All of them."""
    owen, ada, eve, alice = staff(sql, "owner"), staff(sql, "admin"), staff(sql, "admin"), sql.new_user()
    return Scene(sql, owen, ada, eve, alice, payments.buy(sql, alice))


def pending(scene: Scene) -> Json:
    """What waits for Ada."""
    asked = adjust(scene.sql, scene.eve, scene.alice, 2000)
    return {"p_adjustment_id": asked["id"], "p_approve": True, "p_reason": "looked into it"}


def parked(scene: Scene) -> Json:
    """An event that could not be applied."""
    event = payments.record(scene.sql)
    scene.sql.as_service("fail_stripe_event", p_event_id=event, p_error="no", p_final=True)
    return {"p_event_id": event}


def promo(scene: Scene) -> Json:
    """A code."""
    scene.sql.as_user(scene.ada, "admin_create_promo_code", p_code="DRY", p_credits=5)
    return {"p_code": "DRY"}


def refund(scene: Scene) -> Json:
    """Of a third of what was paid."""
    asked = {"p_payment_id": scene.payment["id"], "p_amount_cents": 500, "p_credits": None}
    return {**asked, "p_reason": "asked for", "p_idempotency_key": "refund"}


def written(scene: Scene) -> Json:
    """A change of prompts."""
    return {"p_change_id": write(scene.sql, scene.ada, prompt("dry-fog"))["change_id"], "p_reason": "a mistake"}


def older(scene: Scene) -> Json:
    """The first of two versions."""
    for text in ("thick", "thin"):
        write(scene.sql, scene.ada, prompt("dry-fog", text))
    return {"p_key": "dry-fog", "p_version": 1, "p_reason": "thick was better"}


# One real request per act, by an owner: what it needs is made by the function that returns its arguments.
EXAMPLES: dict[str, Callable[[Scene], Json]] = {
    "admin_adjust_credits": lambda s: {
        "p_user_id": s.alice, "p_amount": 5, "p_reason": "goodwill", "p_idempotency_key": "dry",
    },
    "admin_decide_adjustment": pending,
    "admin_set_role": lambda s: {"p_user_id": s.alice, "p_role": "support", "p_reason": "new here"},
    "admin_set_role_limits": lambda _: {
        "p_role": "admin", "p_per_act": 5, "p_per_day": 6, "p_ceiling": 7, "p_reason": "less",
    },
    "admin_suspend_user": lambda s: {"p_user_id": s.alice, "p_suspended": True, "p_reason": "fraud"},
    "admin_limit_user": lambda s: {"p_user_id": s.alice, "p_concurrency": 9, "p_reason": "a big customer"},
    "admin_write_prompts": lambda _: {
        "p_prompts": [prompt("dry-fog")], "p_source": "edit", "p_reason": "for autumn", "p_idempotency_key": "dry",
    },
    "admin_undo_prompts": written,
    "admin_activate_prompt": older,
    "admin_note_order": lambda _: {"p_order": "pause_queue", "p_subject": "low"},
    "admin_retry_stripe_event": parked,
    "admin_dismiss_stripe_event": lambda s: {**parked(s), "p_reason": "dealt with by hand"},
    "admin_start_refund": refund,
    "admin_create_promo_code": lambda _: {"p_code": "NEW-10", "p_credits": 10},
    "admin_deactivate_promo_code": promo,
    "admin_change_flag": lambda _: {"p_key": "generations", "p_reason": "an outage", "p_enabled": False},
    "admin_plan_flag": lambda _: {
        "p_key": "perf_monitoring", "p_percentages": "{10,100}", "p_times": "{2099-01-01,2099-02-01}",
        "p_reason": "slowly",
    },
}  # fmt: skip


def state(sql: Sql) -> dict[str, list[Json]]:
    """Every row of every table of ours, and of the users."""
    found = [*tables(sql.connection), _read(sql.connection, "auth.users", ["id"], ["id", "banned_until"])]
    return {table.name: sorted((row.values for row in table.rows), key=str) for table in found}


def test_every_act_of_an_admin_can_be_tried(sql: Sql) -> None:
    """A new one takes p_dry_run, false when it is left out, and has its example here."""
    acts = {row[0] for row in sql.connection.execute(ADMIN_ACTS).fetchall()}
    assert acts == set(EXAMPLES), "every act of an admin has an example in this file"
    trying = sql.connection.execute(
        "select proname from pg_proc where pronamespace = 'public'::regnamespace"
        " and pg_get_function_arguments(oid) like '%p_dry_run boolean DEFAULT false'"
    ).fetchall()
    assert acts - {row[0] for row in trying} == set()


@pytest.mark.parametrize("act", EXAMPLES)
def test_a_dry_run_says_so_and_leaves_every_table_as_it_was(scene: Scene, act: str) -> None:
    """The act itself then does change something, and answers the same keys."""
    asked = EXAMPLES[act](scene)
    before = state(scene.sql)
    dry = scene.sql.as_user(scene.owen, act, **asked, p_dry_run=True)
    assert dry["dry_run"] is True
    assert state(scene.sql) == before
    real = scene.sql.as_user(scene.owen, act, **asked)
    assert real["dry_run"] is False and real.keys() ^ dry.keys() <= {"takes", "change_id"}
    assert state(scene.sql) != before


def test_a_dry_run_of_a_refund_tells_credits_lots_and_money(scene: Scene) -> None:
    """As booking it then does: half spent, so that the rest comes from another lot; nothing is there to be sent."""
    sql, alice = scene.sql, scene.alice
    hold = sql.reserve(alice, 90)
    sql.as_service("confirm_reservation", p_reservation_id=hold["id"])
    sql.grant(alice, 50, source="signup")
    dry = sql.as_user(scene.ada, "admin_start_refund", **refund(scene), p_dry_run=True)
    assert (dry["id"], dry["amount_cents"], dry["status"]) == (None, 500, "requested")
    takes = dry["takes"]
    assert (takes["credits"], takes["balance"], takes["available"]) == (34, 26, 26)
    assert [lot["amount"] for lot in takes["lots"]] == [10, 24]
    assert sql.as_service("list_due_refunds") == []
    real = sql.as_user(scene.ada, "admin_start_refund", **refund(scene))
    assert real["id"] and "takes" not in real
    payments.apply(sql, scene.payment, refunded_cents=500)
    assert sql.ledger(alice)[-1] == ("clawback", -34) and sql.balance(alice) == (26, 0, 26)
    lots = sql.one("select lots from credit_transactions where kind = 'clawback'")
    assert [(one["grant_id"], one["amount"]) for one in lots] == [
        (one["grant_id"], one["amount"]) for one in takes["lots"]
    ]


def test_a_dry_run_of_a_refund_counts_those_on_their_way_and_debts(scene: Scene) -> None:
    """What another refund takes is not counted twice; what is missing is a debt; a flagged payment gave nothing."""
    sql = scene.sql
    sql.as_user(scene.ada, "admin_start_refund", **refund(scene))
    rest = {**refund(scene), "p_amount_cents": None, "p_idempotency_key": "rest"}
    dry = sql.as_user(scene.ada, "admin_start_refund", **rest, p_dry_run=True)
    assert (dry["amount_cents"], dry["takes"]["credits"], dry["takes"]["balance"]) == (999, 66, 0)
    sql.as_service("confirm_reservation", p_reservation_id=sql.reserve(scene.alice, 100)["id"])
    dry = sql.as_user(scene.ada, "admin_start_refund", **rest, p_dry_run=True)
    assert (dry["takes"]["credits"], dry["takes"]["lots"], dry["takes"]["balance"]) == (66, [], -100)
    with refused(400, "invalid_amount"):
        sql.as_user(scene.ada, "admin_start_refund", **{**rest, "p_amount_cents": 1500}, p_dry_run=True)
    flagged = payments.apply(sql, payments.start(sql, scene.alice), currency="eur")
    dry = sql.as_user(scene.ada, "admin_start_refund", **{**rest, "p_payment_id": flagged["id"]}, p_dry_run=True)
    assert (dry["amount_cents"], dry["takes"]["credits"]) == (1499, 0)


def test_a_dry_run_under_a_key_that_was_used_answers_what_was_done(scene: Scene) -> None:
    """Its id says that nothing would be added; another request under the key is refused as in earnest."""
    done = adjust(scene.sql, scene.ada, scene.alice, 5, p_idempotency_key="k")
    dry = adjust(scene.sql, scene.ada, scene.alice, 5, p_idempotency_key="k", p_dry_run=True)
    assert dry == {**done, "dry_run": True}
    with refused(409, "idempotency_key_reused"):
        adjust(scene.sql, scene.ada, scene.alice, 6, p_idempotency_key="k", p_dry_run=True)
    assert adjust(scene.sql, scene.ada, scene.alice, 9, p_idempotency_key="n", p_dry_run=True)["id"] is None
    real = adjust(scene.sql, scene.ada, scene.alice, 7, p_idempotency_key="n")
    assert real["balance"] == 112, "a dry run does not use up its key"
