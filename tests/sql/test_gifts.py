"""Gifts: bought credits go to somebody else, once, within limits, and tell nothing about who has an account."""

from __future__ import annotations

import uuid

import pytest

from tests.factories import Json, Sql
from tests.sql import payments
from tests.sql.conftest import refused
from tests.sql.test_races import Connect, at_once, count

DAY = 86_400


def somebody(sql: Sql, credits: int = 0, *, confirmed: bool = True) -> uuid.UUID:
    """A user whose address is confirmed, or was only typed in."""
    user = sql.new_user(credits=credits)
    if confirmed:
        confirm(sql, user)
    return user


def confirm(sql: Sql, user: uuid.UUID) -> None:
    sql.connection.execute("update auth.users set email_confirmed_at = now() where id = %s", [user])


def address(user: uuid.UUID) -> str:
    return f"{user}@example.test"


def give(sql: Sql, giver: uuid.UUID, email: str, credits: int, *, message: str | None = None, key: str = "") -> Json:
    request = {"p_email": email, "p_credits": credits, "p_message": message}
    return sql.as_user(giver, "gift_credits", **request, p_idempotency_key=key or uuid.uuid4().hex)


def allow(sql: Sql, **settings: int) -> None:
    for name, value in settings.items():
        sql.connection.execute(f"update private.settings set {name} = {int(value)}".encode())


def lots(sql: Sql, user: uuid.UUID) -> list[tuple[str, int, bool]]:
    """(source, remaining, whether it expires) of each lot that is not empty, oldest expiry first."""
    query = """select source, remaining, expires_at is not null from credit_grants
               where wallet_id = %s and open order by expires_at nulls last, created_at"""
    return sql.connection.execute(query, [sql.wallet(user)]).fetchall()


def told(sql: Sql, user: uuid.UUID, kind: str) -> list[Json]:
    return [n["data"] for n in sql.as_user(user, "list_notices")["data"] if n["kind"] == kind]


def sound(sql: Sql) -> bool:
    return sql.problems() == [] and sql.trial_balance()[-1]["credits"] == 0


def test_a_gift_moves_bought_credits_with_their_expiry(sql: Sql) -> None:
    """One row in each ledger, which name the gift; the recipient is told, also from whom."""
    alice, bob = somebody(sql), somebody(sql)
    sql.connection.execute("update profiles set display_name = 'Alice' where user_id = %s", [alice])
    sql.grant(alice, 50, source="promotion")
    sql.grant(alice, 20)
    sql.grant(alice, 5, lasts=60)
    gift = give(sql, alice, address(bob).upper(), 10, message=" For you ")
    assert lots(sql, bob) == [("gift", 5, True), ("gift", 5, False)]
    assert lots(sql, alice) == [("promotion", 50, False), ("purchase", 15, False)]
    reason, query = (
        f"gift:{gift['id']}",
        "select kind, amount, contra from credit_transactions where reason = %s order by id",
    )
    assert sql.connection.execute(query, [reason]).fetchall() == [("gift_out", -10, "gifts"), ("gift_in", 10, "gifts")]
    assert told(sql, bob, "gift_received") == [
        {"gift_id": gift["id"], "credits": 10, "message": "For you", "from": "Alice"}
    ]
    sql.move_time(61)
    assert (sql.balance(bob), sql.balance(alice)) == ((5, 0, 5), (65, 0, 65))
    sql.as_service("sweep_credits")
    assert sound(sql)


def test_the_giver_sees_the_same_whoever_has_the_address(sql: Sql) -> None:
    """Somebody's, nobody's, typed in but never confirmed, or suspended: neither answer nor ledger differ."""
    alice, bob, typed, suspended = somebody(sql, 40), somebody(sql), somebody(sql, confirmed=False), somebody(sql)
    sql.connection.execute("update auth.users set banned_until = 'infinity' where id = %s", [suspended])
    for email in (address(bob), "nobody@example.test", address(typed), address(suspended)):
        gift = give(sql, alice, email, 10)
        assert {**gift, "id": 0, "transaction_id": 0, "created_at": 0} == {
            "id": 0, "email": email, "credits": 10, "message": None, "transaction_id": 0, "created_at": 0}  # fmt: skip
    rows = sql.as_user(alice, "list_credit_transactions", p_limit=4)["data"]
    assert {(row["kind"], row["amount"], row["contra"], row["actor"]) for row in rows} == {
        ("gift_out", -10, "gifts", f"user:{alice}")
    }
    assert [sql.balance(user)[0] for user in (bob, typed, suspended)] == [10, 0, 0]
    assert sound(sql)


@pytest.mark.parametrize("source", ["promotion", "signup", "admin", "gift", "subscription", "refund"])
def test_what_was_not_bought_cannot_be_given(sql: Sql, source: str) -> None:
    """Else who signs up ten times gives himself ten bonuses."""
    alice, bob = somebody(sql, 3), somebody(sql)
    sql.grant(alice, 50, source=source)
    with refused(402, "insufficient_credits") as data:
        give(sql, alice, address(bob), 4)
    assert (data["required"], data["available"], data["balance"]) == (4, 3, 53)
    assert lots(sql, alice)[0][1] + lots(sql, alice)[1][1] == 53 and sql.ledger(bob) == []


def test_a_gift_waits_for_its_address(sql: Sql) -> None:
    """It arrives once the address is confirmed, and the address is forgotten."""
    alice, bob = somebody(sql, 10), somebody(sql, confirmed=False)
    give(sql, alice, address(bob), 4)
    assert sql.as_service("deliver_gifts") == {"given": 0, "returned": 0}
    assert (sql.balance(alice), sql.balance(bob)) == ((6, 0, 6), (0, 0, 0))
    confirm(sql, bob)
    assert sql.as_service("deliver_gifts") == {"given": 1, "returned": 0}
    assert sql.as_service("deliver_gifts") == {"given": 0, "returned": 0}
    assert (sql.balance(bob), len(told(sql, bob, "gift_received"))) == ((4, 0, 4), 1)
    assert sql.one("select count(recipient_email) from private.gifts") == 0
    assert sound(sql)


def test_a_gift_that_nobody_claims_goes_back_to_its_lots(sql: Sql) -> None:
    """After gift_claim_days, as bought credits again; the giver is told."""
    alice = somebody(sql, 10)
    gift = give(sql, alice, "nobody@example.test", 4)
    sql.move_time(30 * DAY)
    assert sql.as_service("deliver_gifts") == {"given": 0, "returned": 1}
    assert lots(sql, alice) == [("purchase", 10, False)]
    assert told(sql, alice, "gift_returned") == [{"gift_id": gift["id"], "credits": 4}]
    assert sound(sql)


def test_credits_that_expire_while_they_wait_expire_with_the_giver(sql: Sql) -> None:
    """Nobody is given what is gone already."""
    alice, bob = somebody(sql), somebody(sql, confirmed=False)
    sql.grant(alice, 10, lasts=DAY)
    give(sql, alice, address(bob), 4)
    sql.move_time(DAY)
    confirm(sql, bob)
    assert sql.as_service("deliver_gifts") == {"given": 0, "returned": 1}
    assert (sql.balance(alice), sql.balance(bob)) == ((0, 0, 0), (0, 0, 0))
    sql.as_service("sweep_credits")
    assert sound(sql)


def test_an_address_that_became_the_givers_own_is_no_way_round(sql: Sql) -> None:
    """The gift goes back."""
    alice = somebody(sql, 10)
    give(sql, alice, "new@example.test", 4)
    sql.connection.execute("update auth.users set email = 'new@example.test' where id = %s", [alice])
    assert sql.as_service("deliver_gifts") == {"given": 0, "returned": 1}
    assert lots(sql, alice) == [("purchase", 10, False)]


def test_a_refunded_payment_is_taken_back_from_who_bought_it(sql: Sql) -> None:
    """Regression: P6. The recipient keeps the gift; the giver is in debt; what comes back pays it."""
    alice, bob = somebody(sql), somebody(sql)
    payment = payments.buy(sql, alice)
    give(sql, alice, address(bob), 60)
    give(sql, alice, "nobody@example.test", 30)
    payments.apply(sql, payment, refunded_cents=payment["charged_cents"])
    assert (sql.balance(alice), sql.balance(bob)) == ((-90, 0, -90), (60, 0, 60))
    with refused(402, "insufficient_credits"):
        give(sql, alice, address(bob), 1)
    sql.move_time(30 * DAY)
    sql.as_service("deliver_gifts")
    assert sql.balance(alice) == (-60, 0, -60)
    assert sound(sql)


def test_a_gift_pays_the_debt_of_its_recipient_first(sql: Sql) -> None:
    """As all that comes in; the lots get what is left."""
    alice, bob = somebody(sql), somebody(sql)
    sql.grant(alice, 5, lasts=60)
    sql.grant(alice, 20)
    payment = payments.buy(sql, bob, "credits-10")
    sql.as_service("confirm_reservation", p_reservation_id=sql.reserve(bob, 8)["id"])
    payments.apply(sql, payment, refunded_cents=payment["charged_cents"])
    give(sql, alice, address(bob), 15)
    assert (sql.balance(bob), lots(sql, bob)) == ((7, 0, 7), [("gift", 7, False)])
    assert sound(sql)


def test_who_may_not_give_changes_nothing(sql: Sql) -> None:
    """To oneself, too much, while it is off, suspended, malformed."""
    alice, bob = somebody(sql, 500), somebody(sql)
    with refused(422, "invalid_params") as data:
        give(sql, alice, address(alice), 1)
    assert data == {"field": "email"}
    with refused(400, "invalid_amount") as data:
        give(sql, alice, address(bob), 101)
    assert data == {"amount": 101, "max": 100}
    with refused(400, "invalid_amount"):
        give(sql, alice, address(bob), 0)
    for email, message, field in (
        ("bob", None, "email"), ("a b@c", None, "email"), ("a@b@c", None, "email"), ("x" * 253 + "@y", None, "email"),
        (address(bob), "x" * 501, "message"),
    ):  # fmt: skip
        with refused(422, "invalid_params") as data:
            give(sql, alice, email, 1, message=message)
        assert data == {"field": field}
    sql.connection.execute("update auth.users set banned_until = 'infinity' where id = %s", [alice])
    with refused(403, "forbidden"):
        give(sql, alice, address(bob), 1)
    allow(sql, gift_max_credits=0)
    with refused(403, "feature_disabled"):
        give(sql, alice, address(bob), 1)
    assert (sql.balance(alice), sql.ledger(bob)) == ((500, 0, 500), [])


def test_a_day_has_its_limits(sql: Sql) -> None:
    """In credits and in gifts, those that wait included; what was given more than 24 hours ago does not count."""
    alice, bob = somebody(sql, 500), somebody(sql)
    give(sql, alice, address(bob), 100)
    sql.move_time(3600)
    give(sql, alice, "nobody@example.test", 90)
    with refused(429, "rate_limited") as data:
        give(sql, alice, address(bob), 11)
    assert (data["given"], data["gifts"], data["max_credits"]) == (190, 2, 200)
    assert 22.9 * 3600 < data["retry_after"] <= 23 * 3600 + 1
    sql.move_time(23 * 3600)
    allow(sql, gift_daily_count=2)
    give(sql, alice, address(bob), 11)
    with refused(429, "rate_limited"):
        give(sql, alice, address(bob), 1)


def test_a_repeat_of_the_key_answers_the_first_gift(sql: Sql) -> None:
    """Also when gifts are off by then; another request under it is refused, and another user has keys of his own."""
    alice, bob = somebody(sql, 20), somebody(sql, 20)
    first = give(sql, alice, address(bob), 5, key="k")
    allow(sql, gift_daily_count=1)
    assert give(sql, alice, address(bob), 5, key="k") == first
    with refused(409, "idempotency_key_reused"):
        give(sql, alice, address(bob), 6, key="k")
    assert give(sql, bob, address(alice), 5, key="k")["id"] != first["id"]
    sql.reserve(alice, 20)
    assert sql.as_service("grant_credits", p_user_id=alice, p_amount=1, p_source="admin", p_idempotency_key="k")["id"]
    assert sound(sql)


def test_a_gift_that_differs_from_the_ledger_is_found(sql: Sql) -> None:
    """Both ends are compared."""
    alice, bob = somebody(sql, 20), somebody(sql)
    give(sql, alice, address(bob), 5)
    sql.connection.execute("update private.gifts set credits = 6")
    for user in (alice, bob):
        assert [found["problem"] for found in sql.problems(sql.wallet(user))] == ["gift_differs_from_ledger"]


def test_parallel_gifts_stay_within_the_day(connect: Connect) -> None:
    """40 at once of 10 credits each: exactly the 20 that the day allows; 20 of one key are one."""
    sql = connect()
    allow(sql, gift_daily_count=100)
    alice, bob, carol = somebody(sql, 500), somebody(sql), somebody(sql, 500)
    results = at_once(connect, [lambda s: give(s, alice, address(bob), 10)] * 40)
    assert count(results, "PT429 rate_limited") == 20
    assert sql.balance(bob) == (200, 0, 200)
    same = at_once(connect, [lambda s: give(s, carol, address(bob), 10, key="k")["id"]] * 20)
    assert len(set(same)) == 1
    assert sql.balance(bob) == (210, 0, 210)
    assert sound(sql)


def test_gift_loops_move_each_credit_once(connect: Connect) -> None:
    """A to B and B to A at once: no deadlock, and what came as a gift does not go on, so the loop ends."""
    sql = connect()
    allow(sql, gift_daily_count=1000, gift_daily_credits=1000)
    alice, bob = somebody(sql, 30), somebody(sql, 30)
    ways = [lambda s: give(s, alice, address(bob), 1), lambda s: give(s, bob, address(alice), 1)]
    results = at_once(connect, [way for _ in range(50) for way in ways])
    assert sum(isinstance(result, dict) for result in results) == 60
    assert count(results, "PT402 insufficient_credits") == 40
    assert [sum(lot[1] for lot in lots(sql, user) if lot[0] == "gift") for user in (alice, bob)] == [30, 30]
    assert sound(sql)


def test_parallel_deliveries_end_a_gift_once(connect: Connect) -> None:
    """Half of them arrive, half go back, while the givers make new ones."""
    sql = connect()
    alice, bob = somebody(sql, 100), somebody(sql, confirmed=False)
    for email in (address(bob), "nobody@example.test") * 5:
        give(sql, alice, email, 5)
    sql.connection.execute("update private.gifts set claim_until = now() where recipient_email like 'nobody%'")
    confirm(sql, bob)
    tasks = [lambda s: s.as_service("deliver_gifts"), lambda s: give(s, alice, address(bob), 1)]
    results = at_once(connect, [*tasks[:1] * 8, *tasks[1:] * 8])
    done = [result for result in results if isinstance(result, dict) and "given" in result]
    assert (len(done), sum(d["given"] for d in done), sum(d["returned"] for d in done)) == (8, 5, 5)
    assert (sql.balance(alice), sql.balance(bob)) == ((67, 0, 67), (33, 0, 33))
    assert sound(sql)
