"""The variables: present, well-formed, of the right kind, and sensible for where this is to run."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

import jwt

from backend.config import LOOPBACK, variables
from scripts.diagnosis.findings import Check, Finding, fail, ok, warn
from scripts.diagnosis.patient import Patient

LEGACY = {"SUPABASE_ANON_KEY": "SUPABASE_PUBLISHABLE_KEY", "SUPABASE_SERVICE_ROLE_KEY": "SUPABASE_SECRET_KEY"}
NEW_KEYS = "Make a key of the new kind (Dashboard > Settings > API keys) and set {new} instead."


def complete(patient: Patient) -> list[Finding]:
    """Every variable that is missing or bad, all at once."""
    if patient.problems:
        return [_problem(text) for text in patient.problems]
    mode = " in test mode" if patient.settings.testing_mode else ""
    given = [name for name in variables() if patient.given(name)]
    return [ok(f"{len(given)} set, APP_ENV={patient.settings.app_env}{mode}")]


def key_generation(patient: Patient) -> list[Finding]:
    """Keys of the legacy generation work as long as Supabase keeps them, and say themselves whose they are."""
    found = [finding for name in LEGACY for finding in _legacy(patient, name)]
    return found or [ok("sb_publishable_... and sb_secret_...")]


def addresses(patient: Patient) -> list[Finding]:
    """SITE_URL and CORS_ORIGINS fit the place where this runs."""
    settings, found = patient.settings, []
    served = settings.app_env != "local"
    if served and not _safe(settings.site_url):
        found.append(fail(f"SITE_URL is {settings.site_url}, which is not https", "Set SITE_URL=https://..."))
    if not settings.cors_origins:
        cause = "CORS_ORIGINS is empty: no page on another origin can call the API"
        found.append(warn(cause, f"Set CORS_ORIGINS={_origin(settings.site_url)} (your app's origins, by commas)."))
    elif _origin(settings.site_url) not in settings.cors_origins:
        cause = f"CORS_ORIGINS lacks {_origin(settings.site_url)}, where SITE_URL says people open your app"
        found.append(warn(cause, "Add it, unless that origin serves the API itself."))
    for origin in settings.cors_origins:
        if served and not _safe(origin):
            found.append(warn(f"CORS_ORIGINS allows {origin}, which is not https", "Take it out of CORS_ORIGINS."))
    return found or [ok(f"{settings.site_url}, called from {', '.join(settings.cors_origins)}")]


def _problem(text: str) -> Finding:
    cause, _, mend = text.partition(": ")
    if "TESTING_MODE requires" in cause or "TESTING_MODE refuses" in cause:
        mend = mend or "Set TESTING_MODE=0, or point it at something made for tests on this machine."
    return fail(cause, (mend[:1].upper() + mend[1:]) or "See .env.example for what it may hold.")


def _legacy(patient: Patient, name: str) -> list[Finding]:
    if not patient.given(name) or patient.given(LEGACY[name]):
        return []
    claims = _claims(patient.given(name))
    if claims.get("exp", time.time()) < time.time():
        return [fail(f"{name} has expired", NEW_KEYS.format(new=LEGACY[name]))]
    project, host = str(claims.get("ref", "")), urlsplit(patient.settings.supabase_url).hostname or ""
    if host.endswith(".supabase.co") and project and host != f"{project}.supabase.co":
        return [fail(f"{name} belongs to project {project}, SUPABASE_URL to {host}", "Take both from one project.")]
    cause = f"{name} is a legacy key, which Supabase means to drop at the end of 2026"
    return [warn(cause, NEW_KEYS.format(new=LEGACY[name]))]


def _claims(key: str) -> dict[str, float]:
    try:
        return dict(jwt.decode(key, options={"verify_signature": False}))
    except jwt.PyJWTError:
        return {}


def _safe(address: str) -> bool:
    return urlsplit(address).scheme == "https" and urlsplit(address).hostname not in LOOPBACK


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


CHECKS = (
    Check("variables", "Variables", complete),
    Check("key generation", "Variables", key_generation, needs=("variables",)),
    Check("addresses", "Variables", addresses, needs=("variables",)),
)
