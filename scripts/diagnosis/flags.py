"""Feature flags: whether each has its row, and what is switched off here, by whom and by what."""

from __future__ import annotations

from backend.flags import ASKED_BY_AUTH, ASKED_IN_SQL, FLAGS, PREFIX
from scripts.diagnosis.findings import Check, Finding, ok, warn
from scripts.diagnosis.patient import Patient

_ROWS = """
select f.key, f.enabled, f.default_on, (private.flag_json(f) ->> 'percentage')::integer, f.updated_at, u.email
from public.feature_flags f left join auth.users u on u.id = f.updated_by order by f.key
"""
_NEWCOMERS = """
select count(*) from auth.users u, public.feature_flags f
where f.key = 'sign_ups' and not f.enabled and u.created_at > f.updated_at + interval '10 seconds'
"""
SWITCH = 'If it is not meant so: PATCH /api/v1/admin/flags/{key} {{"enabled": {to}, "reason": "..."}} (docs/flags.md).'
HOOK = (
    "Unless a server of yours made them: Dashboard > Authentication > Hooks > Before User Created: "
    "public.before_user_created_hook (docs/deploy.md)."
)


def rows(patient: Patient) -> list[Finding]:
    """Every flag that code asks for has its row, and is what it was declared to be."""
    with patient.database() as connection:
        found = {row[0]: row[1:] for row in connection.execute(_ROWS).fetchall()}
        [[newcomers]] = connection.execute(_NEWCOMERS).fetchall()
    unusual = [_missing(key) for key in FLAGS if key not in found]
    for key, (enabled, default_on, _, since, by) in found.items():
        if enabled != default_on:
            cause = f"{key} is {_word(enabled)} by its row, since {since:%Y-%m-%d %H:%M} UTC by {by or 'nobody known'}"
            unusual.append(warn(cause, SWITCH.format(key=key, to=str(default_on).lower())))
    if newcomers:
        cause = f"{newcomers} accounts were made since {ASKED_BY_AUTH} is off: Auth may not call the hook"
        unusual.append(warn(cause, HOOK))
    shares = [f"{key} for {share} %" for key, (enabled, _, share, *_) in found.items() if enabled and share < 100]
    return unusual or [ok(", ".join([f"{len(found)} as declared", *shares]))]


def overrides(patient: Patient) -> list[Finding]:
    """No variable decides what a row should; where one does, that is said."""
    given = patient.settings.flag_overrides
    return [_override(key, on) for key, on in given.items()] or [ok("none: the rows decide")]


def _missing(key: str) -> Finding:
    cause = f"{key} has no row: what is declared counts, which is {_word(FLAGS[key])}"
    return warn(cause, "Put the row back: docs/flags.md has the statement.")


def _override(key: str, on: bool) -> Finding:
    name = PREFIX + key.upper()
    if on and key in ASKED_IN_SQL:
        return warn(f"{name}=on opens nothing: the database asks the row of {key}", f"Take {name} away.")
    cause = f"{name}={_word(on)} decides in processes with these variables, whatever the row of {key} says"
    return warn(cause, f"Take {name} away when it is not needed any more.")


def _word(on: bool) -> str:
    return "on" if on else "off"


CHECKS = (
    Check("flags", "Flags", rows, needs=("database", "migrations"), because=("functions",)),
    Check("flag overrides", "Flags", overrides, needs=("variables",)),
)
