"""The web application: a table of contents."""

from __future__ import annotations

import structlog
from flask import Flask
from flask_cors import CORS
from flask_openapi.blueprint import APIBlueprint

from backend.config import Settings, load_settings
from backend.deps import Deps, build_deps
from backend.logs import configure_logging
from backend.web import (
    adjustments,
    audit,
    batches,
    billing,
    billing_admin,
    credits,
    docs,
    errors,
    flags,
    flags_admin,
    generations,
    gifts,
    health,
    me,
    metrics,
    models,
    notices,
    openapi,
    operations,
    promotions,
    promotions_admin,
    prompt_tools,
    prompts,
    prompts_admin,
    queues,
    receipts,
    requests,
    roles,
    security,
    statistics,
    subscriptions,
    users,
    webhooks,
)
from backend.web.auth import ADMINS, admin, ops, public, support, user
from backend.web.limits import HEADERS, Limits, count
from backend.web.tokens import Tokens

# Who may come in is written here, beside each subject.
ROUTES = (
    (health.bp, public),
    (docs.bp, public),
    (metrics.bp, ops),
    (models.bp, public),
    (receipts.bp, public),
    (webhooks.bp, public),
    (me.bp, user),
    (flags.bp, user),
    (credits.bp, user),
    (gifts.bp, user),
    (notices.bp, user),
    (generations.bp, user),
    (prompts.bp, user),
    (promotions.bp, user),
    (batches.bp, user),
    (queues.bp, admin),
    (operations.bp, support),
    (billing.packages, public),
    (billing.bp, user),
    (subscriptions.plans, public),
    (subscriptions.bp, user),
    (billing.webhook, public),  # proves itself by its signature
    (billing_admin.events, support),
    (billing_admin.payments, support),
    (billing_admin.bp, admin),
    (promotions_admin.bp, admin),
    (prompts_admin.bp, support),
    (prompt_tools.bp, support),
    (flags_admin.lists, support),
    (flags_admin.bp, admin),
    (users.bp, support),
    (adjustments.bp, support),
    (audit.bp, admin),
    (statistics.bp, support),
    (roles.bp, admin),
)


# Probes come often and from one address, and must not wait for anything. Webhooks come in bursts; they count forgeries.
UNLIMITED = (health.bp, metrics.bp, webhooks.bp, billing.webhook)


def create_app(settings: Settings | None = None, deps: Deps | None = None) -> Flask:
    """Return the application for these settings, or for those of the environment."""
    settings = settings or (deps.settings if deps else load_settings())
    configure_logging(settings)
    app = openapi.create(__name__)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the default provider has it
    app.extensions["deps"] = deps or build_deps(settings)
    app.extensions["tokens"] = Tokens(settings)
    app.extensions["flags"] = flags.Flags(settings)
    requests.init_app(app)
    errors.init_app(app)
    security.init_app(app, settings)
    Limits(app.extensions["deps"]).init_app(app)
    _allow_origins(app, settings)
    for blueprint, guard in ROUTES:
        app.before_request_funcs.setdefault(blueprint.name, []).append(guard)
        if blueprint not in UNLIMITED and guard not in ADMINS:  # those count before they ask for the role
            app.before_request_funcs[blueprint.name].append(count)
        app.register_api(blueprint) if isinstance(blueprint, APIBlueprint) else app.register_blueprint(blueprint)
    said = settings.model_dump(include={"app_env", "testing_mode", "flag_overrides"})
    structlog.get_logger(__name__).info("app_created", **said)
    return app


def _allow_origins(app: Flask, settings: Settings) -> None:
    if settings.cors_origins:
        CORS(
            app,
            resources=r"/api/.*",
            origins=list(settings.cors_origins),
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "X-Request-Id"],
            expose_headers=["Idempotency-Key", "Location", "Retry-After", "X-Request-Id", *HEADERS],
            max_age=600,
        )
