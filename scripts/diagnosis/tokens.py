"""The custom access token hook, asked for the only thing that proves it: a new token."""

from __future__ import annotations

from typing import Any

import jwt

from scripts.diagnosis.answers import body, said
from scripts.diagnosis.findings import Check, Finding, fail, ok, skip, warn
from scripts.diagnosis.patient import Patient

INSTALL = (
    "Dashboard > Authentication > Hooks > Customize Access Token: public.custom_access_token_hook "
    "(supabase/config.toml sets it for the CLI's stack)."
)
TRY = "Pass --user ID (any account of yours; it is signed in and out) to have it tried."


class NoToken(Exception):
    """Auth gave no token."""


def hook(patient: Patient) -> list[Finding]:
    """A new token carries user_role. Nobody is created for it: that would leave a wallet and a ledger row for ever."""
    if not (patient.login or patient.user_id):
        return [skip("no setting of Auth can be read from outside, and no account was given to sign in", TRY)]
    try:
        token = _sign_in(patient)
    except NoToken as refusal:
        return [_refusal(str(refusal))]
    claims = jwt.decode(token, options={"verify_signature": False})
    path = "/auth/v1/logout?scope=local"
    patient.supabase("POST", path, patient.settings.publishable_key, token=token)
    if "user_role" not in claims:
        return [fail("a new token has no user_role: Auth does not call custom_access_token_hook", INSTALL)]
    if claims.get("iss") != patient.settings.issuer:
        cause = f"tokens name the issuer {claims.get('iss')}, and the app expects {patient.settings.issuer}"
        return [fail(cause, "Set SUPABASE_URL to the very address that Auth gives itself.")]
    return [ok("a new token carries user_role")]


def _refusal(text: str) -> Finding:
    if "hook" in text.lower():
        return fail(f"Auth could not run the hook: {text}", f"See the database's log. {INSTALL}")
    return warn(f"could not sign in to see a token: {text}", "Is the account known, confirmed and not banned?")


def _sign_in(patient: Patient) -> str:
    if patient.login:
        asked = {"email": patient.login.email, "password": patient.login.password}
        return str(_session(patient, "/auth/v1/token?grant_type=password", asked)["access_token"])
    known = patient.supabase("GET", f"/auth/v1/admin/users/{patient.user_id}", patient.secret_key)
    if known.status_code != 200 or not body(known).get("email"):
        raise NoToken(f"no account {patient.user_id} with an email address")
    # A link is made, not mailed; for an address that nobody has it would make an account, hence the look above.
    asked = {"type": "magiclink", "email": body(known)["email"]}
    link = patient.supabase("POST", "/auth/v1/admin/generate_link", patient.secret_key, json=asked)
    hashed = body(link).get("hashed_token")
    if not hashed:
        raise NoToken(said(link))
    return str(_session(patient, "/auth/v1/verify", {"type": "magiclink", "token_hash": hashed})["access_token"])


def _session(patient: Patient, path: str, asked: dict[str, str]) -> dict[str, Any]:
    answer = patient.supabase("POST", path, patient.settings.publishable_key, json=asked)
    if "access_token" not in body(answer):
        raise NoToken(said(answer))
    return body(answer)


CHECKS = (
    Check("token hook", "Supabase", hook, ("publishable key", "secret key"), ("database", "migrations", "functions")),
)
