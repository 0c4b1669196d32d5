"""What can be generated here: the models on offer, and the providers that must be set up for them."""

from __future__ import annotations

from collections import defaultdict

from backend.clients.providers import NEEDS
from backend.core.catalog import unavailable_reason
from backend.deps import build_deps
from scripts.diagnosis.answers import said
from scripts.diagnosis.findings import Check, Finding, fail, ok, warn
from scripts.diagnosis.patient import Patient

MIGRATE = ".venv/bin/python scripts/migrate.py up"
TAKE_OFF = "take them off the list: update public.models set active = false where id in ({});"


def models(patient: Patient) -> list[Finding]:
    """There is something to generate with, and what is offered can run."""
    answer = patient.rpc("list_models", patient.settings.publishable_key)
    if answer.status_code != 200:
        return [fail(f"list_models() answers {said(answer)}", MIGRATE)]
    active: dict[str, str] = {one["id"]: one["provider"] for one in answer.json()}
    if not active:
        mend = "Activate one: update public.models set active = true where id = '...';"
        return [fail("no model is active: nobody can generate anything", mend)]
    refused = _refused(patient, active)
    usable = active.keys() - {name for names in refused.values() for name in names}
    judge = warn if usable else fail
    found = [judge(_cause(names, reason), _mend(provider, names)) for (provider, reason), names in refused.items()]
    if patient.settings.app_env == "production" and {active[name] for name in usable} == {"local"}:
        cause = "all active models that can run here are local: they draw shapes and are no AI"
        found.append(warn(cause, "Activate a real provider's model, and set the provider up."))
    return found or [ok(f"{len(active)} active: {', '.join(sorted(active))}")]


def _refused(patient: Patient, active: dict[str, str]) -> dict[tuple[str, str], list[str]]:
    """Return the models that the API refuses to start in this environment, by provider and reason."""
    deps, refused = build_deps(patient.settings), defaultdict(list)
    for name in sorted(active):
        if reason := unavailable_reason(deps, active[name], name):
            refused[active[name], reason].append(name)
    return refused


def _cause(names: list[str], reason: str) -> str:
    return f"{', '.join(names)}: refused to users. {reason.rstrip('.')}"


def _mend(provider: str, names: list[str]) -> str:
    off = TAKE_OFF.format(", ".join(f"'{name}'" for name in names))
    if provider in NEEDS:
        return f"Set {NEEDS[provider]} for web and worker, or {off}"
    return f"Set it up where web and worker run, or {off}"


CHECKS = (Check("models", "Models", models, needs=("rest",), because=("migrations", "functions")),)
