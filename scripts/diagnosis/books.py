"""The books balance, and nothing that was paid for lies about."""

from __future__ import annotations

import psycopg

from scripts.diagnosis.findings import Check, Finding, fail, ok, skip, warn
from scripts.diagnosis.patient import Patient

WALLETS = 25
# Those that moved last, because what is wrong now went wrong lately; the whole of it is `verify_ledger()`, at night.
_SAMPLE = """
select t.wallet_id from (select id, wallet_id from public.credit_transactions order by id desc limit 2000) t
 group by t.wallet_id order by max(t.id) desc limit %s
"""
_VERIFY = "select transaction_id, problem from public.verify_ledger(%s) limit 5"
_DIFFERENCE = "select credits, entries from public.trial_balance() where account = 'difference'"
_STUCK = """
select count(*) filter (where status = 'queued' and dispatch_at < now() - interval '5 minutes'),
       count(*) filter (where status = 'running' and lease_until < now() - interval '2 minutes')
  from public.generations where status in ('queued', 'running')
"""
_BEHIND = "select private.statistics_behind()"
BEHIND = 3600
BY_HAND = "It needs longer than the doctor takes. By hand: select * from public.{}();"


def trial_balance(patient: Patient) -> list[Finding]:
    """Both sides of the books come to the same sum."""
    try:
        with patient.database() as connection:
            difference, entries = connection.execute(_DIFFERENCE).fetchone() or (None, 0)
    except psycopg.errors.QueryCanceled:
        return [skip("the ledger is too long to be summed in passing", BY_HAND.format("trial_balance"))]
    if difference != 0:
        mend = "Stop grants and spending, keep a backup, then: select * from public.verify_ledger();"
        return [fail(f"the books differ by {difference} credits", mend)]
    return [ok(f"difference 0 over {entries or 0} entries")]


def ledger(patient: Patient) -> list[Finding]:
    """The wallets that moved last have an unbroken, rightly summed ledger."""
    found, seen = [], 0
    try:
        with patient.database() as connection:
            for (wallet,) in connection.execute(_SAMPLE, [WALLETS]).fetchall():
                seen += 1
                for transaction, problem in connection.execute(_VERIFY, [wallet]).fetchall():
                    where = f"wallet {wallet}" + (f", transaction {transaction}" if transaction else "")
                    mend = f"See verify_ledger('{wallet}') in psql. Mend nothing by hand; keep a backup."
                    found.append(fail(f"{problem}: {where}", mend))
    except psycopg.errors.QueryCanceled:
        return found or [skip("the newest wallets' ledgers are too long", BY_HAND.format("verify_ledger"))]
    return found or [ok(f"sound in the {seen} wallets that moved last")]


def stuck(patient: Patient) -> list[Finding]:
    """No generation waits although it is due, or runs although its worker is gone."""
    with patient.database() as connection:
        queued, running = connection.execute(_STUCK).fetchone() or (0, 0)
    found = []
    if queued:
        mend = "Are workers up and quick enough? Start more: python -m backend.worker"
        found.append(warn(f"{queued} generations are due for more than 5 minutes", mend))
    if running:
        mend = "The sweep should end them: is a scheduler up? python -m backend.worker.schedule"
        found.append(fail(f"{running} generations lost their worker over 2 minutes ago, and nobody noticed", mend))
    return found or [ok("none overdue")]


def statistics(patient: Patient) -> list[Finding]:
    """What charts show is rolled up by and by, so that they stay quick and whole."""
    with patient.database() as connection:
        [behind] = connection.execute(_BEHIND).fetchone() or (0,)
    if behind > BEHIND:
        cause = f"they have not been rolled up for {behind / 3600:.0f} hours: charts are slow, or lack rows"
        return [warn(cause, "Is a scheduler up? GET /api/v1/admin/schedule shows how roll_up_statistics went.")]
    return [ok("rolled up")]


CHECKS = (
    Check("trial balance", "Books", trial_balance, needs=("migrations", "functions"), because=("functions",)),
    Check("ledger", "Books", ledger, needs=("migrations", "functions"), because=("functions", "trial balance")),
    Check("generations", "Books", stuck, needs=("database", "migrations"), because=("worker", "scheduler", "redis")),
    Check("statistics", "Books", statistics, needs=("database", "migrations"), because=("functions", "scheduler")),
)
