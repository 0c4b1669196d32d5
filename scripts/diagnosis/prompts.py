"""Generations are made with the prompts that admins wrote, not with what stands in for them."""

from __future__ import annotations

from scripts.diagnosis.findings import Check, Finding, ok, warn
from scripts.diagnosis.patient import Patient

_ACTIVE = "select count(*) from private.system_prompts where active"
_STOOD_IN = """
select t.labels ->> 'preset', t.value::bigint from private.metric_totals t
 where t.name = 'preset_fallbacks' and t.labels ->> 'preset' in (select b.key from private.builtin_prompts() b)
   and not exists (select from private.system_prompts p where p.active and p.key = t.labels ->> 'preset') order by 1
"""


def prompts(patient: Patient) -> list[Finding]:
    """No built-in stands in for a prompt that is missing or switched off and that users ask for."""
    with patient.database() as connection:
        [[active]] = connection.execute(_ACTIVE).fetchall()
        stood_in = connection.execute(_STOOD_IN).fetchall()
    if not stood_in:
        return [ok(f"{active} active")]
    told = ", ".join(f"{key} ({count} times)" for key, count in stood_in)
    mend = "Write prompts with these keys, switch them on, or import a set: docs/prompts.md."
    return [warn(f"no active prompt, so the built-in was sent: {told}", mend)]


CHECKS = (Check("prompts", "Admins", prompts, needs=("database", "migrations"), because=("functions",)),)
