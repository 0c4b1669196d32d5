"""Python and SQL agree: names, arguments and defaults of every operation, and every key and type of what it returns."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import pkgutil
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from pydantic import BaseModel, TypeAdapter

import backend.web
from backend import rpc
from tests.web.admin_story import ADMIN_SHOWN, act
from tests.worker.world import World

Json = Any
UNUSED = {"custom_access_token_hook": "called by Supabase Auth, not by us"}
UNUSED["before_user_created_hook"] = UNUSED["custom_access_token_hook"]
DEFAULTS_DIFFER = {
    ("quote_generation", "p_params"): "a default for clients that call SQL themselves; ours always has params",
    ("refund_transaction", "p_amount"): "null is the whole of it; a caller of ours says how much",
    ("refund_transaction", "p_reason"): "a refund by our own code has a reason",
    ("refund_transaction", "p_idempotency_key"): "SQL wants a default after a default, and refuses null",
}
RPC = {
    module.name: importlib.import_module(f"backend.rpc.{module.name}") for module in pkgutil.iter_modules(rpc.__path__)
}
OPERATIONS: dict[str, Callable[..., Json]] = {
    name: function
    for module in RPC.values()
    for name, function in inspect.getmembers(module, inspect.isfunction)
    if function.__module__ == module.__name__ and "caller" in inspect.signature(function).parameters
}
SIGNATURES = """
select p.proname, coalesce(p.proargnames[1:p.pronargs], '{}'),
       array(select pg_get_function_arg_default(p.oid, n) from generate_series(1, p.pronargs) n)
  from pg_proc p where p.pronamespace = 'public'::regnamespace
"""
FILE = {"path": "x/0.png", "kind": "image", "width": 8, "height": 8, "format": "png", "bytes": 10}

# What clients are shown: the model in backend/web, and what the web layer adds to a row before it is one.
SHOWN: dict[str, tuple[str, Callable[[Json], Json]]] = {
    "get_me": ("Me", lambda row: {**row, "email": "somebody@example.test"}),
    "set_low_balance_threshold": ("Me", lambda row: {**row, "email": "somebody@example.test"}),
    "get_flags": ("FlagStates", lambda row: {"flags": row, "overridden": []}),
    "list_notices": ("NoticePage", lambda row: row),
    "mark_notices_read": ("Unread", lambda row: row),
    "gift_credits": ("Gift", lambda row: row),
    "get_credit_balance": ("Balance", lambda row: row),
    "get_balance_at": ("BalanceAt", lambda row: row),
    "admin_get_balance_at": ("BalanceAt", lambda row: row),
    "get_credit_usage": ("Usage", lambda row: row),
    "list_credit_transactions": ("TransactionPage", lambda row: row),
    "list_ledger_keys": ("LedgerKeyList", lambda rows: {"data": rows}),
    "list_models": (
        "ModelList",
        lambda rows: {"data": [{**row, "available": True, "unavailable_reason": None} for row in rows]},
    ),
    "list_packages": ("PackageList", lambda rows: {"data": rows}),
    "start_checkout": ("Payment", lambda row: row),
    "get_payment": ("Payment", lambda row: row),
    "list_payments": ("PaymentPage", lambda row: row),
    "list_plans": ("PlanList", lambda rows: {"data": rows}),
    "start_subscription": ("Payment", lambda row: row),
    "get_subscription": ("CurrentSubscription", lambda row: {"subscription": row}),
    "get_auto_topup": ("CurrentAutoTopup", lambda row: {"auto_topup": row}),
    "set_auto_topup": ("CurrentAutoTopup", lambda row: {"auto_topup": row}),
    "redeem_promo_code": ("Redemption", lambda row: row),
    **{name: (model, lambda row: row) for name, model in ADMIN_SHOWN.items()},
    "admin_list_flags": ("FlagList", lambda rows: {"data": rows}),
    "admin_list_roles": ("Staff", lambda rows: {"data": rows}),
    "quote_generation": ("Quote", lambda row: row),
    "create_generation": ("Generation", lambda row: with_urls(row)),
    "cancel_generation": ("Generation", lambda row: with_urls(row)),
    "get_generation": ("Generation", lambda row: with_urls(row)),
    "create_batch": ("Batch", lambda row: with_archive(row)),
    "get_batch": ("Batch", lambda row: with_archive(row)),
    "cancel_batch": ("Batch", lambda row: with_archive(row)),
    "retry_batch": ("Batch", lambda row: with_archive(row)),
    "request_batch_archive": ("Batch", lambda row: with_archive(row)),
    "list_batches": ("BatchPage", lambda row: {**row, "data": [with_archive(one) for one in row["data"]]}),
    "list_generations": ("GenerationPage", lambda row: {**row, "data": [with_urls(one) for one in row["data"]]}),
}
INTERNAL = {
    "reserve_credits", "grant_credits", "confirm_reservation", "release_reservation", "renew_reservation",
    "refund_transaction", "sweep_credits", "verify_ledger", "trial_balance", "claim_generation",
    "heartbeat_generation", "complete_generation", "fail_generation", "sweep_generations", "list_dispatchable",
    "get_provider_result", "receive_provider_result", "tidy_provider_results",
    "get_schema_version", "admin_check_role", "export_credit_transactions", "list_unsigned_heads", "store_checkpoints",
    "list_batch_outputs", "finish_batch_archive",
    "plan_scheduled_jobs", "note_scheduled_run", "list_scheduled_jobs", "admin_list_scheduled_jobs", "get_alert_facts",
    "note_incidents", "mark_incident_told", "reconcile_wallets", "reconcile_holds", "reconcile_books",
    "notify_expiring",
    "attach_checkout_session", "get_stripe_customer", "store_stripe_customer", "replace_stripe_customer",
    "look_up_payment", "find_payment",
    "apply_payment_state", "list_due_payments", "record_stripe_event", "claim_stripe_event", "ignore_stripe_event",
    "fail_stripe_event", "list_due_stripe_events", "get_stripe_cursor", "move_stripe_cursor",
    "collect_metrics", "get_metrics", "deliver_gifts",
    "finish_refund", "list_due_refunds", "get_plan_price", "store_plan_price", "look_up_subscription",
    "apply_subscription_state", "list_due_subscriptions", "list_due_auto_topups", "start_auto_topup",
    "choose_payment_method", "fail_auto_topup",
    "verify_audit_log", "reconcile_audit_log", "admin_note_order", "roll_up_statistics", "recount_generations",
    "rebuild_statistics",
}  # fmt: skip


def with_urls(generation: Json) -> Json:
    """A generation as outputs.py leaves it."""
    return {**generation, "outputs": [{**output, "url": "http://x/y"} for output in generation["outputs"]]}


def with_archive(batch: Json) -> Json:
    """A batch as batches.py leaves it."""
    archive, items = batch["archive"], batch.get("items")
    shown = {"items": {**items, "data": [with_urls(one) for one in items["data"]]}} if items else {}
    return {**batch, **shown, "archive": archive and {**archive, "url": "http://x/y"}}


def models() -> dict[str, type[BaseModel]]:
    """Every model of backend/web, by name."""
    modules = [importlib.import_module(f"backend.web.{m.name}") for m in pkgutil.iter_modules(backend.web.__path__)]
    return {
        name: found
        for module in modules
        for name, found in inspect.getmembers(module, inspect.isclass)
        if issubclass(found, BaseModel)
    }


def shape(value: Json) -> Json:
    """The keys and JSON types of a value, with a list's elements in order."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items()}
    if isinstance(value, list):
        return [shape(one) for one in value]
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


class Story:
    """Calls every operation as its caller does, through PostgREST, and keeps what came back."""

    def __init__(self, world: World) -> None:
        self.user, self.boss, self.admin = world.new_user(), world.new_user(), world.new_user()
        self.service, self.anon = world.deps.rpc.as_service(), world.deps.rpc.as_anon()
        self.answers: dict[str, list[Json]] = {name: [] for name in OPERATIONS}
        world.connection.execute("insert into private.user_roles values (%s, 'support')", [self.boss.id])
        world.connection.execute("insert into private.user_roles values (%s, 'admin')", [self.admin.id])
        self._credits()
        self._generations()
        self._batches()
        self._receipts()
        self._scheduler()
        self._billing()
        self._subscriptions()
        self._topups()
        self._promotions()
        self._gifts()
        self._notices()
        act(self, world)

    def call(self, name: str, caller: Any, /, **arguments: Json) -> Json:
        """One call; an operation that does not exist (yet) is an error of the story."""
        answer = OPERATIONS[name](caller, **arguments)
        self.answers[name].append(answer)
        return answer

    def _key(self) -> str:
        return uuid.uuid4().hex

    def _credits(self) -> None:
        me, service = self.user.caller, self.service
        later = datetime.now(UTC).replace(year=2100).isoformat()
        for expires in (None, later):
            grant = {"amount": 20, "source": "purchase", "expires_at": expires, "reason": "test"}
            self.call("grant_credits", service, user_id=self.user.id, idempotency_key=self._key(), **grant)
        holds = [self.call("reserve_credits", me, amount=3, idempotency_key=self._key()) for _ in range(3)]
        self.call("renew_reservation", service, reservation_id=holds[0]["id"], ttl_seconds=1200)
        self.call("confirm_reservation", service, reservation_id=holds[0]["id"], amount=2)
        self.call("release_reservation", service, reservation_id=holds[1]["id"], reason="test")
        rows = self.call("list_credit_transactions", me)["data"]
        refund = {"transaction_id": rows[0]["id"], "amount": 1, "reason": "test", "idempotency_key": self._key()}
        self.call("refund_transaction", service, **refund)
        self.call("list_credit_transactions", me, before=rows[0]["id"], limit=1)
        self.call("get_credit_balance", me)
        for caller in (me, self.boss.caller):
            self.call("get_me", caller)
        self.call("get_balance_at", me, at=later)
        self.call("admin_get_balance_at", self.boss.caller, user_id=self.user.id, at=later)
        self.call("admin_check_role", self.boss.caller, role="support")
        self.call("sweep_credits", service)
        self.call("collect_metrics", service)
        self.call("get_metrics", service)
        self.call("verify_ledger", service)
        self.call("trial_balance", service)
        self.call("get_schema_version", service)

    def _generations(self) -> None:
        me, service = self.user.caller, self.service
        self.call("list_models", self.anon)
        ask = {"model_id": "local/picture", "prompt": "a fox", "params": {"num_images": 1}}
        self.call("quote_generation", me, **ask)
        started = [self.call("create_generation", me, **ask, idempotency_key=self._key()) for _ in range(5)]
        self.call("cancel_generation", me, generation_id=started[0]["id"])
        claims = [self.call("claim_generation", service, generation_id=g["id"], worker="w") for g in started[1:4]]
        ours = [{"generation_id": claim["id"], "attempt": claim["attempt"]} for claim in claims]
        self.call("heartbeat_generation", service, **ours[0], progress=0.5, provider_request_id="p-1")
        self.call("complete_generation", service, **ours[0], outputs=[FILE], credits=3, cost_micros=7)
        for one, retryable in zip(ours[1:], (True, False), strict=True):
            failure = {"error_code": "provider_failed", "error_message": "no", "retryable": retryable}
            self.call("fail_generation", service, **one, **failure)
        self.call("claim_generation", service, generation_id=started[0]["id"], worker="w")
        for generation in started:
            self.call("get_generation", me, generation_id=generation["id"])
        self.call("list_generations", me)
        self.call("list_generations", me, before=started[3]["id"], limit=1, status="succeeded")
        self.call("sweep_generations", service)
        self.call("list_dispatchable", service)
        told = {"provider": "fal", "request_id": "k:r-1", "generation_id": started[0]["id"], "attempt": 1}
        for _ in range(2):
            self.call("tidy_provider_results", service)
            self.call("get_provider_result", service, provider="fal", request_id="k:r-1")
            self.call("receive_provider_result", service, **told, status="ok", payload={"images": []})

    def _batches(self) -> None:
        me, service = self.user.caller, self.service
        self.call("grant_credits", service, user_id=self.user.id, amount=50, source="purchase", idempotency_key="batch")
        items = [{"model": "local/picture", "prompt": f"fox {n}", "params": {}} for n in range(3)]
        made = self.call("create_batch", me, items=items, idempotency_key=self._key())
        for item, retryable in zip(made["items"]["data"][:2], (None, False), strict=True):
            claim = self.call("claim_generation", service, generation_id=item["generation_id"], worker="w")
            ours = {"generation_id": claim["id"], "attempt": claim["attempt"]}
            if retryable is None:
                self.call("complete_generation", service, **ours, outputs=[FILE])
            else:
                failure = {"error_code": "x", "error_message": "no", "retryable": retryable}
                self.call("fail_generation", service, **ours, **failure)
        self.call("request_batch_archive", me, batch_id=made["id"])
        for _ in range(2):
            self.call("list_batch_outputs", service, batch_id=made["id"])
            done = {"path": "x/y.zip", "items": 1, "size": 9}
            self.call("finish_batch_archive", service, batch_id=made["id"], **done)
        self.call("get_batch", me, batch_id=made["id"], after=0, limit=1)
        self.call("retry_batch", me, batch_id=made["id"], idempotency_key=self._key())
        self.call("cancel_batch", me, batch_id=made["id"])
        poor = [{**item, "params": {"num_images": 4}} for item in items * 3]
        self.call("create_batch", me, items=poor, idempotency_key=self._key(), partial=True)
        self.call("list_batches", me)

    def _receipts(self) -> None:
        me, service = self.user.caller, self.service
        for by in ("day", "action", "model"):
            self.call("get_credit_usage", me, by=by)
        unsigned = self.call("list_unsigned_heads", service)
        heads = [{**head, "signature": "0" * 128} for head in unsigned["heads"]]
        self.call("store_checkpoints", service, public_key="1" * 64, day=unsigned["day"], checkpoints=heads)
        self.call("list_ledger_keys", self.anon)
        self.call("export_credit_transactions", me)

    def _scheduler(self) -> None:
        service = self.service
        jobs = [{"name": "dispatch", "interval_seconds": 5}]
        self.call("plan_scheduled_jobs", service, jobs=jobs)
        counts = {"runs": 1, "failures": 0, "failures_in_a_row": 0}
        run = {"started_seconds_ago": 1.5, "took_seconds": 0.5, "result": {"told": 1}}
        self.call("note_scheduled_run", service, name="dispatch", **run, **counts)
        self.call("plan_scheduled_jobs", service, jobs=jobs)
        self.call("list_scheduled_jobs", service)
        self.call("admin_list_scheduled_jobs", self.boss.caller)
        self.call("reconcile_wallets", service)
        self.call("reconcile_holds", service)
        self.call("reconcile_books", service)
        self.call("notify_expiring", service)
        self.call("get_alert_facts", service)
        wrong = [{"kind": "no_worker", "detail": {}}]
        (told,) = self.call("note_incidents", service, conditions=wrong, channels=["mail"], patience_seconds=0)
        self.call("mark_incident_told", service, incident_id=told["id"], event="began", channel="mail")

    def _promotions(self) -> None:
        for code, days in (("ROWS-1", None), ("ROWS-2", 30)):
            bounds = {"valid_from": "2026-01-01T00:00:00Z", "valid_until": "2099-01-01T00:00:00Z", "max_uses": 5}
            promo = {"code": code, "credits": 3, "credits_last_days": days, **(bounds if days else {})}
            self.call("admin_create_promo_code", self.admin.caller, **promo)
            self.call("redeem_promo_code", self.user.caller, code=code, idempotency_key=self._key())
        self.call("admin_create_promo_code", self.admin.caller, code="ROWS-3", bonus_percent=20)
        bought = {"package_id": "credits-10", "promo_code": "rows-3", "idempotency_key": self._key()}
        self.call("start_checkout", self.user.caller, **bought)
        self.call("admin_list_promo_codes", self.boss.caller, after="ROWS-1", limit=1)
        self.call("admin_deactivate_promo_code", self.admin.caller, code="ROWS-3")

    def _gifts(self) -> None:
        for message in ("for you", None):
            gift = {"email": f"{self._key()}@example.test", "credits": 1, "message": message}
            self.call("gift_credits", self.user.caller, **gift, idempotency_key=self._key())
        self.call("deliver_gifts", self.service)

    def _notices(self) -> None:
        me = self.user.caller
        self.call("set_low_balance_threshold", me, credits=self.call("get_credit_balance", me)["balance"])
        hold = self.call("reserve_credits", me, amount=1, idempotency_key=self._key())
        self.call("confirm_reservation", self.service, reservation_id=hold["id"], amount=1)
        told = self.call("list_notices", me)["data"]
        self.call("mark_notices_read", me, ids=[told[0]["id"]])
        self.call("list_notices", me, before=told[0]["id"] + 1, limit=1)

    def _billing(self) -> None:
        me, service = self.user.caller, self.service
        self.call("list_packages", self.anon)
        self.call("get_stripe_customer", service, user_id=self.user.id)
        self.call("store_stripe_customer", service, user_id=self.user.id, customer_id=f"cus_{self.user.id}")
        self.call("get_stripe_customer", service, user_id=self.user.id)
        kept = {"deleted_id": "cus_other", "customer_id": f"cus_{self.user.id}"}
        self.call("replace_stripe_customer", service, user_id=self.user.id, **kept)
        bought = [self.call("start_checkout", me, package_id="credits-10", idempotency_key=self._key()) for _ in "12"]
        for payment, events in zip(bought, (["a", "b", "c"], []), strict=True):
            session = {"payment_id": payment["id"], "session_id": f"cs_{payment['id']}", "url": "http://x/y"}
            self.call("attach_checkout_session", service, **session)
            for number, name in enumerate(events):
                event = {"id": f"evt_{name}_{self._key()}", "type": "charge.updated", "data": {"object": {"id": "x"}}}
                self.call("record_stripe_event", service, payload=event, source="webhook")
                self.call("claim_stripe_event", service, event_id=event["id"])
                ticket = self.call("look_up_payment", service, payment_id=payment["id"])["ticket"]
                said = {"status": "paid", "payment_id": payment["id"], "user_id": self.user.id, "currency": "usd"}
                said |= {"amount_cents": 199, "charged_cents": 199, "refunded_cents": 50 * number}
                said |= {"payment_intent_id": "pi_1", "receipt_url": "http://x/r", "invoice_url": "http://x/i"}
                moved = {"payment_id": payment["id"], "state": said, "ticket": ticket}
                self.call("apply_payment_state", service, event_id=event["id"], **moved)
                self.call("claim_stripe_event", service, event_id=event["id"])
            self.call("get_payment", me, payment_id=payment["id"])
        self.call("look_up_payment", service, payment_id=uuid.uuid4())
        self.call("find_payment", service, payment_intent_id="pi_1")
        self.call("find_payment", service, invoice_id="in_0")
        asked = {"payment_id": bought[0]["id"], "amount_cents": 10, "credits": None, "reason": "test"}
        asked = self.call("admin_start_refund", self.admin.caller, **asked, idempotency_key=self._key())
        self.call("list_due_refunds", service)
        self.call("finish_refund", service, refund_id=asked["id"], stripe_refund_id=f"re_{asked['id']}")
        self.call("list_payments", me)
        self.call("list_payments", me, before=bought[1]["id"], limit=1)
        self.call("list_due_payments", service)
        lost = {"id": f"evt_{self._key()}", "type": "x", "data": {"object": {}}}
        self.call("record_stripe_event", service, payload=lost, source="poller")
        self.call("list_due_stripe_events", service)
        self.call("fail_stripe_event", service, event_id=lost["id"], error="no", final=True)
        self.call("admin_list_stripe_events", self.admin.caller)
        self.call("admin_retry_stripe_event", self.admin.caller, event_id=lost["id"])
        self.call("ignore_stripe_event", service, event_id=lost["id"], reason="not ours")
        self.call("get_stripe_cursor", service)
        self.call("move_stripe_cursor", service, read_until="2026-11-21T12:00:00Z")

    def _subscriptions(self) -> None:
        me, service = self.user.caller, self.service
        self.call("list_plans", self.anon)
        self.call("get_subscription", me)
        self.call("look_up_subscription", service, stripe_subscription_id="sub_1")
        payment = self.call("start_subscription", me, plan_id="pro-monthly", idempotency_key=self._key())
        price = self.call("get_plan_price", service, plan_id="pro-monthly")
        self.call("store_plan_price", service, price_id=price["id"], stripe_price_id="price_1")
        self.call("get_plan_price", service, plan_id="pro-monthly")
        period = {"period_start": "2026-11-01T00:00:00Z", "period_end": "2026-12-01T00:00:00Z"}
        line = {"price_id": "price_1", "amount_cents": 3999, "currency": "usd", "proration": False, **period}
        invoice = {"invoice_id": "in_1", "first": True, "status": "paid", "currency": "usd", "lines": [line]}
        invoice |= {"user_id": self.user.id, "amount_cents": 3999, "charged_cents": 3999}
        said = {"id": "sub_1", "customer_id": f"cus_{self.user.id}", "user_id": self.user.id, "status": "active"}
        said |= {"payment_id": payment["id"], "price_id": "price_1", "cancel_at_period_end": False, **period}
        for ended_at, invoices in ((None, [invoice]), ("2026-12-01T00:00:00Z", [])):
            ticket = self.call("look_up_subscription", service, stripe_subscription_id="sub_1")["ticket"]
            state = said | {"ended_at": ended_at, "invoices": invoices}
            self.call("apply_subscription_state", service, event_id=None, state=state, ticket=ticket)
            self.call("get_subscription", me)
        self.call("list_due_subscriptions", service)

    def _topups(self) -> None:
        me, service = self.user.caller, self.service
        settings = {"enabled": True, "package_id": "credits-10", "monthly_cap_cents": 1000}
        self.call("get_auto_topup", me)
        self.call("set_auto_topup", me, threshold=1, **settings)
        self.call("start_auto_topup", service, user_id=self.user.id)
        self.call("set_auto_topup", me, threshold=1_000_000, **settings)
        self.call("list_due_auto_topups", service)
        payment = self.call("start_auto_topup", service, user_id=self.user.id)
        self.call("choose_payment_method", service, payment_id=payment["id"], payment_method_id="pm_1")
        self.call("fail_auto_topup", service, payment_id=payment["id"], reason="no_payment_method")
        self.call("get_auto_topup", me)


@pytest.fixture(scope="module")
def story(whole_world: World) -> Iterator[Story]:
    """Every operation, called for real."""
    whole_world.clear()
    yield Story(whole_world)


@pytest.fixture
def signatures(world: World) -> dict[str, dict[str, str | None]]:
    """Name -> argument -> default, as PostgreSQL has them."""
    rows = world.connection.execute(SIGNATURES).fetchall()
    return {name: dict(zip(arguments, defaults, strict=True)) for name, arguments, defaults in rows}


def calls() -> dict[str, tuple[str, dict[str, str]]]:
    """Python function -> the operation that it calls, and SQL argument -> its own parameter, read from the source."""
    found = {}
    for name, function in OPERATIONS.items():
        for node in ast.walk(ast.parse(inspect.getsource(function))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "call":
                assert isinstance(node.args[0], ast.Constant)
                sent = {str(k.arg): ast.unparse(k.value) for k in node.keywords}
                found[name] = (str(node.args[0].value), sent)
    return found


def test_every_operation_has_its_python_function_of_the_same_name(signatures: dict[str, Any]) -> None:
    """One search finds both; what has none is named with its reason."""
    assert {name: called for name, (called, _) in calls().items() if name != called} == {}
    assert set(OPERATIONS) | set(UNUSED) == set(signatures)


def test_every_argument_has_its_name_and_default_in_both(signatures: dict[str, dict[str, str | None]]) -> None:
    """A misspelt argument is a 404 from PostgREST; a default that differs is a surprise."""
    for name, (operation, sent) in calls().items():
        assert list(sent) == list(signatures[operation]), name
        parameters = inspect.signature(OPERATIONS[name]).parameters
        for argument, default in signatures[operation].items():
            if (name, argument) in DEFAULTS_DIFFER:
                continue
            ours = parameters[sent[argument]].default
            assert (ours is inspect.Parameter.empty) == (default is None), f"{name}({argument}): one side has a default"
            if default is not None:
                theirs = default.partition("::")[0].strip("'")
                assert theirs == (
                    "NULL" if ours is None else str(ours).lower() if isinstance(ours, bool) else str(ours)
                ), f"{name}({argument})"


def test_every_operation_is_called_here(story: Story) -> None:
    """A new one must say what it answers: shown to clients, and as which model, or not."""
    assert [name for name, answers in story.answers.items() if not answers] == []
    assert set(SHOWN) | INTERNAL == set(OPERATIONS)
    assert not set(SHOWN) & INTERNAL


@pytest.mark.parametrize("name", SHOWN)
def test_what_clients_are_shown_has_the_declared_keys_and_types(story: Story, name: str) -> None:
    """Exactly: none missing, none unknown, nothing converted. SQL sends the row; pydantic declares it."""
    model, adapt = SHOWN[name]
    for answer in story.answers[name]:
        row = adapt(answer)
        validated = models()[model].model_validate_json(json.dumps(row), strict=True)
        declared = validated.model_dump(mode="json", by_alias=True, exclude_unset=True)
        assert shape(declared) == shape(row), name


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_every_answer_is_what_its_function_says(story: Story, name: str) -> None:
    """The return annotation is not a wish."""
    declared = TypeAdapter(get_type_hints(OPERATIONS[name])["return"])
    for answer in story.answers[name]:
        declared.validate_python(answer, strict=True)


def test_the_story_has_seen_every_state(story: Story) -> None:
    """Otherwise a key that only some rows have would not have been compared."""
    rows = [row for name in ("get_generation", "create_generation") for row in story.answers[name]]
    assert {row["status"] for row in rows} >= {"queued", "succeeded", "failed", "canceled"}
    assert any(row["error"] for row in rows) and any(row["outputs"] for row in rows)
    assert {me["role"] for me in story.answers["get_me"]} == {None, "support"}
    assert any(answer is None for answer in story.answers["claim_generation"])


def test_a_row_that_differs_is_seen(story: Story) -> None:
    """A key more, a key less, another type: each makes the comparison fail."""
    row = story.answers["get_credit_balance"][0]
    balance = models()["Balance"]
    for other in ({**row, "balance": "5"}, {key: row[key] for key in row if key != "held"}):
        with pytest.raises(ValueError, match="validation error"):
            balance.model_validate_json(json.dumps(other), strict=True)
    declared = balance.model_validate_json(json.dumps({**row, "extra": 1}), strict=True)
    assert shape(declared.model_dump(mode="json", exclude_unset=True)) != shape({**row, "extra": 1})


def test_no_source_calls_an_operation_past_backend_rpc() -> None:
    """`.call("name"` lives in backend/rpc and nowhere else."""
    root = Path(rpc.__path__[0]).parent
    outside = [p for p in root.rglob("*.py") if p.parent.name != "rpc" and '.call("' in p.read_text()]
    assert outside == []
