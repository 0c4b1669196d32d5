"""What admins do about payments and events that need people: found, laid to rest, with a reason, once."""

from __future__ import annotations

import uuid

import pytest

from tests.factories import Json, Sql
from tests.sql import payments
from tests.sql.conftest import refused
from tests.sql.staff import log, staff


def parked(sql: Sql) -> str:
    """An event that nobody could apply."""
    event = payments.record(sql)
    sql.as_service("fail_stripe_event", p_event_id=event, p_error="payment_not_found", p_final=True)
    return event


def dismiss(sql: Sql, admin: uuid.UUID, event: str, **other: Json) -> Json:
    asked = {"p_event_id": event, "p_reason": "credits given by hand"}
    return sql.as_user(admin, "admin_dismiss_stripe_event", **{**asked, **other})


def test_an_event_is_laid_to_rest_with_a_reason_once(sql: Sql) -> None:
    """It is kept and not applied any more, also when it only waits; a repeat writes nothing."""
    ada, sam = staff(sql, "admin"), staff(sql, "support")
    for event in (parked(sql), payments.record(sql)):
        with refused(403, "forbidden"):
            dismiss(sql, sam, event)
        with refused(422, "invalid_params") as data:
            dismiss(sql, ada, event, p_reason=" ")
        assert data == {"field": "reason"}
        rested = dismiss(sql, ada, event)
        assert (rested["state"], rested["last_error"]) == ("ignored", "credits given by hand")
        assert dismiss(sql, ada, event, p_reason="again")["last_error"] == "credits given by hand"
        assert sql.as_service("claim_stripe_event", p_event_id=event) is None
        with refused(409, "invalid_state"):
            sql.as_user(ada, "admin_retry_stripe_event", p_event_id=event)
    done = [row for row in log(sql) if row["outcome"] == "done"]
    assert [(row["act"], row["reason"], row["after"]) for row in done] == [
        ("dismiss_stripe_event", "credits given by hand", {"state": "ignored"})
    ] * 2
    assert done[0]["before"] == {"state": "parked", "attempts": 1, "last_error": "payment_not_found"}
    assert sql.as_service("get_alert_facts")["parked_events"] == 0


def test_what_was_applied_or_is_unknown_is_not_laid_to_rest(sql: Sql) -> None:
    """The money of an applied event has moved."""
    ada, alice, event = staff(sql, "admin"), sql.new_user(), payments.record(sql)
    payments.apply(sql, payments.start(sql, alice), event=event)
    with refused(409, "invalid_state") as data:
        dismiss(sql, ada, event)
    assert data == {"state": "handled"}
    with refused(404, "event_not_found"):
        dismiss(sql, ada, "evt_nobody")


def test_payments_of_everybody_are_listed_page_by_page(sql: Sql) -> None:
    """Newest first, narrowed to those that need somebody, or to one user's."""
    sam, alice, bob = staff(sql, "support"), sql.new_user(), sql.new_user()
    first = payments.buy(sql, alice)
    flagged = payments.apply(sql, payments.start(sql, bob), currency="eur")
    last = payments.start(sql, alice)

    def ids(**narrow: Json) -> list[str]:
        return [row["id"] for row in sql.as_user(sam, "admin_list_payments", **narrow)["data"]]

    assert ids() == [last["id"], flagged["id"], first["id"]]
    assert ids(p_limit=2) == [last["id"], flagged["id"]] and ids(p_before=flagged["id"]) == [first["id"]]
    assert ids(p_user_id=alice) == [last["id"], first["id"]] and ids(p_status="paid") == [first["id"]]
    [row] = sql.as_user(sam, "admin_list_payments", p_status="flagged")["data"]
    assert (row["id"], row["user_id"], row["flag_reason"]) == (flagged["id"], str(bob), "wrong_currency")
    assert row["payment_intent_id"] == f"pi_{flagged['id']}"
    with refused(422, "invalid_params"):
        ids(p_limit=0)
    with refused(403, "forbidden"):
        sql.as_user(alice, "admin_list_payments")


@pytest.mark.parametrize("role", ["support", "admin"])
def test_staff_reads_anybodys_ledger(sql: Sql, role: str) -> None:
    """The very rows that the user sees; others see nothing."""
    sam, alice, bob = staff(sql, role), sql.new_user(credits=9), sql.new_user()
    sql.grant(alice, 4)
    page = sql.as_user(sam, "admin_list_credit_transactions", p_user_id=alice)
    assert page == sql.as_user(alice, "list_credit_transactions") and len(page["data"]) == 2
    older = {"p_user_id": alice, "p_before": page["data"][0]["id"], "p_limit": 1}
    assert sql.as_user(sam, "admin_list_credit_transactions", **older)["data"] == page["data"][1:]
    with refused(404, "user_not_found"):
        sql.as_user(sam, "admin_list_credit_transactions", p_user_id=uuid.uuid4())
    with refused(403, "forbidden"):
        sql.as_user(bob, "admin_list_credit_transactions", p_user_id=alice)
