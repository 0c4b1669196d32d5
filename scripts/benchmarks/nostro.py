"""hf-nostro, another ledger of credits on PostgreSQL, set up to be measured beside ours."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import psycopg

from scripts.benchmarks.ground import CREDITS, CannotMeasure, Ground
from scripts.local import venv

REQUIREMENTS = venv.ROOT / "requirements-bench.txt"
PATIENCE = 120
ACCOUNTS = """
insert into nostro.account (id, tenant_id, scope_ref) select u.id, 'bench', u.id::text from auth.users u;
"""
CREDIT = "select nostro.credit(u.id, %s, 'topup', 'bench', null, null, '{}') from auth.users u"
GRANTS = "grant usage on schema nostro to service_role; grant execute on all functions in schema nostro to service_role"


def set_up(ground: Ground) -> None:
    """Give every user an account with as many units as our wallets have credits."""
    command = [sys.executable, "-m", "nostro", "migrate", "--scale", "0"]
    env = {**os.environ, "PYTHONPATH": str(_packages()), "DATABASE_URL": ground.url()}
    result = subprocess.run(command, env=env, capture_output=True, text=True, timeout=PATIENCE)
    if result.returncode:
        raise CannotMeasure(f"hf-nostro could not make its tables: {result.stderr.strip()[-300:]}")
    with psycopg.connect(ground.url(), autocommit=True) as connection:
        connection.execute(ACCOUNTS.encode())
        connection.execute(CREDIT, [CREDITS])
        connection.execute(GRANTS)


def _packages() -> Path:
    """The folder with the pinned packages, filled on first use."""
    name = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    folder = venv.ROOT / ".local" / f"bench-{name}"
    if not folder.exists():
        _install(folder)
    return folder


def _install(folder: Path) -> None:
    half = folder.with_suffix(f".{os.getpid()}")
    uv = venv.find_uv()
    install = [uv, "pip", "install", "--python", str(venv.PYTHON)] if uv else [sys.executable, "-m", "pip", "install"]
    command = [*install, "--no-deps", "--target", str(half), "-r", str(REQUIREMENTS)]
    try:
        result = subprocess.run(command, env=venv.environment(), capture_output=True, text=True, timeout=PATIENCE)
    except (OSError, subprocess.TimeoutExpired) as failure:
        raise CannotMeasure(f"hf-nostro could not be installed: {failure}") from failure
    if result.returncode:
        raise CannotMeasure(f"hf-nostro could not be installed: {result.stderr.strip()[-300:]}")
    half.rename(folder)
