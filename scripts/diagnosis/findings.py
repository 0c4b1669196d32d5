"""What a check finds, what a check is, and how all of them are run at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import Literal

from scripts.diagnosis.patient import Patient

State = Literal["ok", "warning", "failure", "skipped"]
THREADS = 16


@dataclass(frozen=True)
class Finding:
    """One thing that is as it must be, or isn't: the cause, and what to do or type about it.

    What is `sure` stands whatever else failed: no other failure explains an open door.
    """

    state: State
    cause: str
    mend: str = ""
    check: str = ""
    subject: str = ""
    sure: bool = False


def ok(said: str) -> Finding:
    """It is as it must be."""
    return Finding("ok", said)


def warn(cause: str, mend: str) -> Finding:
    """It works, but somebody should look at it."""
    return Finding("warning", cause, mend)


def fail(cause: str, mend: str, *, sure: bool = False) -> Finding:
    """It does not work, or it is not safe."""
    return Finding("failure", cause, mend, sure=sure)


def skip(reason: str, mend: str = "") -> Finding:
    """It was not looked at; the reason shows."""
    return Finding("skipped", reason, mend)


Run = Callable[[Patient], list[Finding]]


@dataclass(frozen=True)
class Check:
    """A question to an environment.

    `needs` must have gone well, or the check is not run. `because` are checks whose failure explains one of this check:
    then only the cause is blamed.
    """

    name: str
    subject: str
    run: Run
    needs: tuple[str, ...] = ()
    because: tuple[str, ...] = ()


def diagnose(patient: Patient, checks: Sequence[Check]) -> list[Finding]:
    """Run every check as soon as what it needs is there; return the findings in the order of the checks."""
    found: dict[str, list[Finding]] = {}
    waiting = {check.name: check for check in checks}
    running: dict[Future[list[Finding]], str] = {}
    with ThreadPoolExecutor(THREADS) as pool:
        while waiting or running:
            for check in [one for one in waiting.values() if _ready(one, waiting, running)]:
                del waiting[check.name]
                if reason := _obstacle(check, found):
                    found[check.name] = [_named(skip(reason), check)]
                else:
                    running[pool.submit(_run, check, patient)] = check.name
            if running:
                for done in wait(running, return_when=FIRST_COMPLETED).done:
                    found[running.pop(done)] = done.result()
    return [finding for check in checks for finding in _blameless(check, found)]


def _ready(check: Check, waiting: dict[str, Check], running: dict[Future[list[Finding]], str]) -> bool:
    open_ones = {*waiting, *running.values()}
    return not open_ones.intersection(check.needs)


def _obstacle(check: Check, found: dict[str, list[Finding]]) -> str:
    """Say which check, whose outcome this one needs, did not go well."""
    for name in check.needs:
        states = {one.state for one in found.get(name, [])}
        if "failure" in states:
            return f"because {name} failed"
        if "skipped" in states:
            first = next(one for one in found[name] if one.state == "skipped")
            return first.cause if first.cause.startswith("because ") else f"because {name} was skipped"
    return ""


def _run(check: Check, patient: Patient) -> list[Finding]:
    try:
        findings = check.run(patient)
    except Exception as error:  # a check that breaks is a finding too, and the others must go on
        message = " ".join(str(error).split())[:300]
        findings = [fail(f"the check broke: {type(error).__name__}: {message}", "Report it, with this line.")]
    return [_named(finding, check) for finding in findings]


def _named(finding: Finding, check: Check) -> Finding:
    return replace(finding, check=check.name, subject=check.subject)


def _blameless(check: Check, found: dict[str, list[Finding]]) -> list[Finding]:
    """Return a check's findings, its failures taken back where another check has already named the cause."""
    failed = [one for one in check.because if any(finding.state == "failure" for finding in found.get(one, []))]
    if not failed:
        return found[check.name]
    excuse = _named(skip(f"because {failed[0]} failed"), check)
    kept = [finding for finding in found[check.name] if finding.state != "failure" or finding.sure]
    return kept if len(kept) == len(found[check.name]) else [*kept, excuse]
