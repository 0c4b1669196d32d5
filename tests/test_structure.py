"""The shape of the house, kept by reading the source: who imports whom, how large a file is, who may come in."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from backend.app import create_app
from backend.config import load_settings
from backend.web.auth import ADMINS, GUARDS, public

ROOT = Path(__file__).parent.parent
LINES = {"backend": 250, "scripts": 250, "tests": 500}  # a test file is a list, and lists may be longer
BACKEND = sorted((ROOT / "backend").rglob("*.py"))
CODE = sorted(path for folder in ("backend", "scripts", "tests") for path in (ROOT / folder).rglob("*.py"))
CODE += [ROOT / "wsgi.py", ROOT / "gunicorn.conf.py"]

OURS = ("web", "core", "rpc", "clients", "worker", "queue", "control", "deps", "app", "shared", "signals", "counters")
# What a package of backend/ must not import; everything of ours that it may is written out, the rest follows.
MAY = {
    "web": {"web", "core", "rpc", "deps"},
    "worker": {"worker", "core", "rpc", "deps", "queue", "control"},
    "core": {"core", "rpc", "clients", "queue", "deps"},
    "rpc": {"rpc"},
    "clients": {"clients"},
    "queue": set(),
    "shared": set(),
    "signals": set(),
    "counters": set(),
    "control": {"queue"},
    "metrics": set(),
    "config": set(),
    "errors": set(),
    "logs": set(),
}
NEVER = {
    "web": {"rq", "redis", "psycopg", "stripe", "postgrest", "supabase"},
    "worker": {"flask", "psycopg", "postgrest"},
    "core": {"flask", "rq", "redis", "psycopg", "postgrest", "httpx"},
    "rpc": {"flask", "rq", "redis", "psycopg"},
    "clients": {"flask", "rq", "redis", "psycopg", "postgrest"},
    "queue": {"flask", "psycopg", "postgrest"},
    "shared": {"flask", "rq", "psycopg", "postgrest"},
    "signals": {"flask", "rq", "psycopg", "postgrest"},
    "counters": {"flask", "rq", "psycopg", "postgrest"},
    "control": {"flask", "psycopg", "postgrest"},
    "metrics": {"flask", "rq", "redis", "httpx", "postgrest"},
    "config": {"flask", "rq", "redis", "httpx"},
    "errors": {"flask", "rq", "redis", "httpx", "postgrest"},
    "logs": {"flask", "rq", "redis", "httpx"},
}


def name(path: Path) -> str:
    """Return a path as people write it."""
    return str(path.relative_to(ROOT))


def package(path: Path) -> str:
    """Return the part of backend/ that a file belongs to: `web` for backend/web/me.py, `queue` for backend/queue.py."""
    return path.relative_to(ROOT / "backend").parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Yield every module that a file imports, those inside functions and `from backend import x` included."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def reached(path: Path) -> set[str]:
    """Return the parts of backend/ that a file imports."""
    parts = {module.split(".")[1] for module in imports(path) if module.startswith("backend.")}
    return parts & set(OURS)


@pytest.mark.parametrize("path", BACKEND, ids=name)
def test_packages_import_only_what_they_may(path: Path) -> None:
    """A read goes route -> rpc -> SQL; only a flow with an outside party adds core."""
    part = package(path)
    if part in MAY:
        assert reached(path) <= MAY[part]
        assert not {module.split(".")[0] for module in imports(path)} & NEVER[part]


@pytest.mark.parametrize("path", BACKEND, ids=name)
def test_backend_knows_neither_scripts_nor_tests(path: Path) -> None:
    """What is shipped does not lean on what is not."""
    assert not {module.split(".")[0] for module in imports(path)} & {"scripts", "tests"}


def test_only_the_rpc_client_knows_postgrest() -> None:
    """One file to read when the protocol changes."""
    knowing = [name(path) for path in BACKEND if any(module.startswith("postgrest") for module in imports(path))]
    assert knowing == ["backend/rpc/client.py"]


def test_only_its_client_knows_stripe() -> None:
    """The rest of Scrip sees plain dicts and our own errors."""
    assert [name(path) for path in BACKEND if {"stripe"} & set(imports(path))] == ["backend/clients/stripe.py"]


@pytest.mark.parametrize("path", [*BACKEND, ROOT / "wsgi.py", ROOT / "gunicorn.conf.py"], ids=name)
def test_only_config_reads_the_environment(path: Path) -> None:
    """Whatever can be set is a field of Settings."""
    dotted = {ast.unparse(node) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
    words = {f"os.{word}" for word in ("environ", "environb", "getenv")}  # request.environ is another thing
    assert not (dotted | set(imports(path))) & words or name(path) == "backend/config.py"


@pytest.mark.parametrize("path", BACKEND, ids=name)
def test_nothing_is_imported_inside_a_function(path: Path) -> None:
    """A cycle is mended, not dodged."""
    functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]
    inner = [
        node for function in functions for node in ast.walk(function) if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert not inner


@pytest.mark.parametrize("path", CODE, ids=name)
def test_a_module_stays_small(path: Path) -> None:
    """When this is hard to keep, the module has two subjects."""
    assert len(path.read_text().splitlines()) < LINES.get(path.relative_to(ROOT).parts[0], 250)


@pytest.mark.parametrize("path", BACKEND, ids=name)
def test_a_module_says_what_it_is_for(path: Path) -> None:
    """One sentence at the top of each file."""
    assert (ast.get_docstring(ast.parse(path.read_text())) or "").endswith((".", ":", "?", "`")), "no sentence"


@pytest.fixture(scope="module")
def app() -> Flask:
    """The application, talking to nobody."""
    return create_app(
        load_settings(
            {
                "SUPABASE_URL": "http://127.0.0.1:9",
                "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_x",
                "SUPABASE_SECRET_KEY": "sb_secret_x",
                "REDIS_URL": "redis://127.0.0.1:9/0",
                "SITE_URL": "http://127.0.0.1:9",
            }
        )
    )


def guards_of(app: Flask, endpoint: str) -> list[object]:
    """Return the guards that run before an endpoint."""
    blueprint = endpoint.rpartition(".")[0]
    return [function for function in app.before_request_funcs.get(blueprint, []) if function in GUARDS]


def test_every_route_has_exactly_one_guard(app: Flask) -> None:
    """`public` is written down too, so that a forgotten guard shows."""
    routes = list(app.url_map.iter_rules())
    assert len(routes) > 10
    for rule in routes:
        assert len(guards_of(app, rule.endpoint)) == 1, f"{rule.rule} has no guard, or two"


def test_a_route_without_a_guard_would_show(app: Flask) -> None:
    """The check above can fail."""
    assert guards_of(app, "nothing.here") == []
    assert guards_of(app, "no_blueprint") == []


def test_the_document_says_who_may_come_in(app: Flask) -> None:
    """A route asks for a token exactly when its guard does."""
    paths = app.test_client().get("/openapi.json").json["paths"]
    for rule in app.url_map.iter_rules():
        documented = paths.get(rule.rule.replace("<", "{").replace(">", "}"))
        for operation in (documented or {}).values():
            [guard] = guards_of(app, rule.endpoint)
            assert ("security" in operation) == (guard is not public), rule.rule
            assert ("401" in operation["responses"]) == ("security" in operation), rule.rule
            assert guard not in ADMINS or "403" in operation["responses"], rule.rule
