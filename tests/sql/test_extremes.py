"""Whatever number or time an operation is called with, also past the API, it answers or refuses, and never breaks."""

from __future__ import annotations

import psycopg

from tests.factories import Json, Sql
from tests.sql import payments
from tests.sql.batching import batch
from tests.sql.prompting import prompt, write
from tests.sql.staff import staff
from tests.sql.subscribing import subscribe

DATES = ["-infinity", "infinity", "4713-01-01 BC"]
ENDS: dict[str, list[str]] = {
    **{kind: [str(-(2**bits)), "-1", "0", str(2**bits - 1)] for kind, bits in {"integer": 31, "bigint": 63}.items()},
    "real": ["NaN", "-Infinity", "Infinity", "-1", "3e38"],
    "double precision": ["NaN", "-Infinity", "Infinity", "-1", "1e308"],
    "date": [*DATES, "5874897-12-31"],
    "timestamp with time zone": [*DATES, "294276-12-31"],
}
ENDS |= {f"{kind}[]": [f"{{{end}}}" for end in ends] for kind, ends in ENDS.items()}
OPERATIONS = """
select p.proname, r.by_user, coalesce(p.proargnames[1:p.pronargs], '{}'),
       array(select format_type(t, null) from unnest(p.proargtypes) t), p.pronargs - p.pronargdefaults
  from pg_proc p, lateral (select has_function_privilege('authenticated', p.oid, 'execute') as by_user) r
 where p.pronamespace = 'public'::regnamespace
   and (r.by_user or has_function_privilege('service_role', p.oid, 'execute'))
"""
FILE = {"path": "x/0.png", "kind": "image", "width": 8, "height": 8, "format": "png", "bytes": 10}


class Scene:
    """An owner who has something of everything, and good arguments for each operation."""

    def __init__(self, sql: Sql) -> None:
        sql.connection.execute("set statement_timeout = '5s'")
        me, alice = staff(sql, "owner"), sql.new_user(credits=100)
        sql.grant(me, 1000)
        work = sql.claim(sql.generate(alice))
        items = batch(sql, me, 2)
        bought, renewed = payments.buy(sql, me), subscribe(sql, user=me)
        sql.connection.execute(
            "update batches set archive_status = 'building', archive_asked_at = now() where id = %s", [items["id"]]
        )
        sql.as_service("plan_scheduled_jobs", p_jobs=[{"name": "dispatch", "interval_seconds": 5}])
        write(sql, me, prompt("fog", "thick"))
        used = sql.reserve(alice, 2)
        sql.as_service("confirm_reservation", p_reservation_id=used["id"])
        usage = sql.one("select max(id) from credit_transactions where kind = 'usage'")
        self.sql, self.me = sql, me
        self.common: Json = {
            "p_user_id": alice, "p_reason": "test", "p_idempotency_key": "k", "p_amount": 1, "p_source": "purchase",
            "p_reservation_id": sql.reserve(alice, 5)["id"], "p_generation_id": work["id"], "p_attempt": 1,
            "p_outputs": [FILE], "p_error_code": "x", "p_error_message": "x", "p_retryable": True, "p_worker": "w",
            "p_lease_seconds": 60, "p_ttl_seconds": 60, "p_transaction_id": usage, "p_batch_id": items["id"],
            "p_event_id": payments.record(sql), "p_payment_id": bought["id"], "p_amount_cents": None, "p_credits": None,
            "p_ids": "{1}", "p_at": "2026-01-01", "p_from": "2026-11-01", "p_to": "2026-11-02", "p_key": "generations",
            "p_code": "FOG", "p_concurrency": 3, "p_percentages": "{10,100}", "p_times": "{2099-01-01,2099-02-01}",
            "p_role": "admin", "p_per_act": 5, "p_per_day": 6, "p_ceiling": 7, "p_email": f"{alice}@example.test",
            "p_message": "hello", "p_enabled": True, "p_threshold": 1, "p_package_id": "credits-50",
            "p_monthly_cap_cents": 1000, "p_read_until": "2026-01-01", "p_conditions": [], "p_channels": "{mail}",
            "p_patience_seconds": 60, "p_name": "dispatch", "p_started_seconds_ago": 1, "p_took_seconds": 1,
            "p_runs": 1, "p_failures": 0, "p_failures_in_a_row": 0, "p_provider": "fal", "p_request_id": "r",
            "p_status": "ok", "p_payload": {}, "p_public_key": "a" * 64, "p_day": "2026-11-21", "p_checkpoints": [],
            "p_version": 1,
        }  # fmt: skip
        self.own: dict[str, Json] = {
            "admin_activate_prompt": {"p_key": "fog"},
            "admin_create_promo_code": {"p_credits": 5},
            "admin_plan_flag": {"p_key": "perf_monitoring"},
            "finish_batch_archive": {"p_path": "x.zip", "p_items": 1},
            "gift_credits": {"p_credits": 1},
            "refund_transaction": {"p_idempotency_key": "k"},
            "set_low_balance_threshold": {"p_credits": 1},
            "apply_payment_state": {
                "p_state": payments.state(sql, bought, refunded_cents=100), "p_ticket": payments.ticket(sql, bought),
            },
            "apply_subscription_state": {"p_state": renewed.state(), "p_ticket": renewed.ticket()},
        }  # fmt: skip

    def call(self, name: str, as_user: bool, required: list[str], **given: Json) -> str | None:
        """The state and code of a refusal; None when there is an answer. Nothing stays."""
        arguments = {one: self.common[one] for one in required if one in self.common} | self.own.get(name, {}) | given
        try:
            with self.sql.connection.transaction(force_rollback=True):
                if as_user:
                    self.sql.as_user(self.me, name, **arguments)
                else:
                    self.sql.as_service(name, **arguments)
        except psycopg.Error as error:
            return f"{error.sqlstate} {error.diag.message_primary} {error.diag.message_detail}"
        return None


def test_no_number_and_no_time_breaks_an_operation(sql: Sql) -> None:
    """Regression: a refund of nearly 2^63 credits, asked for past the API, was a 500. New operations join."""
    scene = Scene(sql)
    broken = []
    for name, as_user, names, types, needed in sql.connection.execute(OPERATIONS).fetchall():
        ends = [(one, end) for one, kind in zip(names, types, strict=True) for end in ENDS.get(kind, [])]
        if ends:
            required = names[:needed]
            plain = scene.call(name, as_user, required)
            assert plain is None, f"{name} needs arguments of Scene that it takes: {plain}"
            tried = {(one, end): scene.call(name, as_user, required, **{one: end}) for one, end in ends}
            broken += [(name, *asked, why) for asked, why in tried.items() if why and not why.startswith("PT4")]
    assert broken == []
