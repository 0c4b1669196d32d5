"""What can be generated here: the models on offer, and the providers that must be set up for them."""

from __future__ import annotations

import re
from collections import defaultdict
from urllib.parse import urlsplit

import httpx

from backend.clients.providers import NEEDS
from backend.clients.providers.fal.keys import KeyPool
from backend.config import LOOPBACK
from backend.core.catalog import unavailable_reason
from backend.deps import build_deps
from backend.errors import InvalidSignature
from backend.shared import Shared
from scripts.diagnosis.answers import body, obstacle, said
from scripts.diagnosis.findings import Check, Finding, fail, ok, warn
from scripts.diagnosis.patient import Patient

NUMBERED = r"FAL_KEY(_[1-9]\d{0,3})?"
FAL_KEY = r"[^\s:]+:[^\s:]{16,}"  # an id and a secret
WEBHOOK = "/api/v1/webhooks/fal"
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


def fal_keys(patient: Patient) -> list[Finding]:
    """The keys of fal look like keys, and all of them are read."""
    settings, unread = patient.settings, _unread(patient)
    found = [warn(f"{name} is not read", "Number the keys: FAL_KEY_1, FAL_KEY_2, ...") for name in unread]
    if not settings.fal_keys:
        return found or [ok("none, and models of fal are refused")]
    if urlsplit(settings.fal_queue_url).hostname not in LOOPBACK:
        odd = [name for name in _numbered(patient) if not re.fullmatch(FAL_KEY, patient.given(name))]
        mend = "Copy it whole from fal.ai > Dashboard > Keys: id and secret with a colon between."
        found += [warn(f"{name} does not look like a key of fal", mend) for name in odd]
    return found or [ok(f"{len(settings.fal_keys)} to share the work")]


def key_pool(patient: Patient) -> list[Finding]:
    """Fal takes orders under each key."""
    with patient.redis() as client:
        pool = KeyPool(patient.settings.fal_keys, Shared(client).run).state() if patient.settings.fal_keys else []
    resting = [key for key in pool if key["resting_until"]]
    if not resting:
        return [ok(f"{len(pool)} of {len(pool)} may order" if pool else "not needed without a key of fal")]
    errors = ", ".join(sorted({str(key["last_error"]) for key in resting}))
    cause = f"{len(resting)} of {len(pool)} rest because fal refused them ({errors})"
    mend = "Ask fal for a higher limit, or add a key." if errors == "rate_limited" else "Pay, or replace the key."
    return [(fail if len(resting) == len(pool) else warn)(cause, f"{mend} docs/operations.md#key-pool-empty")]


def fal_webhook(patient: Patient) -> list[Finding]:
    """Fal can tell us of results, at an address where Scrip's API answers."""
    settings = patient.settings
    if not settings.fal_keys:
        return [ok("not needed without a key of fal")]
    if not settings.public_api_url:
        if settings.app_env == "local":
            return [ok("PUBLIC_API_URL is not set: results come by polling")]
        mend = "Set PUBLIC_API_URL to the API's own https address, for the workers."
        return [warn("PUBLIC_API_URL is not set: each result is polled for, and later known", mend)]
    place = f"{settings.public_api_url}{WEBHOOK}"
    if settings.app_env != "local" and urlsplit(place).hostname in LOOPBACK:
        return [fail(f"PUBLIC_API_URL is on this machine, where fal cannot call {place}", "Give its public address.")]
    try:
        answer = patient.ask(
            "POST", place, party="the API", content=b"{}", headers={"Content-Type": "application/json"}
        )
    except httpx.HTTPError as error:
        cause, mend = obstacle(error)
        return [fail(f"{place}: {cause}", mend)]
    if answer.status_code != InvalidSignature.status or not isinstance(body(answer).get("error"), dict):
        cause = f"{place} answers {said(answer)} to an unsigned call, and not {InvalidSignature.status} as Scrip does"
        return [fail(cause, "Set PUBLIC_API_URL to where the API answers; does a proxy keep strangers out?")]
    return [ok(f"{place} answers, and wants a signature")]


def _numbered(patient: Patient) -> list[str]:
    return [name for name in patient.environ if re.fullmatch(NUMBERED, name) and patient.given(name)]


def _unread(patient: Patient) -> list[str]:
    named = [name for name in patient.environ if name.startswith("FAL_KEY") and patient.given(name)]
    return sorted(set(named) - set(_numbered(patient)))


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


CHECKS = (
    Check("models", "Models", models, needs=("rest",), because=("migrations", "functions")),
    Check("fal keys", "Models", fal_keys, needs=("variables",)),
    Check("key pool", "Models", key_pool, needs=("redis",)),
    Check("fal webhook", "Models", fal_webhook, needs=("variables",)),
)
