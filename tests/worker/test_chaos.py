"""scripts/chaos as people run it: 300 generations while everything under them is killed, flushed and cut off."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from scripts.local import environment
from scripts.storms.blows import KINDS
from scripts.storms.wishes import plan
from tests.worker.world import ROOT


def chaos(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the script."""
    command = [str(ROOT / "scripts" / "chaos"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment.for_child({}))


@pytest.mark.timeout(420)
def test_a_storm_loses_and_doubles_nothing() -> None:
    """Regression: A2, H2, J1, J2, J3, J4. Every figure is as it must be, and every kind of blow was dealt."""
    run = chaos("--generations=300", "--seed=4", "--hurry", "--idle-seconds=0.5", "--minutes=6", "--json")
    assert run.returncode == 0, run.stdout + run.stderr
    told: dict[str, Any] = json.loads(run.stdout)
    assert {finding["name"]: finding["found"] for finding in told["findings"] if not finding["ok"]} == {}
    assert set(told["blows"]) == set(KINDS)
    generations = told["figures"]["generations"]
    assert set(generations) <= {"succeeded", "failed", "canceled"}
    assert generations["succeeded"] > sum(generations.values()) / 2
    assert told["figures"]["orders at the provider"]["billed"] > 100


@pytest.mark.timeout(240)
def test_books_that_are_spoilt_end_it_with_1() -> None:
    """A credit from nowhere, put in just before the books are checked: the program can fail, and names what differs."""
    small = ("--calm", "--generations=5", "--users=2", "--workers=1", "--idle-seconds=0.1", "--minutes=3", "--json")
    run = chaos(*small, "--spoil=update public.wallets set balance = balance + 1")
    assert run.returncode == 1, run.stdout + run.stderr
    told: dict[str, Any] = json.loads(run.stdout)
    assert {finding["name"] for finding in told["findings"] if not finding["ok"]} == {
        "trial balance difference",
        "problems found by verify_ledger",
        "wallets that differ from what their user was given and delivered",
    }
    assert set(told["figures"]["generations"]) <= {"succeeded", "failed"}


def test_a_seed_repeats_its_wishes() -> None:
    """The same keys, prompts and cancels; another seed wishes for something else."""
    assert plan("1/wishes/0", 40) == plan("1/wishes/0", 40) != plan("2/wishes/0", 40)
    assert sum(len(wish.items) for wish in plan("1/wishes/0", 40)) == 40
