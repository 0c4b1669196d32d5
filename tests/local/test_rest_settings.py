"""The stand-in is set up as `supabase start` is: by the values of supabase/config.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path

from scripts.local.supabase import Settings
from scripts.local.supabase.__main__ import parse_arguments, settings_of
from scripts.local.supabase.keys import load_or_create_keys

CONFIG = tomllib.loads((Path(__file__).parents[2] / "supabase" / "config.toml").read_text())


def defaults(tmp_path: Path) -> Settings:
    options = [
        "--database-url",
        "postgresql://127.0.0.1/x",
        "--storage-dir",
        str(tmp_path / "files"),
        "--port",
        "54321",
    ]
    return settings_of(parse_arguments(options))


def test_the_defaults_are_those_of_the_config_file(tmp_path: Path) -> None:
    settings, api, auth, email = defaults(tmp_path), CONFIG["api"], CONFIG["auth"], CONFIG["auth"]["email"]
    assert settings.url == f"http://127.0.0.1:{api['port']}"
    assert settings.schemas == tuple(api["schemas"])
    assert settings.extra_search_path == tuple(api["extra_search_path"])
    assert settings.max_rows == api["max_rows"]
    assert settings.jwt_expiry == auth["jwt_expiry"]
    assert settings.refresh_reuse_seconds == auth["refresh_token_reuse_interval"]
    assert settings.allow_signup == auth["enable_signup"]
    assert settings.allow_anonymous == auth["enable_anonymous_sign_ins"]
    assert settings.min_password_length == auth["minimum_password_length"]
    assert settings.confirm_email == email["enable_confirmations"]
    assert settings.double_confirm_email_change == email["double_confirm_changes"]
    assert f"{settings.email_interval}s" == email["max_frequency"]
    assert settings.otp_expiry == email["otp_expiry"]
    assert f"{settings.file_size_limit // 2**20}MiB" == CONFIG["storage"]["file_size_limit"]
    hooks = {
        "custom_access_token": settings.access_token_hook,
        "before_user_created": settings.before_user_created_hook,
    }
    assert CONFIG["auth"]["hook"] == {
        name: {"enabled": True, "uri": f"pg-functions://postgres/{function.replace('.', '/')}"}
        for name, function in hooks.items()
    }


def test_keys_are_made_once_for_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "keys.json"
    keys = load_or_create_keys(path)
    assert load_or_create_keys(path) == keys
    assert path.stat().st_mode & 0o777 == 0o600
    assert (keys.publishable_key[:15], keys.secret_key[:10]) == ("sb_publishable_", "sb_secret_")
    assert load_or_create_keys(tmp_path / "other.json").jwt_secret != keys.jwt_secret
    assert [file.name for file in path.parent.iterdir()] == ["keys.json"]
