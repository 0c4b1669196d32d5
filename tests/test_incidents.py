"""What went wrong in other credit systems has a test here that says so: an incident without one fails this file.

The ids are those of the list of incidents that the project was built from. A test covers one by naming it in its
docstring: `Regression: H3`. When a part is built, its incidents move from LEFT_OUT to CONCERN_US.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

CONCERN_US = {
    "H1": "a negative or absurd cost mints credits",
    "H2": "a crash between reserve and settle strands the hold",
    "H3": "a second kind of hold that the sweep does not know",
    "H4": "a settle that is repeated pays twice",
    "H5": "checked before, charged after: parallel requests pass on one balance",
    "H6": "check and change are two statements",
    "H7": "open holds are not subtracted",
    "H8": "a closed hold is committed all the same",
    "H9": "released twice, refunded twice",
    "H10": "settling less than the hold is an error",
    "H11": "a key is used again after a refund, and the work is free",
    "H12": "somebody else's key blocks mine",
    "H13": "a late settle bills nothing and tells nobody",
    "H14": "a late settle is half written",
    "H15": "expired holds still show",
    "H16": "holds that are counters are never taken off",
    "H17": "a request without a limit reserves everything",
    "H18": "a failing clean-up counts twice",
    "H19": "work beyond its estimate cannot be charged",
    "H20": "a failed generation stays charged",
    "H21": "an unusable answer is never accounted for",
    "H22": "the message contradicts the ledger",
    "H23": "amounts are rounded one by one",
    "L1": "expiry eats paid credits",
    "L2": "expired credits can be spent until a sweep",
    "L3": "a lot expires under an open hold",
    "L4": "a renewal or an edited plan touches credits that were bought",
    "L5": "an upgrade in another order of events loses the credits",
    "L6": "lots are merged, and new credits expire with old ones",
    "L7": "a stored balance forgets what happened",
    "L8": "cost grows with history",
    "P1": "a refunded purchase stays spendable",
    "P2": "a dispute that was won gives nothing back",
    "P3": "a reinstatement is not netted",
    "P4": "money is compared with credits",
    "P5": "a refund after a dispute claws twice",
    "P6": "a shortfall is lost",
    "P7": "a payment fails after its credits came",
    "P8": "one top-up is granted twice",
    "P9": "every retry charges anew",
    "P10": "keys are forgotten after a day",
    "P11": "a pack gives its credits twice",
    "P12": "processing counts as paid",
    "P13": "automatic top-up when it is off, twice, or not at all",
    "P14": "a gap in the events stays a gap",
    "P15": "a lock on a row that is not there yet",
    "C1": "two rows of a ledger computed from the same one",
    "C2": "read, add, write: updates are lost",
    "C3": "deadlocks",
    "C4": "nothing but code guards against an overdraft",
    "C5": "the immutable ledger can be changed",
    "C6": "a refusal that looks like a serialization failure is retried for ever",
    "C7": "one row that everybody updates",
    "J1": "a job is given up while it still runs",
    "J2": "a killed worker's job stays started for ever",
    "J3": "a lock in Redis outlives its job",
    "J4": "the failure callback of a killed work-horse is not called",
    "J5": "two schedulers do everything twice",
    "J6": "a cancel without a policy",
    "A1": "anybody may call a function with anybody's id",
    "A2": "an outage lets requests through",
    "A3": "the service's client is signed in as a user",
    "A4": "a shared HTTP/2 client drops connections",
    "A5": "a check that cannot fail",
    "A6": "an admin's act that was refused or failed leaves no trace",
    "T1": "the tests ran against a fake of the database",
    "T2": "the tests ran the sweep at convenient moments only",
    "T3": "the tests began in states that cannot be reached",
    "T4": "one race was tested, in one shape",
}
LEFT_OUT: dict[str, str] = {}
NAMED = re.compile(r"[Rr]egressions?: ((?:[HLPCJAT]\d+(?:, and |, | and )?)+)")

MONEY = r"(?:wallets|credit_grants|credit_reservations|credit_transactions|usage_logs|generations)"
INSERTS = re.compile(rf"(?:insert into|copy)\s+(?:public\.)?{MONEY}\b", re.IGNORECASE)
MAY_INSERT = {
    "scripts/test_storm_audit.py": "a charge that is booked twice, which the audit must find",
    "sql/test_plans.py": "10,000 closed rows, of which only the number matters",
    "sql/test_statistics.py": "years of rows, of which only the number and the days matter",
}


def named(source: str) -> dict[str, set[str]]:
    """Test function -> the incidents that its docstring names."""
    found = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            lists = NAMED.findall(ast.get_docstring(node) or "")
            found[node.name] = {incident for text in lists for incident in re.findall(r"[HLPCJAT]\d+", text)}
    return found


@pytest.fixture(scope="module")
def covered() -> dict[str, set[str]]:
    """Incident -> the tests that name it."""
    tests: dict[str, set[str]] = defaultdict(set)
    for path in TESTS.rglob("test_*.py"):
        for test, incidents in named(path.read_text()).items():
            for incident in incidents:
                tests[incident].add(f"{path.relative_to(TESTS)}::{test}")
    return tests


@pytest.mark.parametrize("incident", CONCERN_US)
def test_every_incident_has_a_test_that_names_it(covered: dict[str, set[str]], incident: str) -> None:
    """Search for the id to see which."""
    assert covered[incident], (
        f"{incident} ({CONCERN_US[incident]}): write a test whose docstring says `Regression: {incident}`"
    )


def test_no_test_names_an_incident_that_is_not_listed(covered: dict[str, set[str]]) -> None:
    """A misspelt id would cover nothing; one of a part that is built now belongs to the list above."""
    assert {incident: tests for incident, tests in covered.items() if incident not in CONCERN_US} == {}


def test_the_list_is_whole() -> None:
    """Each family is numbered without a gap, and each incident is either covered or left out for a reason."""
    listed = [*CONCERN_US, *LEFT_OUT]
    assert len(listed) == len(set(listed))
    last = {"H": 23, "L": 8, "P": 15, "C": 7, "J": 6, "A": 6, "T": 4}
    assert set(listed) == {f"{family}{number}" for family, count in last.items() for number in range(1, count + 1)}


def test_a_docstring_is_read_as_it_is_written() -> None:
    """The ways in which tests name incidents; a comment names nothing."""
    source = """
def test_a(): "Regression: H4 and H9, one movement."
def test_b(): "Regression: H15, H16 and T2: arithmetic."
def test_c(): "Also when nothing was raised. (regression: H20)"
def test_d(): "Nothing of H5."  # Regression: H5
"""
    assert list(named(source).values()) == [{"H4", "H9"}, {"H15", "H16", "T2"}, {"H20"}, set()]


def imports_a_fake(source: str) -> bool:
    """Whether a test file takes something that stands in for our own code."""
    return (
        re.search(
            r"^\s*(?:from|import) (?:unittest\.mock|mock|fakeredis|pytest_mock|sqlite3)\b|\bmocker\b", source, re.M
        )
        is not None
    )


def test_no_test_fakes_the_database() -> None:
    """Regression: T1. Money is tested on PostgreSQL, through the real functions: no mock library, no other database."""
    assert [
        str(path) for path in TESTS.rglob("*.py") if path != Path(__file__) and imports_a_fake(path.read_text())
    ] == []
    assert imports_a_fake("from unittest.mock import patch") and imports_a_fake("import fakeredis")


def test_no_test_replaces_an_operation() -> None:
    """Regression: T1. `backend.rpc` is where Python meets SQL; nothing is patched into it."""
    patched = re.compile(r"(?:monkeypatch\.setattr|patch)\(\s*[\"']?(?:backend\.)?rpc\b")
    assert [str(path) for path in TESTS.rglob("*.py") if patched.search(path.read_text())] == []


def test_states_come_from_operations() -> None:
    """Regression: T3. No test makes rows of money by hand; what some of them change by hand is what they are about."""
    found = {path.relative_to(TESTS).as_posix() for path in TESTS.rglob("*.py") if INSERTS.search(path.read_text())}
    assert sorted(found - {Path(__file__).name}) == sorted(MAY_INSERT)
    assert INSERTS.search("insert into public.wallets (id) values (1)") and INSERTS.search("COPY credit_grants FROM x")
