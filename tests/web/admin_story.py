"""What admins do, called as they call it; test_rows.py looks at what came back."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from backend.errors import Forbidden
from backend.rpc.acts import admin_set_role
from tests.worker.world import World

EARLY = "2026-01-01T00:00:00Z"
# What each of them answers, as it is shown.
ADMIN_SHOWN = {
    "admin_adjust_credits": "Adjustment",
    "admin_decide_adjustment": "Adjustment",
    "admin_list_adjustments": "AdjustmentPage",
    "admin_set_role": "RoleChange",
    "admin_get_role_limits": "RoleLimits",
    "admin_set_role_limits": "RoleLimitsChange",
    "admin_list_users": "UserPage",
    "admin_list_credit_transactions": "TransactionPage",
    "admin_get_user": "UserDetail",
    "admin_suspend_user": "Suspension",
    "admin_limit_user": "UserLimits",
    "admin_list_stripe_events": "StripeEventPage",
    "admin_retry_stripe_event": "StripeEvent",
    "admin_dismiss_stripe_event": "StripeEvent",
    "admin_start_refund": "Refund",
    "admin_list_payments": "ListedPaymentPage",
    "admin_create_promo_code": "PromoCodeDetail",
    "admin_deactivate_promo_code": "PromoCodeDetail",
    "admin_list_promo_codes": "PromoCodePage",
    "admin_list_audit_log": "AuditPage",
    "admin_list_prompts": "PromptList",
    "list_presets": "PresetList",
    "admin_get_prompt": "PromptDetail",
    "admin_preview_prompt": "Preview",
    "admin_activate_prompt": "PromptChange",
    "admin_write_prompts": "PromptChange",
    "admin_undo_prompts": "PromptChange",
    "admin_change_flag": "FlagDetail",
    "admin_plan_flag": "FlagDetail",
    "admin_get_statistics": "Statistics",
    "admin_get_top": "Top",
    "admin_get_cohorts": "Cohorts",
}


def act(story: Any, world: World) -> None:
    """Each operation of admins, and each kind of row in the audit log."""
    owner, admin, user = world.new_user(), story.admin.caller, {"user_id": story.user.id}
    world.connection.execute("insert into private.user_roles values (%s, 'owner')", [owner.id])
    later = datetime.now(UTC).replace(year=2100).isoformat()
    ask = {**user, "reason": "test"}
    story.call("admin_adjust_credits", admin, **ask, amount=9, idempotency_key=uuid.uuid4().hex, expires_at=later)
    story.call("admin_adjust_credits", admin, **ask, amount=-5, idempotency_key=uuid.uuid4().hex, dry_run=True)
    for approve in (True, False):
        made = story.call("admin_adjust_credits", admin, **ask, amount=2000, idempotency_key=uuid.uuid4().hex)
        decision = {"adjustment_id": made["id"], "approve": approve, "reason": "test"}
        story.call("admin_decide_adjustment", owner.caller, **decision)
    story.call("admin_adjust_credits", admin, **ask, amount=-2000, idempotency_key=uuid.uuid4().hex)
    story.call("admin_list_adjustments", admin, before=made["id"], limit=1, **user)
    for role in ("support", None):
        story.call("admin_set_role", owner.caller, **ask, role=role)
    with pytest.raises(Forbidden):
        admin_set_role(story.user.caller, **ask, role="owner")
    story.call("admin_list_roles", admin)
    limits = story.call("admin_get_role_limits", owner.caller, role="admin")
    story.call("admin_set_role_limits", owner.caller, **limits, reason="test")
    for slots in (9, None):
        story.call("admin_limit_user", admin, **ask, concurrency=slots)
    for suspended in (True, False):
        story.call("admin_suspend_user", admin, **ask, suspended=suspended)
    story.call("admin_list_credit_transactions", admin, **user, limit=3)
    story.call("admin_list_users", admin, query="example.test", suspended=False, limit=2)
    _write_prompts(story, admin)
    story.call("admin_list_audit_log", admin)
    story.call("verify_audit_log", story.service)
    story.call("reconcile_audit_log", story.service)
    story.call("roll_up_statistics", story.service)
    for by in ("day", "month", "model"):
        story.call("admin_get_statistics", admin, by=by)
    story.call("admin_get_top", admin)
    story.call("admin_get_cohorts", admin)
    story.call("recount_generations", story.service, since="2026-11-20", until="2026-11-21")
    story.call("rebuild_statistics", story.service)
    story.call("admin_note_order", admin, order="pause_queue", subject="low")
    story.call("get_flags", story.user.caller)
    chosen = {"percentage": 10, "roles": ["support"], "users": [story.user.id]}
    story.call("admin_change_flag", admin, key="animations", reason="test", **chosen)
    story.call("admin_plan_flag", admin, key="animations", reason="test", percentages=[20, 100], times=[EARLY, later])
    story.call("admin_list_flags", story.boss.caller)
    story.call("admin_change_flag", admin, key="animations", reason="test", percentage=100, roles=[], users=[])
    event = {"id": f"evt_{uuid.uuid4().hex}", "type": "x", "data": {"object": {}}}
    story.call("record_stripe_event", story.service, payload=event, source="poller")
    story.call("admin_dismiss_stripe_event", admin, event_id=event["id"], reason="test")
    story.call("admin_list_payments", story.boss.caller, limit=1, **user)
    story.call("admin_get_user", story.boss.caller, user_id=story.user.id)


def _write_prompts(story: Any, admin: Any) -> None:
    """Created, changed, left as it was, and put back."""
    prompt = {"key": uuid.uuid4().hex, "category": "quality", "content": "sharp"}
    write = {"source": "edit", "reason": "test"}
    for content in ("sharp", "very sharp", "very sharp"):
        asked = {"prompts": [{**prompt, "content": content}], "idempotency_key": uuid.uuid4().hex, **write}
        for dry_run in (True, False):
            change = story.call("admin_write_prompts", admin, **asked, dry_run=dry_run)
    story.call("admin_list_prompts", story.boss.caller, category="quality", active=True)
    story.call("admin_undo_prompts", admin, change_id=change["change_id"], reason="test")
    for version, dry_run in ((1, True), (1, False), (2, False)):
        story.call("admin_activate_prompt", admin, key=prompt["key"], version=version, reason="test", dry_run=dry_run)
    story.call("admin_get_prompt", story.boss.caller, key=prompt["key"])
    story.call("list_presets", story.user.caller)
    asked = {"model_id": "fal/sdxl", "prompt": "a fox", "presets": [prompt["key"], "no-flaws", "nothing-like-it"]}
    story.call("admin_preview_prompt", story.boss.caller, **asked)
    key = uuid.uuid4().hex
    made = story.call("create_generation", story.user.caller, **asked, params={}, idempotency_key=key)
    assert [preset["version"] for preset in made["presets"]] == [None, 2, None]
