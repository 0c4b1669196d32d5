"""The keys of one stack: API keys of both generations, the legacy secret and the key that signs users' tokens."""

from __future__ import annotations

import json
import os
import secrets
import string
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

TEN_YEARS = 10 * 365 * 24 * 3600
ALPHABET = string.ascii_letters + string.digits


@dataclass(frozen=True)
class Keys:
    """What a client needs to reach the stack, and what the stack needs to sign and verify."""

    publishable_key: str
    secret_key: str
    anon_key: str
    service_role_key: str
    jwt_secret: str
    signing_key: dict[str, Any]

    @property
    def public_jwk(self) -> dict[str, Any]:
        """Return the half of the signing key that everyone may see."""
        return {name: value for name, value in self.signing_key.items() if name != "d"} | {"key_ops": ["verify"]}


def make_keys() -> Keys:
    """Make a new random set of keys."""
    jwt_secret = secrets.token_urlsafe(48)
    return Keys(
        publishable_key=_opaque_key("publishable"),
        secret_key=_opaque_key("secret"),
        anon_key=_legacy_key("anon", jwt_secret),
        service_role_key=_legacy_key("service_role", jwt_secret),
        jwt_secret=jwt_secret,
        signing_key=_signing_key(),
    )


def load_or_create_keys(path: Path) -> Keys:
    """Return the keys stored at a path; the first caller makes them, readable by the owner alone."""
    if not path.exists():
        _write_once(path, json.dumps(asdict(make_keys()), indent=2))
    return Keys(**json.loads(path.read_text()))


def _opaque_key(kind: str) -> str:
    def letters(count: int) -> str:
        return "".join(secrets.choice(ALPHABET) for _ in range(count))

    return f"sb_{kind}_{letters(22)}_{letters(8)}"


def _legacy_key(role: str, jwt_secret: str) -> str:
    now = int(time.time())
    claims = {"iss": "supabase", "ref": "local", "role": role, "iat": now, "exp": now + TEN_YEARS}
    return jwt.encode(claims, jwt_secret, algorithm="HS256")


def _signing_key() -> dict[str, Any]:
    private = ec.generate_private_key(ec.SECP256R1())
    key = ECAlgorithm.to_jwk(private, as_dict=True)
    return {**key, "kid": secrets.token_hex(16), "alg": "ES256", "use": "sig", "key_ops": ["sign", "verify"]}


def _write_once(path: Path, text: str) -> None:
    # A hard link from a finished file never shows a half-written one and never replaces another starter's keys.
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".keys-")
    with os.fdopen(handle, "w") as file:
        file.write(text)
    try:
        os.link(name, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(name)
