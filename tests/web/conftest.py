"""The web application under test, and the parties it talks to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from flask import Blueprint, Flask
from flask.testing import FlaskClient

from backend.app import create_app
from backend.config import Settings, load_settings
from backend.web.auth import current_user, user
from backend.web.keys import Keys
from backend.web.tokens import Tokens
from scripts.local.postgres import SUPERUSER, Postgres
from scripts.local.supabase.keys import make_keys
from scripts.local.valkey import Valkey
from tests.web.keyserver import KeyServer
from tests.web.person import Person
from tests.worker.world import ROOT, Supabase, World

Whoami = Callable[..., FlaskClient]
NOWHERE = "http://127.0.0.1:9"
PLENTY = "100000/second"  # what a test about something else may ask


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


@contextmanager
def surround(name: str, postgres: Postgres, template: str, valkey: Valkey, folder: Path) -> Iterator[World]:
    """PostgreSQL, Valkey and the local Supabase around a web application, with a database of that name."""
    keys = make_keys()
    postgres.clone(template, name)
    with psycopg.connect(postgres.url(name), autocommit=True) as connection:
        connection.execute((ROOT / "supabase" / "seed.sql").read_bytes())
    supabase = Supabase(postgres.url(name), folder / "storage", keys)
    environ = {
        **supabase.environ(valkey.url),
        "TESTING_MODE": "1",
        "RATE_LIMIT_DEFAULT": PLENTY,
        "RATE_LIMIT_WRITE": PLENTY,
        "RATE_LIMIT_PUBLIC": PLENTY,
    }
    yield World(postgres.url(name), postgres.url("postgres", SUPERUSER), environ, keys, supabase, folder)
    supabase.stop()


@pytest.fixture(scope="session")
def whole_world(
    postgres: Postgres, template: str, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """The shared world; use `world`."""
    with surround("web_world", postgres, template, valkey, tmp_path_factory.mktemp("web")) as world:
        yield world


@pytest.fixture
def world(whole_world: World) -> Iterator[World]:
    """The world, with an empty queue."""
    whole_world.clear()
    whole_world.supabase.calls.clear()
    yield whole_world
    whole_world.clear()


@pytest.fixture
def app(world: World) -> Flask:
    """The web application in that world."""
    return create_app(deps=world.deps)


@pytest.fixture
def alice(app: Flask, world: World) -> Person:
    """Alice, with 25 sign-up credits."""
    return Person(app, world.new_user())


@pytest.fixture
def bob(app: Flask, world: World) -> Person:
    """Bob, who must never see what is Alice's."""
    return Person(app, world.new_user())
