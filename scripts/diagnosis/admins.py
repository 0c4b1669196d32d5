"""Admins can do their work: somebody is an owner, credits can be added, and the audit log is whole."""

from __future__ import annotations

import json

import psycopg

from scripts.diagnosis.findings import Check, Finding, fail, ok, skip, warn
from scripts.diagnosis.patient import Patient

PROMOTE = "Sign up through your app, then: python scripts/admin.py promote you@example.com"
_OWNERS = "select user_id from private.user_roles where role = 'owner' order by created_at, user_id"
_AS_USER = "select set_config('role', 'authenticated', true), set_config('request.jwt.claims', %s, true)"
_DRY_RUN = "select public.admin_adjust_credits(%s, 1, 'doctor', 'doctor', null, true)"
# The newest rows; the scheduler goes on verifying the others, and keeps what it finds.
_VERIFY = """
select p.id, p.problem
  from private.audit_head h
 cross join lateral (select * from private.audit_problems(greatest(h.rows - 2000, 0), h.rows)
                     union all select * from private.audit_head_problems()) p
union
select o.transaction_id, replace(o.problem, 'audit_', '') from private.ledger_problems o
 where o.source = 'audit' and o.resolved_at is null
 order by 1 limit 5
"""
_VERIFIED = """
select to_char(v.verified_at at time zone 'utc', 'YYYY-MM-DD HH24:MI') || ' UTC', h.rows - v.verified_id,
       coalesce(v.verified_at < private.clock() - interval '1 day', false)
  from private.audit_verification v, private.audit_head h
"""


def owner(patient: Patient) -> list[Finding]:
    """Somebody can give roles."""
    with patient.database() as connection:
        owners = connection.execute(_OWNERS).fetchall()
    if not owners:
        return [fail("nobody is an owner, so nobody can give roles", PROMOTE)]
    return [ok(f"{len(owners)} of them")]


def adjustment(patient: Patient) -> list[Finding]:
    """An owner could add a credit to his own: a dry run of the whole way, and it is taken back."""
    with patient.database(read_only=False) as connection:
        [[user_id], *_] = connection.execute(_OWNERS).fetchall()
        claims = {"sub": str(user_id), "role": "authenticated"}
        connection.execute(_AS_USER, [json.dumps(claims)])
        try:
            row = connection.execute(_DRY_RUN, [user_id]).fetchone()
        except psycopg.Error as error:
            return [
                fail(
                    f"a dry run of admin_adjust_credits failed: {error.diag.message_primary or error}",
                    error_mend(error),
                )
            ]
    answer = row[0] if row else {}
    if answer.get("dry_run") is not True:
        said = answer.get("hint") or answer.get("message")
        return [
            fail(
                f"a dry run of admin_adjust_credits was refused: {said}", "See private.role_limits, and docs/admins.md."
            )
        ]
    return [ok("a dry run by an owner passes")]


def error_mend(error: psycopg.Error) -> str:
    """Say what helps against it."""
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return "The wallet was busy: try again in a moment."
    return error.diag.message_hint or "python scripts/migrate.py up puts functions and grants back."


def audit_log(patient: Patient) -> list[Finding]:
    """No row of the audit log was changed, dropped or cut off."""
    try:
        with patient.database() as connection:
            found = connection.execute(_VERIFY).fetchall()
            [[at, left, late]] = connection.execute(_VERIFIED).fetchall()
    except psycopg.errors.QueryCanceled:
        return [skip("it takes too long to be verified", "By hand: select * from public.verify_audit_log();")]
    if found:
        mend = "Keep a backup, find out who has access to the database, and see: select * from verify_audit_log();"
        return [fail(problem + (f": row {number}" if number else ""), mend) for number, problem in found]
    when = f"last verified {at}" if at else "not verified yet by a scheduler"
    if late:
        mend = "The scheduler does it each hour (reconcile_audit_log): python -m backend.worker.schedule"
        return [warn(f"{when}, rows since: {left}", mend)]
    return [ok(f"its chain is whole; {when}, rows since: {left}")]


CHECKS = (
    Check("owner", "Admins", owner, needs=("database", "migrations"), because=("functions",)),
    Check("adjustment", "Admins", adjustment, needs=("owner", "functions"), because=("functions", "trial balance")),
    Check("audit log", "Admins", audit_log, needs=("migrations", "functions"), because=("functions",)),
)
