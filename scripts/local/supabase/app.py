"""The Flask app of one local Supabase; the table of contents."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import Flask
from flask.json.provider import DefaultJSONProvider

import scripts.local.supabase.auth.sessions as auth
import scripts.local.supabase.storage.caller as storage
from scripts.local.supabase.auth.routes import auth_blueprint
from scripts.local.supabase.database import Pool
from scripts.local.supabase.gateway import init_gateway
from scripts.local.supabase.inbox import Inbox
from scripts.local.supabase.rest.catalog import Catalog
from scripts.local.supabase.rest.routes import rest_blueprint
from scripts.local.supabase.settings import Settings
from scripts.local.supabase.storage.files import Files
from scripts.local.supabase.storage.routes import storage_blueprint
from scripts.local.supabase.tokens import Tokens


@dataclass(frozen=True)
class Stack:
    """What an app holds open, as `app.extensions["supabase"]`."""

    inbox: Inbox
    catalog: Catalog
    pools: tuple[Pool, ...]

    def close(self) -> None:
        """Let go of the database."""
        self.catalog.close()
        for pool in self.pools:
            pool.close()


def create_app(settings: Settings) -> Flask:
    """Return the gateway with REST, Auth and Storage behind it; nothing connects before the first request."""
    app = Flask(__name__, static_folder=None)
    app.json = _JSONProvider(app)
    app.url_map.merge_slashes = False
    tokens, inbox = Tokens(settings.keys), Inbox()
    rest_pool, auth_pool, storage_pool = (
        _pool(settings, role) for role in ("authenticator", "supabase_auth_admin", "supabase_storage_admin")
    )
    catalog = Catalog(rest_pool, settings)
    init_gateway(app, settings.keys)
    app.register_blueprint(rest_blueprint(rest_pool, catalog, tokens))
    auth_service = auth.Service(auth_pool, settings, tokens, inbox)
    app.register_blueprint(auth_blueprint(auth_service, settings.keys.public_jwk))
    storage_service = storage.Service(storage_pool, settings, tokens, Files(settings.storage_dir))
    app.register_blueprint(storage_blueprint(storage_service))
    app.extensions["supabase"] = Stack(inbox, catalog, (rest_pool, auth_pool, storage_pool))
    return app


class _JSONProvider(DefaultJSONProvider):
    """JSON with times in RFC 3339, as the services write them."""

    sort_keys = False

    @staticmethod
    def default(value: Any) -> Any:
        if isinstance(value, datetime):
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        return DefaultJSONProvider.default(value)


def _pool(settings: Settings, role: str) -> Pool:
    return Pool(
        settings.database_url,
        role,
        size=settings.pool_size,
        timeout=settings.pool_timeout,
        connect_timeout=settings.connect_timeout,
    )
