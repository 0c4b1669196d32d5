"""The web application under test, and the parties it talks to."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Blueprint, Flask
from flask.testing import FlaskClient

from backend.app import create_app
from backend.config import Settings, load_settings
from backend.web.auth import current_user, user
from backend.web.tokens import Keys, Tokens
from tests.web.keyserver import KeyServer

Whoami = Callable[..., FlaskClient]
NOWHERE = "http://127.0.0.1:9"


def settings_for(url: str, **more: str) -> Settings:
    """Return settings of an app whose platform is at this address."""
    basic = {
        "APP_ENV": "local",
        "TESTING_MODE": "1",
        "SUPABASE_URL": url,
        "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_test",
        "SUPABASE_SECRET_KEY": "sb_secret_test",
        "REDIS_URL": "redis://127.0.0.1:9/0",
        "SITE_URL": "http://127.0.0.1:3000",
    }
    return load_settings({**basic, **more})


@pytest.fixture
def keyserver() -> Iterator[KeyServer]:
    """A key server with one ES256 key called `first`."""
    with KeyServer() as server:
        server.add("first")
        yield server


@pytest.fixture
def whoami(keyserver: KeyServer) -> Whoami:
    """Make a client of an app that has one more guarded route, /whoami, which needs no database."""

    def make(lifespan: float = 600, cooldown: float = 30, **more: str) -> FlaskClient:
        settings = settings_for(keyserver.url, **more)
        app = create_app(settings)
        app.extensions["tokens"] = Tokens(
            settings, Keys(settings.issuer, lifespan=lifespan, cooldown=cooldown, timeout=1)
        )
        return _with_whoami(app).test_client()

    return make


@pytest.fixture
def client() -> FlaskClient:
    """A client of an app whose platform, Redis and key server are all away."""
    return create_app(settings_for(NOWHERE)).test_client()


def _with_whoami(app: Flask) -> Flask:
    bp = Blueprint("whoami", __name__)
    bp.add_url_rule("/whoami", view_func=lambda: {"id": current_user().id, "email": current_user().email})
    app.before_request_funcs["whoami"] = [user]
    app.register_blueprint(bp)
    return app
