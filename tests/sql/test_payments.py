"""A payment gives its credits once, for the price that was asked, and takes back what was reversed."""

from __future__ import annotations

import pytest

from tests.factories import Json, Sql
from tests.sql.conftest import refused
from tests.sql.payments import apply, buy, record, start, state, ticket


def test_a_paid_payment_grants_what_was_sold(sql: Sql) -> None:
    """The ordinary case: one lot that names its payment, contra purchases."""
    alice = sql.new_user()
    payment = start(sql, alice)
    assert (payment["status"], payment["credits"], payment["amount_cents"]) == ("pending", 100, 1499)
    paid = apply(sql, payment, receipt_url="https://x/r")
    assert (paid["status"], paid["granted_credits"], paid["receipt_url"]) == ("paid", 100, "https://x/r")
    assert sql.balance(alice) == (100, 0, 100)
    assert sql.one("select source from credit_grants where payment_id = %s", payment["id"]) == "purchase"
    assert sql.problems() == []


def test_one_key_makes_one_payment(sql: Sql) -> None:
    """Regression: P8, P9: the first payment is answered as it is now, also when its package is gone."""
    alice, bob = sql.new_user(), sql.new_user()
    first = start(sql, alice, key="k")
    sql.connection.execute("update credit_packages set active = false, amount_cents = 1 where id = 'credits-100'")
    again = start(sql, alice, key="k")
    assert (again["id"], again["amount_cents"]) == (first["id"], 1499)
    assert start(sql, bob, "credits-50", key="k")["id"] != first["id"]
    with refused(409, "idempotency_key_reused"):
        start(sql, alice, "credits-50", key="k")
    with refused(404, "package_not_found"):
        start(sql, alice, key="k2")


def test_a_payment_sees_only_its_owner(sql: Sql) -> None:
    """Another user's payment is not found; pages go back in time."""
    alice, bob = sql.new_user(), sql.new_user()
    bought = [start(sql, alice) for _ in range(3)]
    page = sql.as_user(alice, "list_payments", p_limit=2)
    assert [one["id"] for one in page["data"]] == [bought[2]["id"], bought[1]["id"]] and page["has_more"]
    rest = sql.as_user(alice, "list_payments", p_before=bought[1]["id"])
    assert [one["id"] for one in rest["data"]] == [bought[0]["id"]] and not rest["has_more"]
    assert sql.as_user(bob, "list_payments")["data"] == []
    with refused(404, "payment_not_found"):
        sql.as_user(bob, "get_payment", p_payment_id=bought[0]["id"])


def test_an_event_is_applied_once_for_ever(sql: Sql) -> None:
    """Regression: P10, P11: redelivered after minutes, days and a year, it grants nothing more."""
    alice = sql.new_user()
    payment, event = start(sql, alice), record(sql)
    for seconds in (0, 600, 86_400, 365 * 86_400):
        sql.move_time(seconds)
        apply(sql, payment, event=event)
        apply(sql, payment, event=event, refunded_cents=700)
    assert sql.ledger(alice) == [("grant", 100)]
    for _ in range(2):
        apply(sql, payment)  # other events with the same news
    assert sql.ledger(alice) == [("grant", 100)]


@pytest.mark.parametrize("status", ["open", "processing", "failed", "expired"])
def test_only_paid_grants(sql: Sql, status: str) -> None:
    """Regression: P12: a state of its own each, and no credit; paid later, it grants."""
    alice = sql.new_user()
    payment = start(sql, alice)
    assert apply(sql, payment, status)["status"] == status
    assert sql.balance(alice) == (0, 0, 0)
    assert apply(sql, payment)["status"] == "paid"
    assert sql.balance(alice) == (100, 0, 100)


def test_a_late_failure_takes_the_credits_back(sql: Sql) -> None:
    """Regression: P7: succeeded, failed, failed again: balance 0 and every step visible."""
    alice = sql.new_user()
    payment = buy(sql, alice)
    assert apply(sql, payment, "failed")["clawed_credits"] == 100
    assert apply(sql, payment, "failed")["clawed_credits"] == 100
    assert sql.ledger(alice) == [("grant", 100), ("clawback", -100)]
    apply(sql, payment)
    assert sql.ledger(alice)[2:] == [("reinstatement", 100)]
    steps = sql.connection.execute(
        "select status from private.payment_history where payment_id = %s order by id", [payment["id"]]
    )
    assert [status for (status,) in steps] == ["paid", "paid", "failed", "failed", "failed", "paid", "paid"]


WRONG: dict[str, tuple[Json, str]] = {
    "less money": ({"amount_cents": 1, "charged_cents": 1}, "wrong_amount"),
    "paid less than asked": ({"charged_cents": 1498}, "wrong_amount"),
    "a discount that does not add up": ({"discount_cents": 500}, "wrong_amount"),
    "no amount": ({"amount_cents": None}, "wrong_amount"),
    "other currency": ({"currency": "jpy"}, "wrong_currency"),
    "somebody else": ({"user_id": "00000000-0000-0000-0000-000000000001"}, "wrong_user"),
    "nobody": ({"user_id": None}, "wrong_user"),
    "another payment": ({"payment_id": "00000000-0000-0000-0000-000000000001"}, "wrong_payment"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_does_not_match_is_flagged_and_grants_nothing(sql: Sql, wrong: str) -> None:
    """Regression: P9: wrong amount or currency, metadata of somebody else: refused, visible, the event is done with."""
    alice = sql.new_user()
    payment, event = start(sql, alice), record(sql)
    said, reason = WRONG[wrong]
    flagged = apply(sql, payment, event=event, **said)
    assert (flagged["status"], flagged["flag_reason"]) == ("flagged", reason)
    assert sql.ledger(alice) == []
    assert (
        sql.one("select state || ' ' || last_error from private.stripe_events where id = %s", event)
        == f"handled {reason}"
    )


def test_the_session_of_another_payment_is_flagged(sql: Sql) -> None:
    """One session pays one payment, also when both are the same user's."""
    alice = sql.new_user()
    paid, other = buy(sql, alice), start(sql, alice)
    flagged = apply(sql, other, checkout_session_id=f"cs_{paid['id']}")
    assert (flagged["status"], flagged["flag_reason"]) == ("flagged", "wrong_session")
    assert sql.ledger(alice) == [("grant", 100)]


def test_tax_and_discounts_are_allowed_when_they_add_up(sql: Sql) -> None:
    """The price is ours; tax comes on top, promotion codes go off. Reversals are shares of what was paid."""
    alice = sql.new_user()
    payment = start(sql, alice)
    paid = apply(sql, payment, discount_cents=499, tax_cents=200, charged_cents=1200)
    assert (paid["status"], paid["charged_cents"]) == ("paid", 1200)
    said = {"discount_cents": 499, "tax_cents": 200, "charged_cents": 1200}
    assert apply(sql, payment, **said, refunded_cents=600)["clawed_credits"] == 50


def test_a_free_purchase_has_nothing_to_reverse(sql: Sql) -> None:
    """A promotion code of 100 %."""
    alice = sql.new_user()
    paid = apply(sql, start(sql, alice), discount_cents=1499, charged_cents=0)
    assert (paid["status"], paid["granted_credits"], paid["clawed_credits"]) == ("paid", 100, 0)


def test_an_answer_older_than_the_books_changes_nothing(sql: Sql) -> None:
    """Two workers ask Stripe; the one that asked first comes last. Its event is done with, and the refund stays."""
    alice = sql.new_user()
    payment = start(sql, alice)
    early, event = ticket(sql, payment), record(sql)
    before = state(sql, payment)
    apply(sql, payment, refunded_cents=1499)
    arguments = {"p_event_id": event, "p_payment_id": payment["id"], "p_state": before, "p_ticket": early}
    assert sql.as_service("apply_payment_state", **arguments)["clawed_credits"] == 100
    assert sql.balance(alice) == (0, 0, 0)
    assert sql.one("select state from private.stripe_events where id = %s", event) == "handled"


def test_what_was_said_is_kept(sql: Sql) -> None:
    """Events and history: no update of what they say, no delete, no truncate, for the owner either."""
    buy(sql, sql.new_user())
    for change in (
        "update private.stripe_events set payload = '{}'",
        "update private.stripe_events set type = 'x'",
        "delete from private.stripe_events",
        "truncate private.stripe_events",
        "update private.payment_history set note = 'x'",
        "delete from private.payment_history",
    ):
        with refused(403, "forbidden"), sql.connection.transaction():
            sql.connection.execute(change.encode())


def test_the_healer_begins_where_selling_began(sql: Sql) -> None:
    """Of an account's past before its first customer of ours nothing is read; afterwards the cursor only moves on."""
    sql.connection.execute("update private.stripe_cursor set read_until = null")
    sql.connection.execute("delete from private.stripe_customers")
    assert sql.as_service("get_stripe_cursor") is None
    sql.as_service("store_stripe_customer", p_user_id=sql.new_user(), p_customer_id="cus_1")
    assert sql.as_service("get_stripe_cursor") is not None
    for until in ("2021-01-01T00:00:00Z", "2020-01-01T00:00:00Z"):
        sql.as_service("move_stripe_cursor", p_read_until=until)
    assert sql.as_service("get_stripe_cursor").startswith("2021-01-01")


def test_the_cursor_never_runs_ahead(sql: Sql) -> None:
    """One event of a test clock that lives next year, and the healer would have read nothing until then."""
    sql.connection.execute("update private.stripe_cursor set read_until = null")
    sql.as_service("move_stripe_cursor", p_read_until="2031-01-01T00:00:00Z")
    assert sql.one("select read_until <= private.clock() from private.stripe_cursor")
