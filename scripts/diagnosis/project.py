"""The Supabase project: reachable, its keys really tried, REST, signing keys, the picture bucket."""

from __future__ import annotations

import httpx
import jwt

from backend.core.inputs import BUCKETS
from scripts.diagnosis.answers import body, obstacle, refused_by_gateway, said
from scripts.diagnosis.findings import Check, Finding, fail, ok, skip, warn
from scripts.diagnosis.patient import Patient

API_KEYS = "Dashboard > Settings > API keys"
MIGRATE = ".venv/bin/python scripts/migrate.py up"
USABLE = {"EC": "ES256", "RSA": "RS256"}


def reachable(patient: Patient) -> list[Finding]:
    """Somebody answers at SUPABASE_URL."""
    url = patient.settings.supabase_url
    try:
        answer = patient.supabase("GET", "/auth/v1/health", patient.settings.publishable_key)
    except httpx.HTTPError as error:
        cause, mend = obstacle(error)
        return [fail(f"SUPABASE_URL={url}: {cause}", mend)]
    if answer.status_code >= 500:
        return [fail(f"Auth answers {said(answer)}", "Is the project paused or restarting? See its dashboard.")]
    if answer.status_code == 404:
        return [fail(f"{url} answers, but there is no Supabase Auth", "Set SUPABASE_URL to the project's own address.")]
    return [ok(url)]


def publishable_key(patient: Patient) -> list[Finding]:
    """The project knows the publishable key, and it opens nothing that needs the secret one."""
    key, name = patient.settings.publishable_key, _name(patient, "SUPABASE_PUBLISHABLE_KEY", "SUPABASE_ANON_KEY")
    if found := _refused(patient.supabase("GET", "/auth/v1/settings", key), name):
        return found
    if patient.supabase("GET", "/auth/v1/admin/users?per_page=1", key).status_code < 400:
        return [fail(f"{name} may list users: it has the rights of a secret key", f"Replace it: {API_KEYS}.")]
    return [ok(f"{name} is accepted, and may not administer")]


def secret_key(patient: Patient) -> list[Finding]:
    """The project knows the secret key, and it may administer."""
    name = _name(patient, "SUPABASE_SECRET_KEY", "SUPABASE_SERVICE_ROLE_KEY")
    answer = patient.supabase("GET", "/auth/v1/admin/users?per_page=1", patient.secret_key)
    if found := _refused(answer, name):
        return found
    if answer.status_code in (401, 403):
        return [fail(f"{name} is accepted, but has no secret key's rights", f"Take the secret key: {API_KEYS}.")]
    return [ok(f"{name} is accepted, and may administer")]


def rest(patient: Patient) -> list[Finding]:
    """REST answers the app's operations: service operations to the secret key alone."""
    open_to_all = patient.rpc("get_schema_version", patient.settings.publishable_key)
    served = patient.rpc("get_schema_version", patient.secret_key)
    for answer in (open_to_all, served):
        if answer.status_code >= 500:
            return [fail(f"REST answers {said(answer)}", "See the project's API and database logs.")]
    if served.status_code == 404:
        return [fail("REST does not know get_schema_version()", f"{MIGRATE}, then: notify pgrst, 'reload schema';")]
    if served.status_code != 200:
        return [fail(f"the secret key may not call service operations: {said(served)}", MIGRATE)]
    if open_to_all.status_code < 400:
        return [fail("the publishable key may call service operations", f"{MIGRATE} (puts the grants back)")]
    return [ok("service operations answer the secret key, and refuse the publishable one")]


def signing_keys(patient: Patient) -> list[Finding]:
    """Access tokens can be verified: a usable public key, or the legacy secret."""
    url, legacy = f"{patient.settings.issuer}/.well-known/jwks.json", patient.settings.jwt_secret
    try:
        answer = patient.ask("GET", url, party="Supabase")
    except httpx.HTTPError as error:
        cause, mend = obstacle(error)
        return [fail(f"{url}: {cause}", mend)]
    if answer.status_code != 200 or "keys" not in body(answer):
        return [fail(f"{url} answers {said(answer)}", "Without its keys no token can be verified: mend Auth.")]
    listed = body(answer)["keys"]
    usable = [key for key in listed if _is_usable(key)]
    if legacy and (mismatch := _not_the_secret(patient, legacy.get_secret_value())):
        return [mismatch]
    if usable and legacy:
        cause = "SUPABASE_JWT_SECRET is set although the project signs with public keys"
        return [warn(cause, "Remove it once the last HS256 token has expired: who has it can make any token.")]
    if usable:
        return [ok(", ".join(f"{key.get('alg') or USABLE[key['kty']]} {str(key['kid'])[:8]}" for key in usable))]
    if legacy:
        return [ok("none listed; tokens are verified with SUPABASE_JWT_SECRET (legacy)")]
    why = f"lists {len(listed)} keys, none of them usable (ES256 or RS256 with a kid)" if listed else "lists no key"
    mend = "Dashboard > Settings > JWT keys: migrate to signing keys. Until then set SUPABASE_JWT_SECRET."
    return [fail(f"{url} {why}", mend)]


def bucket(patient: Patient) -> list[Finding]:
    """Pictures, and what users upload for batches, lie in private buckets."""
    found = []
    for name in BUCKETS:
        answer = patient.supabase("GET", f"/storage/v1/bucket/{name}", patient.secret_key)
        if answer.status_code >= 500:
            return [fail(f"Storage answers {said(answer)}", "See the project's Storage logs.")]
        if answer.status_code != 200:
            mend = f"Dashboard > Storage: make a private bucket called {name}."
            found.append(fail(f"the bucket {name} is missing", mend))
        elif body(answer).get("public"):
            mend = f"update storage.buckets set public = false where id = '{name}';"  # noqa: S608 - words for people
            found.append(fail(f"the bucket {name} is public: everyone can open every file in it", mend, sure=True))
    return found or [ok(f"{' and '.join(BUCKETS)} are private")]


def _name(patient: Patient, new: str, old: str) -> str:
    return new if patient.given(new) else old


def _refused(answer: httpx.Response, name: str) -> list[Finding]:
    if refused_by_gateway(answer):
        mend = f"Is it this project's, and not revoked? Compare with {API_KEYS}, and with SUPABASE_URL."
        return [fail(f"the project does not know {name}: {said(answer)}", mend)]
    if answer.status_code >= 500:
        return [fail(f"Auth answers {said(answer)}", "See the project's Auth logs.")]
    return []


def _is_usable(key: dict[str, str]) -> bool:
    kind = USABLE.get(key.get("kty", ""))
    return bool(kind and key.get("kid") and key.get("alg", kind) == kind and key.get("use", "sig") == "sig")


def _not_the_secret(patient: Patient, secret: str) -> Finding | None:
    """A legacy key is signed with the legacy secret, so that both can be compared without asking anyone."""
    for name in ("SUPABASE_ANON_KEY", "SUPABASE_SERVICE_ROLE_KEY"):
        try:
            if patient.given(name):
                jwt.decode(patient.given(name), secret, algorithms=["HS256"], options={"verify_exp": False})
        except jwt.InvalidSignatureError:
            mend = "Take the legacy JWT secret of this project: Dashboard > Settings > JWT keys."
            return fail(f"SUPABASE_JWT_SECRET is not the secret that signed {name}", mend)
        except jwt.PyJWTError:
            return skip(f"{name} could not be compared with SUPABASE_JWT_SECRET")
    return None


CHECKS = (
    Check("supabase", "Supabase", reachable, needs=("variables",)),
    Check("publishable key", "Supabase", publishable_key, needs=("supabase",), because=("database",)),
    Check("secret key", "Supabase", secret_key, needs=("supabase",), because=("database",)),
    Check("rest", "Supabase", rest, ("publishable key", "secret key"), ("database", "migrations", "functions")),
    Check("signing keys", "Supabase", signing_keys, needs=("supabase",)),
    Check("bucket", "Supabase", bucket, needs=("secret key",), because=("database", "migrations")),
)
