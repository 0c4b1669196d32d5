"""Settings: everything wrong is named at once with its mend, and nothing secret shows."""

from __future__ import annotations

import base64
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from backend.config import ConfigError, Settings, load_settings, variables

ROOT = Path(__file__).parents[2]
GOOD = {
    "APP_ENV": "production",
    "SUPABASE_URL": "https://abc.supabase.co",
    "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_1",
    "SUPABASE_SECRET_KEY": "sb_secret_keepme",
    "REDIS_URL": "rediss://user:hunter22@redis.example.com:6379/0",
    "SITE_URL": "https://app.example.com",
}
LOCAL = {
    **GOOD,
    "APP_ENV": "local",
    "TESTING_MODE": "1",
    "SUPABASE_URL": "http://127.0.0.1:54321",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
    "SITE_URL": "http://localhost:3000",
}


def legacy(role: str) -> str:
    """Return a key of the old generation."""
    return jwt.encode({"iss": "supabase", "role": role}, "x" * 32, algorithm="HS256")


def problems(**changed: str | None) -> list[str]:
    """Return what is wrong with the good environment after a change; None takes a variable away."""
    environ = {name: value for name, value in {**GOOD, **changed}.items() if value is not None}
    with pytest.raises(ConfigError) as caught:
        load_settings(environ)
    return caught.value.problems


def test_a_good_environment_loads() -> None:
    """The ordinary case; addresses lose their last slash, empty variables count as absent."""
    settings = load_settings({**GOOD, "SITE_URL": "https://app.example.com/", "SUPABASE_JWT_SECRET": " "})
    assert settings.site_url == "https://app.example.com"
    assert (settings.issuer, settings.jwt_secret) == ("https://abc.supabase.co/auth/v1", None)


def test_both_key_generations_work() -> None:
    """sb_publishable_/sb_secret_ and the legacy anon/service_role keys; the new one wins when both are there."""
    old = {"SUPABASE_ANON_KEY": legacy("anon"), "SUPABASE_SERVICE_ROLE_KEY": legacy("service_role")}
    assert load_settings({**GOOD, **old}).publishable_key == "sb_publishable_1"
    without = {name: value for name, value in GOOD.items() if not name.endswith("_KEY")}
    assert load_settings({**without, **old}).secret_key.get_secret_value() == old["SUPABASE_SERVICE_ROLE_KEY"]


def test_everything_missing_is_named_at_once() -> None:
    """One look, one mend."""
    with pytest.raises(ConfigError) as caught:
        load_settings({})
    for name in ("SUPABASE_URL", "SUPABASE_PUBLISHABLE_KEY", "SUPABASE_SECRET_KEY", "REDIS_URL", "SITE_URL"):
        assert f"{name} is missing: " in str(caught.value)
    assert len(caught.value.problems) == 5


def test_missing_and_bad_variables_are_named_together() -> None:
    """Three kinds of trouble in one message."""
    found = problems(REDIS_URL=None, SITE_URL="app.example.com", CORS_ORIGINS="*")
    assert [line.split()[0] for line in found] == ["REDIS_URL", "SITE_URL", "CORS_ORIGINS"]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SUPABASE_URL", "abc.supabase.co", "must be a web address"),
        ("SUPABASE_URL", "https://abc.supabase.co/rest/v1", "leave out /rest/v1"),
        ("SUPABASE_URL", "http://abc.supabase.co", "must be https"),
        ("SUPABASE_SECRET_KEY", "sb_publishable_1", "holds the publishable key"),
        ("SUPABASE_SECRET_KEY", legacy("anon"), "holds the publishable key"),
        ("SUPABASE_SECRET_KEY", "hello", "is no key of a Supabase project"),
        ("SUPABASE_PUBLISHABLE_KEY", "sb_secret_1", "holds a SECRET key"),
        ("SUPABASE_PUBLISHABLE_KEY", legacy("service_role"), "holds a SECRET key"),
        ("SUPABASE_JWT_SECRET", "tiny-one", "at least 32 characters"),
        ("REDIS_URL", "http://redis", "must start with redis://"),
        ("STRIPE_SECRET_KEY", "pk_live_abc", "holds the publishable key"),
        ("STRIPE_SECRET_KEY", "whsec_abc", "belongs in STRIPE_WEBHOOK_SECRET"),
        ("STRIPE_SECRET_KEY", "hello", "is no key of Stripe"),
        ("STRIPE_WEBHOOK_SECRET", "sk_test_abc", "expected whsec_"),
        ("STRIPE_API_BASE", "api.stripe.com", "must be a web address"),
        ("CORS_ORIGINS", "https://a.example.com/path", "must list origins"),
        ("APP_ENV", "prod", "'local', 'staging' or 'production'"),
        ("PORT", "http", "valid integer"),
        ("TESTING_MODE", "maybe", "valid boolean"),
        ("TRUSTED_PROXIES", "10.0.0.0/8", "valid integer"),
        ("RATE_LIMIT_DEFAULT", "lots", "must be a limit such as 300/minute"),
        ("RATE_LIMIT_WRITE", "0/hour", "must be a limit such as 300/minute"),
        ("RATE_LIMIT_PUBLIC", "5/minute, 7/hour", "must be a limit such as 300/minute"),
    ],
)
def test_a_bad_variable_is_named_with_its_mend(name: str, value: str, said: str) -> None:
    """Each mistake that people make has its own words, and never shows the value."""
    found = problems(**{name: value})
    assert len(found) == 1
    assert found[0].startswith(name)
    assert said in found[0]
    assert value not in found[0] or name in ("APP_ENV",)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SUPABASE_URL", "https://abc.supabase.co"),
        ("REDIS_URL", "rediss://redis.example.com"),
        ("SITE_URL", "https://app.example.com"),
        ("DATABASE_URL", "postgresql://postgres@db.abc.supabase.co/postgres"),
        ("SUPABASE_URL", "http://127.0.0.1.example.com"),
        ("STRIPE_SECRET_KEY", "sk_live_123"),
        ("APP_ENV", "production"),
    ],
)
def test_testing_mode_refuses_anything_real(name: str, value: str) -> None:
    """Only this machine, no live key, never production."""
    load_settings(LOCAL)
    with pytest.raises(ConfigError, match="TESTING_MODE"):
        load_settings({**LOCAL, name: value})


def test_a_live_key_of_stripe_goes_to_stripe_alone() -> None:
    """A base override is for fakes: with one, a test key loads and a live key, restricted or not, is refused."""
    load_settings({**GOOD, "STRIPE_SECRET_KEY": "sk_live_123"})
    load_settings({**GOOD, "STRIPE_SECRET_KEY": "sk_test_123", "STRIPE_API_BASE": "http://127.0.0.1:12111"})
    for key in ("sk_live_123", "rk_live_123"):
        (found,) = problems(STRIPE_SECRET_KEY=key, STRIPE_API_BASE="http://127.0.0.1:12111")
        assert found.startswith("STRIPE_SECRET_KEY holds a live key")
        assert "123" not in found.replace("STRIPE_API_BASE", "")


def test_secrets_never_show() -> None:
    """Neither in repr nor in the message of an error."""
    settings = load_settings({**GOOD, "SUPABASE_JWT_SECRET": "s" * 40})
    for secret in ("sb_secret_keepme", "hunter22", "s" * 40):
        assert secret not in repr(settings) + str(settings)
    assert "keepme" not in "".join(problems(SUPABASE_SECRET_KEY="keepme"))


def test_settings_can_not_be_changed() -> None:
    """One frozen object for the life of the process."""
    with pytest.raises(ValueError, match="frozen"):
        load_settings(GOOD).port = 1  # type: ignore[misc]


def test_env_example_lists_every_variable_once_with_a_comment() -> None:
    """.env.example is the list of variables, so it must not drift from config.py."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    listed = [line.split("=")[0] for line in lines if "=" in line and not line.startswith("#")]
    assert sorted(listed) == sorted(variables())
    for position, line in enumerate(lines):
        assert "=" not in line or line.startswith("#") or lines[position - 1].startswith("# "), line


def test_env_example_loads_once_filled_in() -> None:
    """Its defaults are good as they stand."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    example = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    settings = load_settings({**example, **GOOD})
    defaults = {name: field.default for name, field in Settings.model_fields.items() if not field.is_required()}
    assert {name: getattr(settings, name) for name in defaults} == defaults


def test_the_signing_key_may_be_base64_or_pem() -> None:
    """Both are the same key; neither shows in a repr, and anything else is named."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    texts = [base64.b64encode(key.private_bytes_raw()).decode(), pem, pem.replace("\n", "\\n")]
    for text in texts:
        settings = load_settings({**GOOD, "LEDGER_SIGNING_KEY": text})
        assert settings.ledger_signing_key is not None
        assert settings.ledger_signing_key.public_key() == key.public_key()
        assert "ledger_signing_key" not in repr(settings)
    assert load_settings(GOOD).ledger_signing_key is None
    for text in (
        "abc",
        base64.b64encode(b"short").decode(),
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
    ):
        assert problems(LEDGER_SIGNING_KEY=text) == [
            "LEDGER_SIGNING_KEY is no Ed25519 private key: expected 32 bytes as base64, or PEM without a password"
        ]


def test_keys_of_fal_are_gathered_in_order_each_once() -> None:
    """By number after FAL_KEY; none is shown; a malformed one, or one towards the real fal in tests, is refused."""
    given = {
        "FAL_KEY_10": "key-number-ten",
        "FAL_KEY_2": "key-number-two",
        "FAL_KEY": "key-plain",
        "FAL_KEY_3": "key-plain",
    }
    settings = load_settings(GOOD | given)
    assert [key.get_secret_value() for key in settings.fal_keys] == ["key-plain", "key-number-two", "key-number-ten"]
    assert "key-" not in repr(settings)
    with pytest.raises(ConfigError, match="FAL_KEY is no key of fal"):
        load_settings(GOOD | {"FAL_KEY": "two words"})
    with pytest.raises(ConfigError, match="FAL_QUEUE_URL must be https"):
        load_settings(GOOD | {"FAL_QUEUE_URL": "http://fal.example"})
    local = LOCAL | {"FAL_KEY": "key-plain"}
    with pytest.raises(ConfigError, match="would order from the real fal"):
        load_settings(local)
    assert load_settings(local | {"FAL_QUEUE_URL": "http://127.0.0.1:54330"}).fal_keys
