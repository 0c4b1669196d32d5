"""The clocks: tokens, leases and holds are read against them."""

from __future__ import annotations

from statistics import median

from scripts.diagnosis.findings import Check, Finding, fail, ok, skip, warn
from scripts.diagnosis.patient import Patient

NOTICED, WRONG = 5.0, 30.0
SYNC = "Let it keep time (timedatectl set-ntp true, chrony): tokens look expired, or not yet valid."


def supabase_clock(patient: Patient) -> list[Finding]:
    """Our clock and the Date header of the project's answers agree."""
    return _judge(patient.clocks.get("Supabase", []), "Supabase")


def database_clock(patient: Patient) -> list[Finding]:
    """Our clock and the database's agree."""
    with patient.database() as connection:
        started = patient.now()
        row = connection.execute("select extract(epoch from clock_timestamp())::float8").fetchone()
        ahead = (started + patient.now()) / 2 - float(str(row[0])) if row else 0.0
    return _judge([ahead], "the database")


def backend_clock(patient: Patient) -> list[Finding]:
    """Our clock and the Date header of the backend's answers agree."""
    return _judge(patient.clocks.get("the backend", []), "the backend")


def _judge(ahead_by: list[float], party: str) -> list[Finding]:
    if not ahead_by:
        return [skip(f"{party} does not tell the time")]
    ahead = median(ahead_by)
    cause = f"this machine's clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} that of {party}"
    if abs(ahead) >= WRONG:
        return [fail(cause, SYNC)]
    if abs(ahead) >= NOTICED:
        return [warn(cause, SYNC)]
    return [ok(f"within {max(1, round(abs(ahead)))} s of {party}")]


CHECKS = (
    # After the key checks, whose answers carry the dates.
    Check("clock of Supabase", "Clocks", supabase_clock, needs=("supabase",)),
    Check("clock of the database", "Clocks", database_clock, needs=("database",), because=("clock of Supabase",)),
)
