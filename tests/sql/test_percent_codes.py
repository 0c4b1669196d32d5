"""Promo codes that add percent to a purchase: the bonus comes and goes with the money, as often as the caps allow."""

from __future__ import annotations

import uuid

import pytest

from tests.factories import Json, Sql
from tests.sql import payments
from tests.sql.conftest import refused
from tests.sql.test_gifts import address, give, lots, somebody, sound
from tests.sql.test_promo_codes import create, new_admin, redeem
from tests.sql.test_races import Connect, at_once, count

HOUR = 3600


@pytest.fixture
def admin(sql: Sql) -> uuid.UUID:
    """Somebody who may make codes; PLUS20 is there."""
    admin = new_admin(sql)
    create_percent(sql, admin)
    return admin


def create_percent(sql: Sql, admin: uuid.UUID, **other: Json) -> Json:
    return create(sql, admin, "PLUS20", **{"p_credits": None, "p_bonus_percent": 20, **other})


def start(
    sql: Sql, user: uuid.UUID, code: str | None = "plus20", *, key: str = "", package: str = "credits-100"
) -> Json:
    request = {"p_package_id": package, "p_idempotency_key": key or uuid.uuid4().hex, "p_promo_code": code}
    return sql.as_user(user, "start_checkout", **request)


def test_a_percent_code_comes_and_goes_with_its_payment(sql: Sql, admin: uuid.UUID) -> None:
    """The price stays; the bonus is promotional, may expire, is no gift, and a refund takes its share of both."""
    create_percent(sql, admin, p_credits_last_days=30)
    alice = somebody(sql)
    payment = start(sql, alice)
    assert (payment["credits"], payment["promo_credits"], payment["amount_cents"]) == (120, 20, 1499)
    assert sql.balance(alice) == (0, 0, 0)
    for _ in range(2):
        payments.apply(sql, payment)
    assert lots(sql, alice) == [("promotion", 20, True), ("purchase", 100, False)]
    contra = "select contra, amount from credit_transactions where wallet_id = %s order by id"
    assert sql.connection.execute(contra, [sql.wallet(alice)]).fetchall() == [("purchases", 100), ("promotions", 20)]
    sql.connection.execute("update private.settings set gift_max_credits = 1000, gift_daily_credits = 1000")
    with refused(402, "insufficient_credits") as data:
        give(sql, alice, address(admin), 101)
    assert data["available"] == 100
    payments.apply(sql, payment, refunded_cents=150)
    assert sql.balance(alice) == (107, 0, 107), "13 of 120, rounded up"
    payments.apply(sql, payment, disputed_cents=1499)
    assert sql.balance(alice) == (0, 0, 0)
    payments.apply(sql, payment)
    assert sql.balance(alice) == (120, 0, 120)
    assert sound(sql)


def test_a_bonus_is_rounded_up(sql: Sql, admin: uuid.UUID) -> None:
    """To the buyer's good, and never to nothing."""
    create_percent(sql, admin, p_bonus_percent=1)
    assert start(sql, somebody(sql), package="credits-10")["promo_credits"] == 1


def test_a_purchase_that_is_never_paid_gives_its_use_back(sql: Sql, admin: uuid.UUID) -> None:
    """While it can be paid it counts, and the refusal says which it is; expired, failed or forgotten it does not."""
    create_percent(sql, admin, p_max_uses=1)
    alice, bob = somebody(sql), somebody(sql)
    first = start(sql, alice)
    payments.apply(sql, first, "open")
    with refused(409, "promo_code_redeemed") as data:
        start(sql, alice)
    assert data == {"code": "PLUS20", "open_payment_id": first["id"]}
    with refused(404, "promo_code_not_found"):
        start(sql, bob)
    payments.apply(sql, first, "expired")
    second = start(sql, bob)
    sql.move_time(25 * HOUR)
    third = start(sql, alice)
    payments.apply(sql, third)
    with refused(404, "promo_code_not_found"):
        start(sql, bob)
    assert (second["promo_credits"], sql.balance(alice)) == (20, (120, 0, 120))
    assert sql.as_user(admin, "admin_list_promo_codes")["data"][0]["uses"] == 1


def test_what_was_promised_is_kept(sql: Sql, admin: uuid.UUID) -> None:
    """The code is switched off and changed while somebody stands before the page."""
    alice = somebody(sql)
    payment = start(sql, alice)
    create_percent(sql, admin, p_bonus_percent=50)
    off = sql.as_user(admin, "admin_deactivate_promo_code", p_code="plus20")
    assert (off["version"], off["active"], off["bonus_percent"]) == (3, False, 50)
    assert sql.as_user(admin, "admin_deactivate_promo_code", p_code="plus20")["version"] == 3
    payments.apply(sql, payment)
    assert sql.balance(alice) == (120, 0, 120)
    with refused(404, "promo_code_not_found"):
        start(sql, somebody(sql))
    with refused(404, "promo_code_not_found"):
        sql.as_user(admin, "admin_deactivate_promo_code", p_code="nosuch")


def test_each_kind_has_its_place(sql: Sql, admin: uuid.UUID) -> None:
    """Credits are redeemed, percent is bought with; a refused code leaves no payment."""
    create(sql, admin)
    alice = somebody(sql)
    with refused(409, "invalid_state") as data:
        redeem(sql, alice, "PLUS20")
    assert data == {"code": "PLUS20", "bonus_percent": 20}
    for code, status, name in (("WELCOME", 409, "invalid_state"), ("NOSUCH", 404, "promo_code_not_found")):
        with refused(status, name):
            start(sql, alice, code)
    with refused(422, "invalid_params") as data:
        start(sql, alice, " ")
    assert data == {"field": "promo_code"}
    assert sql.one("select count(*) from payments") == 0
    assert sql.ledger(alice) == []


def test_a_repeat_of_the_key_keeps_its_code(sql: Sql, admin: uuid.UUID) -> None:
    """It answers the same payment; with another code or none it is another request."""
    alice = somebody(sql)
    first = start(sql, alice, key="k")
    assert start(sql, alice, "PLUS20", key="k") == first
    for code in (None, "OTHER"):
        with refused(409, "idempotency_key_reused"):
            start(sql, alice, code, key="k")
    without = {"p_package_id": "credits-10", "p_idempotency_key": "old"}
    assert sql.as_user(alice, "start_checkout", **without)["promo_credits"] == 0, "as the release before asks"


@pytest.mark.parametrize(
    "values", [{"p_credits": 5}, {"p_bonus_percent": None}, {"p_bonus_percent": 0}, {"p_bonus_percent": 501}]
)
def test_a_code_gives_one_thing(sql: Sql, admin: uuid.UUID, values: Json) -> None:
    """Credits or percent, within bounds."""
    with refused(422, "invalid_params") as data:
        create_percent(sql, admin, **values)
    assert data == {"field": "bonus_percent"}


def test_only_staff_sees_the_codes(sql: Sql, admin: uuid.UUID) -> None:
    """A list of codes is money; it comes in pages by name."""
    create(sql, admin)
    page = sql.as_user(admin, "admin_list_promo_codes", p_limit=1)
    assert ([one["code"] for one in page["data"]], page["has_more"]) == (["PLUS20"], True)
    rest = sql.as_user(admin, "admin_list_promo_codes", p_after="plus20")
    assert ([one["code"] for one in rest["data"]], rest["has_more"]) == (["WELCOME"], False)
    for operation, arguments in (("admin_list_promo_codes", {}), ("admin_deactivate_promo_code", {"p_code": "PLUS20"})):
        with refused(403, "forbidden"):
            sql.as_user(somebody(sql), operation, **arguments)


def test_10_uses_under_50_parallel_checkouts(connect: Connect) -> None:
    """Exactly 10, whichever of them are paid; 20 of one key are one payment with one use."""
    sql = connect()
    create_percent(sql, new_admin(sql), p_max_uses=11)
    alice, users = somebody(sql), [somebody(sql) for _ in range(50)]
    same = at_once(connect, [lambda s: start(s, alice, key="k")["id"]] * 20)
    assert len(set(same)) == 1
    results = at_once(connect, [lambda s, user=user: start(s, user) for user in users])  # type: ignore[misc]
    made = [result for result in results if isinstance(result, dict)]
    assert (len(made), count(results, "PT404 promo_code_not_found")) == (10, 40)
    for payment in made:
        payments.apply(sql, payment)
    assert sql.one("select sum(balance) from wallets") == 1200
    assert sql.one("select count(*) from payments") == 11
    assert sound(sql)


def test_a_bonus_that_comes_back_is_still_promotional(sql: Sql, admin: uuid.UUID) -> None:
    """A dispute that the buyer drops made bought credits out of the bonus: without end, and to be given away."""
    create_percent(sql, admin, p_bonus_percent=500, p_credits_last_days=30)
    alice = somebody(sql)
    payment = start(sql, alice)
    payments.apply(sql, payment)
    payments.apply(sql, payment, disputed_cents=1499)
    payments.apply(sql, payment)
    assert lots(sql, alice) == [("promotion", 500, True), ("purchase", 100, False)]
    sql.connection.execute("update private.settings set gift_max_credits = 1000, gift_daily_credits = 1000")
    with refused(402, "insufficient_credits") as data:
        give(sql, alice, address(admin), 101)
    assert data["available"] == 100
    sql.move_time(31 * 24 * HOUR)
    assert sql.balance(alice) == (100, 0, 100)
    assert sound(sql)


def test_what_comes_back_in_parts_pays_the_debt_and_keeps_its_kind(sql: Sql, admin: uuid.UUID) -> None:
    """The bonus is the first that a reversal takes and the last that it gives back; a debt is paid once."""
    alice = somebody(sql)
    payment = start(sql, alice)
    payments.apply(sql, payment)
    hold = sql.reserve(alice, 110)
    sql.as_service("confirm_reservation", p_reservation_id=hold["id"])
    payments.apply(sql, payment, refunded_cents=1499)
    assert sql.balance(alice) == (-110, 0, -110)
    payments.apply(sql, payment, refunded_cents=300)  # 25 of 120 stay reversed
    assert (sql.balance(alice), lots(sql, alice)) == ((-15, 0, -15), [])
    payments.apply(sql, payment)
    assert sql.balance(alice) == (10, 0, 10)
    assert lots(sql, alice) == [("promotion", 10, False)]
    assert sound(sql)


def test_who_waits_with_paying_keeps_no_code(sql: Sql, admin: uuid.UUID) -> None:
    """Purchases begun and left lying, one a day, each with the code's only use, could all be paid in the end."""
    alice = somebody(sql)
    first = start(sql, alice, key="first")
    sql.move_time(26 * HOUR)
    start(sql, alice)
    late = start(sql, alice, key="first")
    assert (late["id"], late["status"]) == (first["id"], "expired")
