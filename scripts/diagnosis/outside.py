"""A deployed backend, as anybody on the network sees it: needs no variable and no secret."""

from __future__ import annotations

import secrets
import socket
import ssl
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from backend.config import LOOPBACK
from scripts.diagnosis.answers import body, obstacle, said
from scripts.diagnosis.clocks import backend_clock
from scripts.diagnosis.findings import Check, Finding, fail, ok, skip, warn
from scripts.diagnosis.patient import HTTP_SECONDS, Patient

STRANGER = "https://stranger.invalid"
DAYS = 14
MENDS = {
    "database": "SUPABASE_URL and the secret key of the backend: run doctor.py with its variables.",
    "redis": "REDIS_URL of the backend: is Redis up, and may the backend reach it?",
    "jwks": "SUPABASE_URL of the backend: its JWKS must be reachable and list a key.",
}
# It serves without these, but work waits.
DEGRADED = {
    "workers": "Start one: python -m backend.worker",
    "scheduler": "Start one: python -m backend.worker.schedule. If one runs: GET /api/v1/admin/schedule, and its log.",
}
HEADERS = {"x-content-type-options": "nosniff"}
SPILLED = ("Traceback (most recent call last)", "werkzeug.debug", "__debugger__", "psycopg.", "site-packages")


def health(patient: Patient) -> list[Finding]:
    """The process is up, at this very address."""
    try:
        answer = _get(patient, "/health")
    except httpx.HTTPError as error:
        cause, mend = obstacle(error)
        return [fail(f"{patient.url}: {cause}", mend)]
    if answer.is_redirect:
        target = answer.headers.get("Location", "")
        return [fail(f"{patient.url} redirects to {target}", "Give that address: --url, and SITE_URL if it is there.")]
    if answer.status_code != 200 or body(answer).get("status") != "ok":
        return [fail(f"{patient.url}/health answers {said(answer)}", "Is that Scrip's API? See its log.")]
    return [ok(patient.url)]


def tls(patient: Patient) -> list[Finding]:
    """Tokens travel encrypted, under a certificate that lasts."""
    parts = urlsplit(patient.url)
    if parts.scheme != "https":
        if parts.hostname in LOOPBACK:
            return [ok("not needed on this machine")]
        return [fail("http: tokens travel in clear text", "Serve it by https, and redirect http there.")]
    days = _days_left(str(parts.hostname), parts.port or 443)
    if days is None:
        return [skip("a proxy stands between, and the certificate cannot be seen")]
    if days < DAYS:
        return [warn(f"the certificate ends in {days} days", "Renew it; does the automatic renewal run?")]
    return [ok(f"the certificate lasts {days} more days")]


def ready(patient: Patient) -> list[Finding]:
    """Every part that the backend needs answers it."""
    answer = _get(patient, "/ready")
    if answer.status_code == 200:
        checks = body(answer).get("checks", {})
        degraded = [name for name in body(answer).get("degraded", []) if name in DEGRADED]
        return [warn(f"{name}: {checks.get(name)}", DEGRADED[name]) for name in degraded] or [ok(", ".join(checks))]
    details = body(answer).get("error", {}).get("details") or {}
    checks = details.get("checks", {}) if isinstance(details, dict) else {}
    bad = {name: state for name, state in checks.items() if state != "ok"}
    found = [fail(f"{name}: {state}", _mend(name, state)) for name, state in bad.items()]
    return found or [fail(f"/ready answers {said(answer)}", "See the backend's log.")]


def _mend(part: str, state: str) -> str:
    if state.startswith("migrations"):
        return "scripts/migrate.py up, from the release that runs there"
    return MENDS.get(part, "See the backend's log.")


def document(patient: Patient) -> list[Finding]:
    """/openapi.json describes the API."""
    paths = body(_get(patient, "/openapi.json")).get("paths", {})
    if "/api/v1/generations" not in paths:
        return [fail("/openapi.json does not describe the API", "Does a proxy answer in its place?")]
    return [ok(f"{len(paths)} paths")]


def strangers(patient: Patient) -> list[Finding]:
    """Without a good token one is told so, in the shape of every error, and never more."""
    bad = {"Authorization": f"Bearer {secrets.token_hex(8)}"}
    found: list[Finding] = []
    for headers, what in (({}, "without a token"), (bad, "with a made-up token")):
        answer = _get(patient, "/api/v1/me", headers)
        if answer.status_code == 503:
            return [fail(f"/api/v1/me {what}: {said(answer)}", MENDS["jwks"])]
        found += _shape(answer, 401, f"/api/v1/me {what}")
    return found or [ok("401 in the error shape")]


def errors(patient: Patient) -> list[Finding]:
    """What goes wrong is answered in the error shape, without internals and without a debugger."""
    garbage = patient.ask(
        "POST", f"{patient.url}/api/v1/generations", party="the backend", content=b'{"', headers=_JSON
    )
    answers = {
        "/api/v1/nothing-here": (_get(patient, "/api/v1/nothing-here"), 404),
        "/console": (_get(patient, "/console"), 404),
        "bad JSON without a token": (garbage, 401),
    }
    found = [one for what, (answer, status) in answers.items() for one in _shape(answer, status, what)]
    return found or [ok("404 and 401 in the error shape, no internals")]


def cors(patient: Patient) -> list[Finding]:
    """Pages of the app's origins may call the API, and others may not."""
    allowed = _preflight(patient, STRANGER)
    if allowed in ("*", STRANGER):
        return [fail("pages of every origin may call the API", "Set CORS_ORIGINS to your app's origins.")]
    found = []
    for origin in patient.origins:
        if _preflight(patient, origin) != origin:
            found.append(fail(f"pages of {origin} may not call the API", f"Add {origin} to CORS_ORIGINS."))
    if not patient.origins:
        return [ok("strangers may not (give --origin to have yours tried)")]
    return found or [ok(f"{', '.join(patient.origins)} may, strangers may not")]


def security_headers(patient: Patient) -> list[Finding]:
    """The answers carry the headers that make browsers careful."""
    answer = _get(patient, "/api/v1/generations/models/supported")
    missing = [name for name, value in HEADERS.items() if value not in answer.headers.get(name, "").lower()]
    if patient.url.startswith("https:") and "strict-transport-security" not in answer.headers:
        missing.append("strict-transport-security")
    if missing:
        return [warn(f"missing: {', '.join(missing)}", "Does a proxy drop them? HSTS is often the proxy's to set.")]
    return [ok(", ".join(HEADERS))]


def metrics(patient: Patient) -> list[Finding]:
    """The figures of the installation are not for strangers."""
    answer = _get(patient, "/metrics")
    if answer.status_code in (401, 403):
        return [ok("refused without a token")]
    if answer.status_code != 200:
        return [fail(f"/metrics answers {said(answer)}", "See the backend's log.")]
    if urlsplit(patient.url).hostname in LOOPBACK:
        return [ok("open to this machine")]
    return [
        warn("/metrics can be read from here without a token", "Unless this is its own network, set METRICS_TOKEN.")
    ]


def models(patient: Patient) -> list[Finding]:
    """There is something to generate with."""
    answer = _get(patient, "/api/v1/generations/models/supported")
    if answer.status_code != 200:
        return [fail(f"the list of models answers {said(answer)}", MENDS["database"])]
    if not _count(answer):
        return [fail("no model is active: nobody can generate anything", "Activate one in public.models.")]
    return [ok(f"{_count(answer)} active")]


_JSON = {"Content-Type": "application/json"}


def _get(patient: Patient, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
    return patient.ask("GET", patient.url + path, party="the backend", headers=headers)


def _count(answer: httpx.Response) -> int:
    told: Any = answer.json()
    listed: list[Any] = told.get("data", []) if isinstance(told, dict) else told
    return len(listed)


def _preflight(patient: Patient, origin: str) -> str:
    asked = {"Origin": origin, "Access-Control-Request-Method": "GET"}
    asked["Access-Control-Request-Headers"] = "authorization"
    answer = patient.ask("OPTIONS", f"{patient.url}/api/v1/me", party="the backend", headers=asked)
    return str(answer.headers.get("Access-Control-Allow-Origin", ""))


def _shape(answer: httpx.Response, status: int, what: str) -> list[Finding]:
    if any(word in answer.text for word in SPILLED):
        return [fail(f"{what} shows internals of the program", "Run it by gunicorn, never with Flask's debugger.")]
    if answer.status_code == 429:
        return [skip(f"{what}: rate limited, ask again in a minute")]
    if answer.status_code != status:
        return [fail(f"{what} answers {said(answer)}, not {status}", "See the backend's log.")]
    error = body(answer).get("error")
    if not isinstance(error, dict) or not {"code", "message", "request_id"} <= error.keys():
        return [fail(f"{what} is not answered in the error shape", "Does a proxy answer in the backend's place?")]
    return []


def _days_left(host: str, port: int) -> int | None:
    try:
        with socket.create_connection((host, port), HTTP_SECONDS) as plain:
            with ssl.create_default_context().wrap_socket(plain, server_hostname=host) as wrapped:
                certificate = wrapped.getpeercert() or {}
        return int((ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time()) // 86400)
    except (OSError, KeyError):
        return None


CHECKS = (
    Check("health", "Backend", health),
    Check("tls", "Backend", tls, needs=("health",)),
    Check("ready", "Backend", ready, needs=("health",)),
    Check("document", "Backend", document, needs=("health",)),
    Check("strangers", "Backend", strangers, needs=("health",), because=("ready",)),
    Check("errors", "Backend", errors, needs=("health",)),
    Check("cors", "Backend", cors, needs=("health",)),
    Check("security headers", "Backend", security_headers, needs=("health",)),
    Check("metrics", "Backend", metrics, needs=("health",)),
    Check("models", "Backend", models, needs=("health",), because=("ready",)),
    Check("clock of the backend", "Backend", backend_clock, needs=("health",)),
)
