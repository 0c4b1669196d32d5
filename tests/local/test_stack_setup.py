"""Setting up from a bare Python: what is said when something is missing, and when .venv is made anew."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.local import environment, venv

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with requirements and nothing else."""
    for name in venv.REQUIREMENTS:
        (tmp_path / name).write_text("# nothing\n")
    (tmp_path / ".local").mkdir()
    folder = tmp_path / ".venv"
    monkeypatch.setattr(venv, "ROOT", tmp_path)
    monkeypatch.setattr(venv, "LOG", tmp_path / ".local" / "setup.log")
    monkeypatch.setattr(venv, "VENV", folder)
    monkeypatch.setattr(venv, "PYTHON", folder / "bin" / "python")
    monkeypatch.setattr(venv, "STAMP", folder / "scrip-ready")
    monkeypatch.setattr(venv, "MARK", folder / "scrip-unfinished")
    return tmp_path


def finished_venv(monkeypatch: pytest.MonkeyPatch) -> None:
    """A .venv as a finished set-up leaves it, with this Python in place of its own."""
    (venv.VENV / "bin").mkdir(parents=True)
    venv.PYTHON.symlink_to(sys.executable)
    venv.STAMP.write_text(venv.fingerprint())
    monkeypatch.setattr(venv, "runs", lambda *command: True)


def test_a_finished_venv_is_ready_until_the_requirements_change(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished_venv(monkeypatch)
    assert venv.is_ready()
    (checkout / "requirements-dev.txt").write_text("another\n")
    assert not venv.is_ready()


def test_an_unfinished_venv_is_made_anew(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finished_venv(monkeypatch)
    venv.MARK.touch()
    venv.STAMP.unlink()
    (venv.VENV / "half-written").touch()
    monkeypatch.setattr(venv, "wait_for", lambda what, command: not venv.VENV.exists() and not venv.VENV.mkdir())
    monkeypatch.setattr(venv, "install", lambda: None)
    venv.set_up()
    assert not (venv.VENV / "half-written").exists()
    assert venv.is_ready()
    assert not venv.MARK.exists()


def test_a_venv_that_was_made_by_hand_is_kept_and_completed(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finished_venv(monkeypatch)
    venv.STAMP.unlink()
    (venv.VENV / "of the developer").touch()
    monkeypatch.setattr(venv, "install", lambda: None)
    venv.set_up()
    assert (venv.VENV / "of the developer").exists()
    assert venv.is_ready()


def test_without_venv_and_uv_the_ways_out_are_named(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(venv, "wait_for", lambda what, command: False)
    with pytest.raises(venv.SetupFailed, match="apt-get install python3-venv"):
        venv.set_up()
    assert not venv.VENV.exists()


def test_a_failed_install_shows_the_errors_and_not_the_retries(checkout: Path) -> None:
    venv.LOG.write_text("WARNING: Retrying\nERROR: No matching distribution found for flask\nWARNING: more\n")
    assert venv.logged_errors() == "  ERROR: No matching distribution found for flask"


@pytest.mark.parametrize("home", [None, "", "/nonexistent"])
def test_no_cache_is_kept_where_there_is_no_home(home: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME", raising=False)
    if home is not None:
        monkeypatch.setenv("HOME", home)
    assert venv.environment()["UV_NO_CACHE"] == "true"
    monkeypatch.setenv("HOME", str(ROOT))
    assert "UV_NO_CACHE" not in venv.environment() or "UV_NO_CACHE" in os.environ


@pytest.mark.parametrize("script", ["scripts/start", "scripts/test"])
def test_without_python_it_says_how_to_get_one(script: str) -> None:
    done = subprocess.run(["/bin/sh", script], cwd=ROOT, env={"PATH": "/nonexistent"}, capture_output=True, text=True)
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr
    assert "apt-get install python3" in done.stderr


def test_a_python_that_was_named_and_is_too_old_is_not_replaced_silently(tmp_path: Path) -> None:
    old = tmp_path / "python 3.9"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    env = environment.for_child({"PYTHON": str(old)})
    done = subprocess.run(["/bin/sh", "scripts/start"], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"tried {old}" in done.stderr


def test_the_callers_project_does_not_reach_the_stack() -> None:
    callers = {"SUPABASE_URL": "https://real.supabase.co", "DATABASE_URL": "x", "PGHOST": "db", "LOG_LEVEL": "DEBUG"}
    child = environment.for_child({"DATABASE_URL": "ours"}, callers)
    assert child["DATABASE_URL"] == "ours"
    assert child["LOG_LEVEL"] == "DEBUG"
    assert "SUPABASE_URL" not in child
    assert "PGHOST" not in child
    assert environment.ignored(callers) == ["SUPABASE_URL", "DATABASE_URL"]
