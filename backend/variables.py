"""What the value of a variable must look like; each mistake that people make has its own words."""

from __future__ import annotations

import base64
import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be a web address such as https://example.com")
    return value.rstrip("/")


def _project_address(value: str) -> str:
    address = _web_address(value)
    if urlsplit(address).path:
        raise ValueError("must end at the host: leave out /rest/v1, /auth/v1 and the like")
    return address


def _by_commas(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _origin(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or value != f"{parts.scheme}://{parts.netloc}":
        raise ValueError("must list origins such as https://app.example.com, separated by commas; * is refused")
    return value


def _rate_limit(value: str) -> str:
    """Accept one limit or several, such as 10/second;300/minute."""
    if not all(re.fullmatch(r"[1-9]\d{0,8}/([1-9]\d{0,4} )?(second|minute|hour|day)", one) for one in value.split(";")):
        raise ValueError("must be a limit such as 300/minute, or several such as 10/second;300/minute")
    return value


def _redis_address(value: str) -> str:
    if urlsplit(value).scheme not in ("redis", "rediss", "unix"):
        raise ValueError("must start with redis://, rediss:// or unix://")
    return value


def _key_kind(value: str) -> str:
    """Return `publishable`, `secret` or `unknown` for a key of either generation."""
    for kind in ("publishable", "secret"):
        if value.startswith(f"sb_{kind}_"):
            return kind
    try:
        role = jwt.decode(value, options={"verify_signature": False}).get("role")
    except jwt.PyJWTError:
        return "unknown"
    return {"anon": "publishable", "service_role": "secret"}.get(str(role), "unknown")


def _publishable(value: str) -> str:
    if _key_kind(value) != "publishable":
        found = "holds a SECRET key" if _key_kind(value) == "secret" else "is no key of a Supabase project"
        raise ValueError(f"{found}: expected sb_publishable_..., or the legacy anon key")
    return value


def _secret(value: SecretStr) -> SecretStr:
    kind = _key_kind(value.get_secret_value())
    if kind != "secret":
        found = "holds the publishable key" if kind == "publishable" else "is no key of a Supabase project"
        raise ValueError(f"{found}: expected sb_secret_..., or the legacy service_role key")
    return value


def _long_enough(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < 32:
        raise ValueError("is too short: a legacy JWT secret has at least 32 characters")
    return value


def _signing_key(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        if value.startswith("-----"):
            key = load_pem_private_key(value.replace("\\n", "\n").encode(), password=None)
        else:
            key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(value, validate=True))
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("is no Ed25519 private key: expected 32 bytes as base64, or PEM without a password")
    return key


def _stripe_secret(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if text.startswith(("pk_test_", "pk_live_")):
        raise ValueError("holds the publishable key: expected sk_..., or a restricted key rk_...")
    if text.startswith("whsec_"):
        raise ValueError("holds the webhook's signing secret, which belongs in STRIPE_WEBHOOK_SECRET")
    if not text.startswith(("sk_test_", "sk_live_", "rk_test_", "rk_live_")):
        raise ValueError("is no key of Stripe: expected sk_..., or a restricted key rk_...")
    return value


def _stripe_webhook_secret(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().startswith("whsec_"):
        raise ValueError("is no signing secret of a webhook: expected whsec_...")
    return value


def _safe_address(value: str) -> str:
    address = _web_address(value)
    parts = urlsplit(address)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise ValueError("must be https, unless it is on this machine")
    return address


def _provider_keys(value: object) -> object:
    """Accept keys that fit into a header; several variables hold one each."""
    keys = value if isinstance(value, tuple) else (value,)
    if not all(isinstance(key, str) and re.fullmatch(r"[!-~]{8,}", key) for key in keys):
        raise ValueError("is no key of fal: expected the key as fal shows it, without spaces")
    return keys


def _smtp_address(value: SecretStr) -> SecretStr:
    parts = urlsplit(value.get_secret_value())
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ValueError("must be a mail server such as smtps://user:password@smtp.example.com:465, or smtp://...")
    return value


def _secret_address(value: SecretStr) -> SecretStr:
    return SecretStr(_web_address(value.get_secret_value()))


def _mail_address(value: str) -> str:
    if not re.fullmatch(r"[^@\s<>,]+@[^@\s<>,]+|[^@<>,\n]+ <[^@\s<>,]+@[^@\s<>,]+>", value):
        raise ValueError("must hold mail addresses such as ops@example.com")
    return value


WebAddress = Annotated[str, AfterValidator(_web_address)]
SafeAddress = Annotated[str, AfterValidator(_safe_address)]


def _sentry_dsn(value: SecretStr) -> SecretStr:
    parts = urlsplit(value.get_secret_value())
    named = parts.hostname and parts.username and re.fullmatch(r"(/.*)?/\d+", parts.path)
    if not named or not (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)):
        raise ValueError("is no DSN of Sentry: expected https://KEY@HOST/PROJECT, as its project settings show it")
    return value


def _metrics_token(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < 16:
        raise ValueError("must have at least 16 characters: make one with openssl rand -hex 24")
    return value


ProviderKeys = Annotated[tuple[SecretStr, ...], BeforeValidator(_provider_keys)]
ProjectAddress = Annotated[str, AfterValidator(_project_address)]
SecretWebAddress = Annotated[SecretStr, AfterValidator(_secret_address)]
SmtpAddress = Annotated[SecretStr, AfterValidator(_smtp_address)]
MailAddress = Annotated[str, AfterValidator(_mail_address)]
MailAddresses = Annotated[tuple[MailAddress, ...], BeforeValidator(_by_commas)]
Origins = Annotated[tuple[Annotated[str, AfterValidator(_origin)], ...], BeforeValidator(_by_commas)]
QueueNames = Annotated[
    tuple[Literal["high", "default", "low", "emails", "maintenance"], ...],
    BeforeValidator(_by_commas),
    Field(min_length=1),
]
RateLimit = Annotated[str, AfterValidator(_rate_limit)]
RedisAddress = Annotated[str, AfterValidator(_redis_address)]
PublishableKey = Annotated[str, AfterValidator(_publishable)]
SecretKey = Annotated[SecretStr, AfterValidator(_secret)]
SentryDsn = Annotated[SecretStr, AfterValidator(_sentry_dsn)]
MetricsToken = Annotated[SecretStr, AfterValidator(_metrics_token)]
JwtSecret = Annotated[SecretStr, AfterValidator(_long_enough)]
SigningKey = Annotated[Ed25519PrivateKey, BeforeValidator(_signing_key)]
StripeSecret = Annotated[SecretStr, AfterValidator(_stripe_secret)]
StripeWebhookSecret = Annotated[SecretStr, AfterValidator(_stripe_webhook_secret)]
