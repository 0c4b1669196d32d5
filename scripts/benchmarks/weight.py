"""Weight: memory of the processes, time to import, bytes on disk per row, time from nothing to the first picture."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import psycopg

from scripts.benchmarks.figures import Figure, missing
from scripts.benchmarks.ground import CannotMeasure, Ground, Tell, prepared
from scripts.benchmarks.http import routes
from scripts.benchmarks.load import drive
from scripts.benchmarks.stage import Stage, can_look_at_processes, family, resident_mb
from scripts.local.places import ROOT

GROUP = "weight"
IMPORTS = {"web": "import backend.app", "worker": "import backend.worker.__main__"}
# What one generation leaves, in tables that have nothing else in them.
TABLES = ("generations", "credit_reservations", "credit_transactions", "usage_logs")
SIZES = "select c.relname, pg_total_relation_size(c.oid) from pg_class c where c.oid = any(%s::regclass[])"
ROUNDS = 3
PATIENCE = 600


def measure(stage: Stage, tell: Tell, *, full: bool) -> Iterator[Figure]:
    """Every figure of this group; what a fresh checkout takes only when there is time."""
    tell("memory")
    _warm(stage)
    yield from memory(stage)
    tell("imports")
    yield from imports(5 if full else 3)
    with prepared(50, tell) as ground:
        tell("rows on disk")
        yield from rows(ground, 3000 if full else 1000)
    tell("scripts/start --once")
    yield first_picture()
    if full:
        tell("scripts/start --once in a fresh checkout")
        yield first_picture_ever()


def _warm(stage: Stage) -> None:
    """Let every process do some of its work."""
    for route in routes(stage):
        drive(stage.web_url, route.ours, connections=1, seconds=0.2)
    stage.settle()


def memory(stage: Stage) -> Iterator[Figure]:
    """What each process holds once it has worked."""
    for name in ("web", "worker", "scheduler"):
        title = f"memory of a {name} process"
        if not can_look_at_processes():
            yield missing(GROUP, title, "only Linux tells what a process holds")
            continue
        yield Figure(GROUP, title, max(map(resident_mb, family(stage.child(name).pid))), "MB")


def imports(rounds: int) -> Iterator[Figure]:
    """Time until a process has read its code, Python's own start included."""
    for name, code in IMPORTS.items():
        yield Figure(GROUP, f"import of the {name} process", _seconds(code, rounds), "s")


def _seconds(code: str, rounds: int) -> float:
    def once() -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
        return time.perf_counter() - began

    return median(once() for _ in range(rounds))


def rows(ground: Ground, generations: int) -> Iterator[Figure]:
    """Bytes that a generation leaves for ever, indexes included.

    In a table that has been vacuumed before: what the first ones outgrew is room for those that follow.
    """
    for _ in range(ROUNDS):
        before = _sizes(ground)
        ground.times("life", clients=2, count=generations, variables={"wallets": ground.users})
        ground.execute("vacuum analyze")
    grown = {name: (size - before[name]) / generations for name, size in _sizes(ground).items()}
    told = ", ".join(f"{name} {grown[name]:.0f}" for name in TABLES)
    yield Figure(GROUP, "disk per generation, indexes included", sum(grown.values()), "bytes", also=told)
    yield Figure(GROUP, "disk per ledger row, indexes included", grown["credit_transactions"], "bytes")


def _sizes(ground: Ground) -> dict[str, int]:
    with psycopg.connect(ground.url()) as connection:
        return dict(connection.execute(SIZES, [[f"public.{name}" for name in TABLES]]).fetchall())


def first_picture() -> Figure:
    """`scripts/start --once` from the command to the first picture, packages installed."""
    return _first_picture("scripts/start --once to the first picture, warm", ROOT, {})


def first_picture_ever() -> Figure:
    """The same in a fresh checkout that has to fetch its packages."""
    name = "scripts/start --once to the first picture, fresh checkout, packages fetched"
    home = Path(tempfile.mkdtemp(prefix="scrip-fresh-"))
    home.chmod(0o711)
    try:
        files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
        if files.returncode:
            return missing(GROUP, name, "this is no git checkout")
        for file in filter(None, files.stdout.split("\0")):
            (home / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / file, home / file)
        return _first_picture(name, home, {"UV_NO_CACHE": "true", "PIP_NO_CACHE_DIR": "1"})
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _first_picture(name: str, root: Path, env: dict[str, str]) -> Figure:
    began = time.perf_counter()
    command = [str(root / "scripts" / "start"), "--once"]
    process = subprocess.Popen(
        command, cwd=root, env={**os.environ, **env, "PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, text=True
    )
    try:
        for line in process.stdout or ():
            if "the picture:" in line:
                seconds = time.perf_counter() - began
                process.communicate(timeout=PATIENCE)
                return Figure(GROUP, name, seconds, "s")
        raise CannotMeasure(f"scripts/start --once ended with {process.wait(PATIENCE)} and made no picture")
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(30)
