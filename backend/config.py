"""One frozen settings object from the environment; the only file that reads os.environ."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, BaseModel, ConfigDict, Field
from pydantic import ValidationError as Invalid

from backend import flags
from backend.variables import LOOPBACK as LOOPBACK
from backend.variables import (
    JwtSecret,
    MailAddress,
    MailAddresses,
    MetricsToken,
    Origins,
    ProjectAddress,
    ProviderKeys,
    PublishableKey,
    QueueNames,
    RateLimit,
    RedisAddress,
    SafeAddress,
    SecretKey,
    SecretWebAddress,
    SentryDsn,
    SigningKey,
    SmtpAddress,
    StripeSecret,
    StripeWebhookSecret,
    WebAddress,
)

LIVE_KEYS = ("sk_live_", "rk_live_")
SCRIPTS_ONLY = ("DATABASE_URL",)


class ConfigError(Exception):
    """The environment is incomplete or wrong; the message names every variable and its mend."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("Scrip can't start with this environment:\n" + "\n".join(f"  - {line}" for line in problems))


class Settings(BaseModel):
    """What a process of Scrip knows about its surroundings."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, arbitrary_types_allowed=True)

    app_env: Literal["local", "staging", "production"] = Field("production", validation_alias=AliasChoices("APP_ENV"))
    testing_mode: bool = Field(False, validation_alias=AliasChoices("TESTING_MODE"))
    supabase_url: ProjectAddress = Field(validation_alias=AliasChoices("SUPABASE_URL"))
    publishable_key: PublishableKey = Field(
        repr=False, validation_alias=AliasChoices("SUPABASE_PUBLISHABLE_KEY", "SUPABASE_ANON_KEY")
    )
    secret_key: SecretKey = Field(validation_alias=AliasChoices("SUPABASE_SECRET_KEY", "SUPABASE_SERVICE_ROLE_KEY"))
    jwt_secret: JwtSecret | None = Field(None, validation_alias=AliasChoices("SUPABASE_JWT_SECRET"))
    redis_url: RedisAddress = Field(repr=False, validation_alias=AliasChoices("REDIS_URL"))
    site_url: WebAddress = Field(validation_alias=AliasChoices("SITE_URL"))
    cors_origins: Origins = Field((), validation_alias=AliasChoices("CORS_ORIGINS"))
    trusted_proxies: int = Field(0, ge=0, le=10, validation_alias=AliasChoices("TRUSTED_PROXIES"))
    rate_limit_default: RateLimit = Field("600/minute", validation_alias=AliasChoices("RATE_LIMIT_DEFAULT"))
    rate_limit_write: RateLimit = Field("120/minute", validation_alias=AliasChoices("RATE_LIMIT_WRITE"))
    rate_limit_public: RateLimit = Field("300/minute", validation_alias=AliasChoices("RATE_LIMIT_PUBLIC"))
    metrics_token: MetricsToken | None = Field(None, validation_alias=AliasChoices("METRICS_TOKEN"))
    sentry_dsn: SentryDsn | None = Field(None, validation_alias=AliasChoices("SENTRY_DSN"))
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", validation_alias=AliasChoices("LOG_LEVEL"))
    web_concurrency: int = Field(2, ge=1, le=64, validation_alias=AliasChoices("WEB_CONCURRENCY"))
    port: int = Field(8000, ge=1, le=65535, validation_alias=AliasChoices("PORT"))
    worker_queues: QueueNames = Field(
        ("high", "default", "low", "emails", "maintenance"), validation_alias=AliasChoices("WORKER_QUEUES")
    )
    worker_lease_seconds: int = Field(60, ge=2, le=3600, validation_alias=AliasChoices("WORKER_LEASE_SECONDS"))
    worker_heartbeat_seconds: float = Field(5, gt=0, le=600, validation_alias=AliasChoices("WORKER_HEARTBEAT_SECONDS"))
    worker_grace_seconds: float = Field(8, ge=0, le=3600, validation_alias=AliasChoices("WORKER_GRACE_SECONDS"))
    schedule_dispatch_seconds: float = Field(
        5, gt=0, le=600, validation_alias=AliasChoices("SCHEDULE_DISPATCH_SECONDS")
    )
    schedule_sweep_seconds: float = Field(10, gt=0, le=600, validation_alias=AliasChoices("SCHEDULE_SWEEP_SECONDS"))
    schedule_lock_seconds: float = Field(30, ge=1, le=600, validation_alias=AliasChoices("SCHEDULE_LOCK_SECONDS"))

    schedule_checkpoint_seconds: float = Field(
        600, gt=0, le=86_400, validation_alias=AliasChoices("SCHEDULE_CHECKPOINT_SECONDS")
    )
    ledger_signing_key: SigningKey | None = Field(None, repr=False, validation_alias=AliasChoices("LEDGER_SIGNING_KEY"))

    stripe_secret_key: StripeSecret | None = Field(None, validation_alias=AliasChoices("STRIPE_SECRET_KEY"))
    stripe_webhook_secret: StripeWebhookSecret | None = Field(
        None, validation_alias=AliasChoices("STRIPE_WEBHOOK_SECRET")
    )
    stripe_automatic_tax: bool = Field(False, validation_alias=AliasChoices("STRIPE_AUTOMATIC_TAX"))
    stripe_promotion_codes: bool = Field(False, validation_alias=AliasChoices("STRIPE_PROMOTION_CODES"))
    schedule_heal_seconds: float = Field(300, gt=0, le=86_400, validation_alias=AliasChoices("SCHEDULE_HEAL_SECONDS"))
    stripe_api_base: WebAddress | None = Field(None, validation_alias=AliasChoices("STRIPE_API_BASE"))

    fal_keys: ProviderKeys = Field((), repr=False, validation_alias=AliasChoices("FAL_KEY", "FAL_KEY_1"))
    fal_queue_url: SafeAddress = Field("https://queue.fal.run", validation_alias=AliasChoices("FAL_QUEUE_URL"))
    fal_jwks_url: SafeAddress = Field(
        "https://rest.alpha.fal.ai/.well-known/jwks.json", validation_alias=AliasChoices("FAL_JWKS_URL")
    )
    public_api_url: SafeAddress | None = Field(None, validation_alias=AliasChoices("PUBLIC_API_URL"))

    flag_overrides: dict[str, bool] = Field({}, validation_alias=AliasChoices(*flags.VARIABLES))

    smtp_url: SmtpAddress | None = Field(None, validation_alias=AliasChoices("SMTP_URL"))
    mail_from: MailAddress | None = Field(None, validation_alias=AliasChoices("MAIL_FROM"))
    alert_emails: MailAddresses = Field((), validation_alias=AliasChoices("ALERT_EMAILS"))
    alert_webhook_url: SecretWebAddress | None = Field(None, validation_alias=AliasChoices("ALERT_WEBHOOK_URL"))
    alert_patience_seconds: float = Field(60, ge=0, le=3600, validation_alias=AliasChoices("ALERT_PATIENCE_SECONDS"))
    alert_queue_seconds: float = Field(300, gt=0, le=86_400, validation_alias=AliasChoices("ALERT_QUEUE_SECONDS"))
    alert_failure_percent: float = Field(50, gt=0, lt=100, validation_alias=AliasChoices("ALERT_FAILURE_PERCENT"))
    schedule_alert_seconds: float = Field(60, gt=0, le=3600, validation_alias=AliasChoices("SCHEDULE_ALERT_SECONDS"))

    @property
    def issuer(self) -> str:
        """Return the issuer that every access token must name."""
        return f"{self.supabase_url}/auth/v1"


# What a missing variable should hold; the same words stand in .env.example.
MENDS = {
    "SUPABASE_URL": "the project's address, such as https://abc.supabase.co",
    "SUPABASE_PUBLISHABLE_KEY": "the project's sb_publishable_... key (or SUPABASE_ANON_KEY)",
    "SUPABASE_SECRET_KEY": "the project's sb_secret_... key (or SUPABASE_SERVICE_ROLE_KEY)",
    "REDIS_URL": "the queue's address, such as redis://127.0.0.1:6379/0",
    "SITE_URL": "the address where people open your app, such as https://app.example.com",
}


def variables() -> list[str]:
    """Return the name of every environment variable that Scrip reads."""
    aliases = [field.validation_alias for field in Settings.model_fields.values()]
    names = [str(name) for alias in aliases if isinstance(alias, AliasChoices) for name in alias.choices]
    return [*names, *SCRIPTS_ONLY]


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings, or raise ConfigError naming all that is missing or wrong at once."""
    source = os.environ if environ is None else environ
    given = {name: value.strip() for name, value in source.items() if value.strip()}
    overrides, problems = flags.overrides(given)
    problems += _unsafe(given) + _unsafe_payments(given) + _incomplete_mail(given) + _lacking(given)
    try:
        plain = {name: value for name, value in given.items() if not name.startswith(flags.PREFIX)}
        settings = Settings.model_validate(plain | _fal_keys(given) | {min(flags.VARIABLES): overrides})
    except Invalid as error:
        problems = [_problem(found["type"], str(found["loc"][0]), found["msg"]) for found in error.errors()] + problems
    if problems:
        raise ConfigError(problems)
    return settings


def _fal_keys(given: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Gather FAL_KEY and FAL_KEY_1, FAL_KEY_2, ... in this order, each value once."""
    names = [name for name in given if re.fullmatch(r"FAL_KEY(_[1-9]\d{0,3})?", name)]
    names.sort(key=lambda name: int(name.removeprefix("FAL_KEY").removeprefix("_") or 0))
    return {"FAL_KEY": tuple(dict.fromkeys(given[name] for name in names))} if names else {}


def _problem(kind: str, name: str, message: str) -> str:
    if kind == "missing":
        return f"{name} is missing: {MENDS.get(name, 'set it')}"
    return f"{name} {message.removeprefix('Value error, ')}"


def _host(given: Mapping[str, str], name: str) -> str:
    return urlsplit(given.get(name, "")).hostname or ""


def _unsafe(given: Mapping[str, str]) -> list[str]:
    """Name what is well-formed and still must not run: test mode near real things, secrets in clear text."""
    if given.get("TESTING_MODE", "").lower() in ("1", "true", "yes", "on", "t", "y"):
        return _unsafe_for_tests(given)
    bare = given.get("SUPABASE_URL", "").startswith("http://")
    host = _host(given, "SUPABASE_URL")
    if bare and host not in LOOPBACK and "." in host:
        return ["SUPABASE_URL must be https: the secret key would travel in clear text"]
    return []


def _unsafe_payments(given: Mapping[str, str]) -> list[str]:
    if given.get("STRIPE_API_BASE") and given.get("STRIPE_SECRET_KEY", "").startswith(LIVE_KEYS):
        return ["STRIPE_SECRET_KEY holds a live key, which must go to Stripe alone: take STRIPE_API_BASE away"]
    return []


def _incomplete_mail(given: Mapping[str, str]) -> list[str]:
    needs = {"ALERT_EMAILS": ("SMTP_URL", "MAIL_FROM"), "SMTP_URL": ("MAIL_FROM",)}
    lacking = {one: name for name, others in needs.items() if name in given for one in others if one not in given}
    return [f"{one} is missing: {name} is set and no mail can be sent without it" for one, name in lacking.items()]


def _lacking(given: Mapping[str, str]) -> list[str]:
    if given.get("SENTRY_DSN") and not find_spec("sentry_sdk"):
        return ["SENTRY_DSN needs the package sentry-sdk: pip install -r requirements-sentry.txt, or take it away"]
    return []


def _unsafe_for_tests(given: Mapping[str, str]) -> list[str]:
    places = [
        name for name in ("SUPABASE_URL", "REDIS_URL", "SITE_URL", "DATABASE_URL", "SENTRY_DSN") if _host(given, name)
    ]
    places += [name for name in ("SMTP_URL", "ALERT_WEBHOOK_URL") if _host(given, name)]
    far = [name for name in places if _host(given, name) not in LOOPBACK]
    problems = [f"{name} is not on this machine, which TESTING_MODE requires" for name in far]
    live = [name for name, value in given.items() if value.startswith(LIVE_KEYS)]
    problems += [f"{name} holds a live key, which TESTING_MODE refuses" for name in live]
    if _fal_keys(given) and _host(given, "FAL_QUEUE_URL") not in LOOPBACK:
        problems.append("FAL_KEY would order from the real fal, which TESTING_MODE refuses: set FAL_QUEUE_URL")
    if given.get("APP_ENV", "production") == "production":
        problems.append("TESTING_MODE can't be on in production: set APP_ENV=local or staging, or turn it off")
    return problems
