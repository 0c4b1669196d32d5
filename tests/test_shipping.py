"""What is shipped: the image and what runs in it, compose.yaml and Procfile.

No Docker engine is needed: the image's folder is laid out from Dockerfile and .dockerignore as `docker build` would,
and its processes are run from there. That they need no development package is read off their imports.
"""

from __future__ import annotations

import fnmatch
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import metadata
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
import yaml
from redis import Redis
from rq import Worker

from backend.config import Settings, load_settings, variables
from backend.worker.schedule import LOCK
from scripts import health
from scripts.local.postgres import Postgres
from scripts.migrations.files import load_migrations
from tests.patience import LONG, eventually
from tests.requirements import needed, plain
from tests.web.test_outages import closed_port

ROOT = Path(__file__).parent.parent
PROCESSES = ("web", "worker", "scheduler", "migrate", "doctor")
REQUIRED = {"SUPABASE_URL", "SUPABASE_PUBLISHABLE_KEY", "SUPABASE_SECRET_KEY", "REDIS_URL", "SITE_URL"}


def load(path: str) -> Any:
    """Return what a YAML file of the repository says."""
    return yaml.safe_load((ROOT / path).read_text())


def dockerfile() -> list[tuple[str, str]]:
    """Return the instructions of the Dockerfile, continued lines joined, comments left out."""
    text = re.sub(r"(?m)^\s*#.*\n", "", (ROOT / "Dockerfile").read_text()).replace("\\\n", " ")
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in text.splitlines() if line.strip()]


def last_stage() -> list[tuple[str, str]]:
    """Return the instructions that make the image itself."""
    instructions = dockerfile()
    start = max(n for n, (word, _) in enumerate(instructions) if word == "FROM")
    return instructions[start:]


def is_ignored(path: str) -> bool:
    """Tell whether .dockerignore keeps a path out: the last pattern that fits it or a folder above it decides."""
    ignored = False
    parents = [path, *(str(parent) for parent in Path(path).parents if str(parent) != ".")]
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        wanted = pattern.removeprefix("!")
        forms = {wanted, wanted.removeprefix("**/"), wanted.replace("**/", "*/")}
        if any(fnmatch.fnmatchcase(one, form) for one in parents for form in forms):
            ignored = not pattern.startswith("!")
    return ignored


def copied() -> list[tuple[str, str]]:
    """Return source and target of everything that the last stage copies from the checkout."""
    copies = [shlex.split(rest) for word, rest in last_stage() if word == "COPY" and not rest.startswith("--from")]
    return [(source, words[-1]) for words in copies for source in words[:-1]]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder /app as `docker build` would lay it out."""
    app = tmp_path_factory.mktemp("image") / "app"
    for source, target in copied():
        for file in [ROOT / source, *(ROOT / source).rglob("*")]:
            name = str(file.relative_to(ROOT))
            if file.is_file() and not is_ignored(name):
                inner = file.relative_to(ROOT / source) if (ROOT / source).is_dir() else Path(source)
                place = app / target / inner
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, place)
    return app


def environment(**more: str) -> dict[str, str]:
    """Return an environment that is complete, in which nothing answers."""
    python = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONDONTWRITEBYTECODE": "1"}
    keys = {"SUPABASE_PUBLISHABLE_KEY": "sb_publishable_x", "SUPABASE_SECRET_KEY": "sb_secret_x"}
    addresses = {"SUPABASE_URL": "http://127.0.0.1:9", "REDIS_URL": "redis://127.0.0.1:9/0"}
    return {**python, **keys, **addresses, "SITE_URL": "http://127.0.0.1:9", "WEB_CONCURRENCY": "1", **more}


def settings(**more: str) -> Settings:
    """Return the settings of that environment."""
    return load_settings(environment(**more))


# The image


def test_the_image_runs_as_nobody_special() -> None:
    """Not root, by number, so that platforms can check it; and the files are not its own."""
    words = dict(last_stage())
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", words["USER"])
    assert not any("--chown" in rest for word, rest in last_stage() if word == "COPY")
    assert words["ENTRYPOINT"] == '["./entrypoint.sh"]'
    assert words["CMD"] == '["web"]'
    assert words["STOPSIGNAL"] == "SIGTERM"
    assert "scripts/health.py" in words["HEALTHCHECK"]


def test_the_base_image_is_pinned_and_one_of_ours() -> None:
    """Python 3.13 on a named Debian, the same in every stage."""
    bases = {rest.split(" AS ")[0] for word, rest in dockerfile() if word == "FROM"}
    assert len(bases) == 1
    assert re.fullmatch(r"python:3\.13-slim-[a-z]+", bases.pop())


def test_no_secret_can_get_into_the_image() -> None:
    """Nothing is fetched or passed in at build time, and what is copied exists."""
    assert not [rest for word, rest in dockerfile() if word in ("ADD", "ARG")]
    assert not re.search(r"KEY|SECRET|PASSWORD|TOKEN|_URL", (ROOT / "Dockerfile").read_text())
    assert all((ROOT / source).exists() for source, _ in copied())
    assert "." not in [source for source, _ in copied()]


@pytest.mark.parametrize(
    "path",
    [
        *(".env", ".env.production", "backend/.env", ".local/supabase/keys.json", ".venv/bin/python", ".git/config"),
        *("tests/conftest.py", "scripts/local/stack.py", "requirements-dev.txt", "notes.txt", "backend/x.pyc"),
    ],
)
def test_what_must_not_leave_this_machine_is_ignored(path: str) -> None:
    """A new file stays out until it is named in .dockerignore."""
    assert is_ignored(path)


def test_the_image_has_what_runs_and_nothing_else(image: Path) -> None:
    """The parts by name; the newest migration is what /ready compares with."""
    assert {path.name for path in image.iterdir()} == {"backend", "scripts", "supabase"} | {
        *("entrypoint.sh", "gunicorn.conf.py", "wsgi.py", "constraints.txt", "requirements.txt")
    }
    assert not (image / "scripts" / "local" / "supabase").exists()
    assert not (image / "scripts" / "local" / "__main__.py").exists()
    assert not list(image.rglob("*.pyc"))
    shipped, ours = (load_migrations(folder / "supabase") for folder in (image, ROOT))
    assert [(one.version, one.text) for one in shipped] == [(one.version, one.text) for one in ours] != []


IMPORTS = """
import importlib, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"{name} comes with no package of requirements.txt", name=name)

absent = set(sys.argv[1].split(","))
sys.meta_path.insert(0, Absent())
for name in sys.argv[2:]:
    importlib.import_module(name)
"""
RUN = ("wsgi", "gunicorn.app.wsgiapp", "gunicorn.workers.gthread", "backend.worker.__main__", "backend.worker.schedule")
RUN += ("scripts.migrate", "scripts.doctor", "scripts.verify_receipt", "scripts.health")


def development_modules() -> set[str]:
    """Return the top-level modules that only packages outside requirements.txt bring."""
    shipped = needed("requirements.txt")
    found = metadata.packages_distributions().items()
    return {top for top, names in found if not set(map(plain, names)) & shipped}


def imported(image: Path, *modules: str) -> subprocess.CompletedProcess[str]:
    """Import modules in the image's folder, with every development package gone."""
    absent = ",".join(sorted(development_modules() - {"_distutils_hack"}))
    command = [sys.executable, "-c", IMPORTS, absent, *modules]
    return subprocess.run(command, cwd=image, env=environment(), capture_output=True, text=True, timeout=60)


def test_nothing_that_runs_needs_a_development_package(image: Path) -> None:
    """All that the five processes and the health check import is in the image or comes with requirements.txt."""
    ran = imported(image, *RUN)
    assert ran.returncode == 0, ran.stderr


def test_a_development_package_would_show(image: Path) -> None:
    """The check above can fail."""
    assert {"flask", "psycopg", "rq", "gunicorn"}.isdisjoint(development_modules())
    ran = imported(image, "bcrypt")
    assert "bcrypt comes with no package of requirements.txt" in ran.stderr


# The entry point


def run(image: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the entry point to its end."""
    command = ["sh", "./entrypoint.sh", *arguments]
    return subprocess.run(command, cwd=image, env=environment(**env), capture_output=True, text=True, timeout=60)


def test_an_unknown_process_is_refused_with_the_list(image: Path) -> None:
    """Also when none is named."""
    for arguments in (["wbe"], []):
        ended = run(image, *arguments)
        assert ended.returncode == 2
        assert all(process in ended.stderr for process in PROCESSES)


def test_migrate_brings_an_empty_database_up(image: Path, postgres: Postgres) -> None:
    """With the migrations of the image, as the platform's non-superuser; a second run has nothing to do."""
    postgres.create_platform("shipped")
    try:
        first, second = (run(image, "migrate", DATABASE_URL=postgres.url("shipped")) for _ in range(2))
    finally:
        postgres.drop("shipped")
    newest = sorted(path.name for path in (ROOT / "supabase" / "migrations").glob("*.sql"))[-1]
    assert first.returncode == 0, first.stdout + first.stderr
    assert newest.split("_")[0] in first.stdout
    assert second.returncode == 0
    assert "up to date" in second.stdout.lower()


def test_doctor_is_in_the_image(image: Path) -> None:
    """It explains itself without anything being there."""
    ended = run(image, "doctor", "--help")
    assert ended.returncode == 0, ended.stderr
    assert "--json" in ended.stdout


def test_web_worker_and_scheduler_start_and_stop_when_told(image: Path) -> None:
    """The three at once, with nothing to talk to: they wait, the web process answers, and SIGTERM ends each cleanly."""
    port = closed_port()
    started = {
        name: subprocess.Popen(
            [*("sh", "./entrypoint.sh"), name], cwd=image, env=environment(PORT=str(port)), stderr=subprocess.DEVNULL
        )
        for name in ("web", "worker", "scheduler")
    }
    try:
        eventually(lambda: health.answers(f"http://127.0.0.1:{port}/health"))
        assert httpx.get(f"http://127.0.0.1:{port}/ready").status_code == 503
        assert {name: process.poll() for name, process in started.items()} == dict.fromkeys(started)
        for process in started.values():
            process.send_signal(signal.SIGTERM)
        assert {name: process.wait(LONG) for name, process in started.items()} == dict.fromkeys(started, 0)
    finally:
        for process in started.values():
            process.kill()
            process.wait()


# The health check


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("/opt/venv/bin/python /opt/venv/bin/gunicorn -c gunicorn.conf.py wsgi:app", "web"),
        ("python -m backend.worker", "worker"),
        ("python -m backend.worker.schedule", "scheduler"),
        ("/sbin/docker-init -- ./entrypoint.sh web", None),
        ("python scripts/health.py", None),
    ],
)
def test_the_health_check_knows_what_it_looks_at(command: str, kind: str | None) -> None:
    """One HEALTHCHECK in the image fits every process."""
    assert health.kind_of([["/bin/sh"], command.split()]) == kind


def test_a_web_process_is_alive_when_it_answers() -> None:
    """200 is life; a broken answer and none are not."""
    with WebServer(200) as alive, WebServer(500) as broken:
        assert health.is_alive("web", settings(PORT=str(alive)))
        assert not health.is_alive("web", settings(PORT=str(broken)))
    assert not health.is_alive("web", settings(PORT=str(closed_port())))


class WebServer:
    """A web server that answers every request with one status."""

    def __init__(self, status: int) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> int:
        Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self.server.server_port

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def test_worker_and_scheduler_are_alive_while_redis_hears_of_them(redis_url: str) -> None:
    """A worker of this host; a scheduler that leads. One that cannot reach Redis waits, and is not to be killed."""
    here, away = settings(REDIS_URL=redis_url), settings()
    with Redis.from_url(redis_url) as redis:
        assert not health.is_alive("worker", here)
        assert not health.is_alive("scheduler", here)
        Worker(["default"], connection=redis).register_birth()
        redis.set(LOCK, "somebody", ex=30)
        assert health.is_alive("worker", here)
        assert health.is_alive("scheduler", here)
    assert health.is_alive("worker", away)
    assert not health.is_alive(None, away)
    assert not health.is_alive(None, here)


# compose.yaml and Procfile


def services() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the services that run our image."""
    for name, service in load("compose.yaml")["services"].items():
        if "build" in service:
            yield name, service


def test_compose_and_procfile_name_processes_that_exist() -> None:
    """Both go through the one entry point."""
    cases = re.findall(r"(?m)^    (\w+)\)", (ROOT / "entrypoint.sh").read_text())
    assert set(cases) == set(PROCESSES)
    assert {name: service["command"][0] for name, service in services()} == {name: name for name in PROCESSES}
    for line in (ROOT / "Procfile").read_text().splitlines():
        _, command = line.split(": ", 1)
        assert re.fullmatch(r"\./entrypoint\.sh (web|worker|scheduler|migrate up)", command)
    assert os.access(ROOT / "entrypoint.sh", os.X_OK)


def test_compose_passes_every_required_variable() -> None:
    """All of .env reaches each process, and what compose sets itself is a variable that Scrip knows."""
    example = re.findall(r"(?m)^(\w+)=", (ROOT / ".env.example").read_text())
    assert set(example) >= REQUIRED
    for name, service in services():
        assert service["env_file"] == ".env", name
        assert set(service.get("environment", {})) <= set(variables()), name
    with pytest.raises(Exception, match=r"SUPABASE_URL is missing[\s\S]*SITE_URL is missing"):
        load_settings({})
    assert settings().web_concurrency  # REQUIRED is all there is to it


@pytest.mark.parametrize(
    ("variable", "told"), [("DATABASE_URL", {"migrate", "doctor"}), ("LEDGER_SIGNING_KEY", {"scheduler", "doctor"})]
)
def test_a_secret_reaches_only_those_that_need_it(variable: str, told: set[str]) -> None:
    """The database's password and the key that signs the books stay out of what faces the network."""
    blank = {name for name, service in services() if service.get("environment", {}).get(variable) == ""}
    assert {name for name, _ in services()} - blank == told


def test_compose_waits_for_migrations_and_leaves_time_to_stop() -> None:
    """Migrate first; and nobody is killed before the time that gunicorn and a worker take for themselves."""
    found = dict(services())
    for name in ("web", "worker", "scheduler"):
        assert found[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
        assert found[name]["restart"] == "unless-stopped"
        assert found[name]["read_only"] is True
    graceful = int(re.search(r"graceful_timeout = (\d+)", (ROOT / "gunicorn.conf.py").read_text())[1])  # type: ignore[index]
    grace = int(re.search(r":-(\d+)", found["worker"]["environment"]["WORKER_GRACE_SECONDS"])[1])  # type: ignore[index]
    assert seconds(found["web"]["stop_grace_period"]) > graceful
    assert seconds(found["worker"]["stop_grace_period"]) > grace + 20
    assert found["migrate"]["restart"] == "no"


def seconds(text: str) -> int:
    """Return `40s` as 40."""
    return int(text.removesuffix("s"))


def test_the_queue_keeps_what_it_is_told() -> None:
    """Append-only, never evicting, on a volume, and reachable for nobody else."""
    service = load("compose.yaml")["services"]["valkey"]
    assert service["command"][1:] == ["--appendonly", "yes", "--maxmemory-policy", "noeviction"]
    assert service["volumes"] == ["valkey:/data"]
    assert "ports" not in service
