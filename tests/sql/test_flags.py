"""Feature flags: for whom they are on and why, what they stop and what they never stop, and who changes them."""

from __future__ import annotations

import random
import re
import uuid
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from psycopg.types.json import Jsonb

from backend.flags import ASKED_BY_AUTH, ASKED_IN_SQL, FLAGS
from tests.factories import Json, Sql
from tests.sql import payments
from tests.sql.batching import batch, run, run_all, seen
from tests.sql.conftest import refused
from tests.sql.flagging import change, chosen, plan, why
from tests.sql.staff import staff

ROOT = Path(__file__).parents[2]
TOPUP = {"p_enabled": True, "p_threshold": 50, "p_package_id": "credits-100", "p_monthly_cap_cents": 5000}


def off(sql: Sql, *keys: str) -> None:
    for key in keys:
        change(sql, staff(sql, "admin"), key, enabled=False)


def test_rows_code_and_sql_declare_the_same_flags(sql: Sql) -> None:
    """One list: the rows that migrations make, backend/flags.py, and every key that is asked for anywhere."""
    rows = dict(sql.connection.execute("select key, default_on from public.feature_flags").fetchall())
    assert rows == FLAGS
    sources = "".join(path.read_text() for path in (ROOT / "supabase" / "functions_sql").rglob("*.sql"))
    in_sql = set(re.findall(r"(?:require_flag|flag_on)\('(\w+)'", sources))
    assert in_sql == ASKED_IN_SQL | {ASKED_BY_AUTH}
    views = "".join(path.read_text() for path in (ROOT / "backend" / "web").rglob("*.py"))
    in_views = set(re.findall(r'@require_flag\("(\w+)"\)', views))
    assert in_views <= set(FLAGS) and in_views >= ASKED_IN_SQL, "an override closes what SQL guards as well"
    for key in in_sql:
        assert sql.one("select private.flag_default(%s)", key) is FLAGS[key]


@pytest.mark.parametrize(
    ("flag", "reasons"),
    [
        ({}, ("everybody", "everybody", "everybody", "everybody")),
        ({"enabled": False}, ("off", "off", "off", "off")),
        ({"percentage": 0}, ("not_chosen", "not_chosen", "not_chosen", "not_chosen")),
        ({"percentage": 0, "roles": ["support"]}, ("not_chosen", "not_chosen", "role", "not_chosen")),
        ({"percentage": 0, "users": "alice"}, ("not_chosen", "user", "not_chosen", "not_chosen")),
        ({"percentage": 0, "roles": ["support"], "users": "alice"}, ("not_chosen", "user", "role", "not_chosen")),
        ({"percentage": 0, "roles": ["admin"]}, ("not_chosen", "not_chosen", "not_chosen", "role")),
        ({"percentage": 0, "roles": ["admin"], "enabled": False}, ("off", "off", "off", "off")),
    ],
)
def test_the_truth_table(sql: Sql, flag: Json, reasons: tuple[str, ...]) -> None:
    """As docs/flags.md has it: nobody signed in, a user, support staff, an admin."""
    alice, sam, ada = sql.new_user(), staff(sql, "support"), staff(sql, "admin")
    if "users" in flag:
        flag = flag | {"users": [str(alice)]}
    change(sql, ada, "charts", **flag)
    assert tuple(why(sql, "charts", who) for who in (None, alice, sam, ada)) == reasons
    on = {who: sql.as_user(who, "get_flags")["charts"] for who in (alice, sam, ada)}
    assert list(on.values()) == [reason not in ("off", "not_chosen") for reason in reasons[1:]]


def test_a_share_is_stable_and_only_grows(sql: Sql) -> None:
    """Who is in at 10 % is in at 20 %; about as many as it says; each flag chooses others; 100 is everybody."""
    ada = staff(sql, "admin")
    draw = random.Random(6)
    users = [uuid.UUID(int=draw.getrandbits(128), version=4) for _ in range(4000)]
    inside: set[uuid.UUID] = set()
    for share in (0, 1, 10, 20, 50, 75, 99):
        change(sql, ada, "charts", percentage=share)
        now = chosen(sql, "charts", users)
        assert inside <= now and now == chosen(sql, "charts", users)
        assert abs(len(now) - 40 * share) < 130, (share, len(now))
        inside = now
        if share == 20:
            change(sql, ada, "animations", percentage=share)
            others = chosen(sql, "animations", users)
            assert 80 < len(now & others) < 240, "independent: about 4 %"
    assert why(sql, "charts", None) == "not_chosen"
    change(sql, ada, "charts", percentage=100)
    assert len(chosen(sql, "charts", users)) == 4000
    assert why(sql, "charts", None) == "everybody"


def test_a_users_place_never_changes(sql: Sql) -> None:
    """The numbers themselves: another hash would throw everybody's roll-outs around."""
    user = uuid.UUID("6f1c0000-0000-4000-8000-0000000000e2")
    places = [sql.one("select private.flag_place(%s, %s)", key, user) for key in ("charts", "animations", "batches")]
    assert places == [2, 54, 5]
    assert sql.one("select private.flag_place('charts', null)") is None


def test_a_switched_off_flag_stops_what_begins(sql: Sql) -> None:
    """Each of the operations, as who calls the database directly would."""
    alice, key = sql.new_user(credits=500), uuid.uuid4().hex
    made = batch(sql, alice, 2)
    run_all(sql, alice, made, failing=(0, 1))

    def retry() -> Json:
        return sql.as_user(alice, "retry_batch", p_batch_id=made["id"], p_idempotency_key=key)

    def subscribe() -> Json:
        return sql.as_user(alice, "start_subscription", p_plan_id="pro-monthly", p_idempotency_key=key)

    begins: dict[str, list[Callable[[], Json]]] = {
        "generations": [lambda: sql.generate(alice), lambda: batch(sql, alice, 2), retry],
        "batches": [lambda: batch(sql, alice, 2), retry],
        "payments": [lambda: payments.start(sql, alice), subscribe],
    }
    ada, before = staff(sql, "admin"), sql.balance(alice)
    for flag, operations in begins.items():
        change(sql, ada, flag, enabled=False)
        for operation in operations:
            with refused(403, "feature_disabled") as data:
                operation()
            assert data == {"flag": flag}
        change(sql, ada, flag, enabled=True)
    assert sql.balance(alice) == before
    for operations in begins.values():
        operations[-1]()
    sql.generate(alice)
    assert len(seen(sql, alice, made)["items"]["data"]) == 2


def test_a_flag_off_for_one_is_on_for_another(sql: Sql) -> None:
    """The user of the token decides, in the operations too."""
    ada, alice, bob = staff(sql, "admin"), sql.new_user(credits=9), sql.new_user(credits=9)
    change(sql, ada, "generations", percentage=0, users=[str(alice)])
    sql.generate(alice)
    with refused(403, "feature_disabled"):
        sql.generate(bob)


def test_a_stored_outcome_is_answered_while_the_flag_is_off(sql: Sql) -> None:
    """The client whose first answer was lost learns what it has, and what it paid for."""
    alice = sql.new_user(credits=100)
    asked = {"p_model_id": "local/picture", "p_prompt": "a fox", "p_params": {}, "p_idempotency_key": "k"}
    generation, made = sql.as_user(alice, "create_generation", **asked), batch(sql, alice, 2, key="b")
    bought, begun = payments.start(sql, alice, key="open"), payments.start(sql, alice, key="pending")
    page = {"p_payment_id": bought["id"], "p_session_id": "cs_9", "p_url": "http://x/y"}
    sql.as_service("attach_checkout_session", **page)
    off(sql, "generations", "batches", "payments")
    assert sql.as_user(alice, "create_generation", **asked)["id"] == generation["id"]
    assert batch(sql, alice, 2, key="b")["id"] == made["id"]
    assert payments.start(sql, alice, key="open")["status"] == "open"
    with refused(403, "feature_disabled"):  # no page was opened: this one would begin now
        payments.start(sql, alice, key="pending")
    with refused(409, "idempotency_key_reused"):
        payments.start(sql, alice, "credits-50", key="pending")
    assert begun["status"] == "pending"


def test_what_was_begun_before_goes_on(sql: Sql) -> None:
    """Queued and running generations end and are settled; what was paid gives its credits and can be paid back."""
    alice = sql.new_user(credits=100)
    running, queued, made = sql.claim(sql.generate(alice)), sql.generate(alice), batch(sql, alice, 2)
    bought = payments.start(sql, alice)
    off(sql, "generations", "batches", "payments")
    fence = {"p_generation_id": running["id"], "p_attempt": 1}
    assert sql.as_service("complete_generation", **fence, p_outputs=[])["status"] == "succeeded"
    assert sql.claim(queued)["attempt"] == 1
    assert run(sql, seen(sql, alice, made)["items"]["data"][0])["status"] == "succeeded"
    assert sql.as_user(alice, "cancel_batch", p_batch_id=made["id"])["id"] == made["id"]
    assert payments.apply(sql, bought)["status"] == "paid"
    assert payments.apply(sql, bought, refunded_cents=1)["refunded_cents"] == 1
    assert sql.problems() == []


def test_no_automatic_topup_while_payments_are_off(sql: Sql) -> None:
    """Nor for those alone for whom they are off; afterwards it goes on by itself."""
    ada = staff(sql, "admin")
    alice, bob = (sql.new_user(credits=30) for _ in range(2))
    for user in (alice, bob):
        sql.as_user(user, "set_auto_topup", **TOPUP)
    change(sql, ada, "payments", percentage=0, users=[str(bob)])
    assert sql.as_service("list_due_auto_topups") == [str(bob)]
    assert sql.as_service("start_auto_topup", p_user_id=alice) is None
    change(sql, ada, "payments", percentage=100)
    assert set(sql.as_service("list_due_auto_topups")) == {str(alice), str(bob)}
    assert sql.as_service("start_auto_topup", p_user_id=alice)["amount_cents"] > 0


def test_a_missing_row_counts_as_declared(sql: Sql) -> None:
    """On, with a warning in the database's log; what nobody declared fails, and is never silently off."""
    said: list[str] = []
    sql.connection.add_notice_handler(lambda notice: said.append(notice.message_primary or ""))
    sql.connection.execute("delete from public.feature_flags where key = 'generations'")
    sql.generate(sql.new_user(credits=9))
    assert said == ["feature flag generations has no row: its declared default counts: t. Mend: docs/flags.md"]
    with pytest.raises(psycopg.Error, match="internal"):
        sql.one("select private.flag_on('generation', null)")


def test_sign_ups_are_refused_by_the_hook(sql: Sql) -> None:
    """Auth gets an error with a status; with conditions nobody without an account is let in."""
    event: Json = {"metadata": {}, "user": {"email": "new@example.test"}}

    def hook() -> Json:
        return sql.one("select public.before_user_created_hook(%s)", Jsonb(event))

    assert hook() == {}
    for change_ in ({"enabled": False}, {"enabled": True, "percentage": 99}):
        change(sql, staff(sql, "admin"), "sign_ups", **change_)
        assert hook()["error"] == {"http_code": 403, "message": "Sign-ups are closed at the moment."}


def test_what_admins_see_of_a_user_says_why(sql: Sql) -> None:
    """The question of the incident: why is it off for him?"""
    ada, alice = staff(sql, "admin"), sql.new_user()
    change(sql, ada, "batches", enabled=False)
    change(sql, ada, "charts", percentage=0, users=[str(alice)])
    change(sql, ada, "animations", enabled=False)
    plan(sql, ada, "animations", (100, -1))
    flags = sql.as_user(ada, "admin_get_user", p_user_id=alice)["flags"]
    assert set(flags) == set(FLAGS)
    assert flags["batches"] == {"on": False, "why": "off"}
    assert flags["charts"] == {"on": True, "why": "user"}
    assert flags["animations"] == {"on": True, "why": "plan"}
    assert flags["perf_monitoring"] == {"on": False, "why": "off"}
