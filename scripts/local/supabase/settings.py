"""How one local Supabase is set up; the defaults are those of `supabase start`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scripts.local.supabase.keys import Keys


@dataclass(frozen=True)
class Settings:
    """Everything a stack is told from outside."""

    database_url: str
    storage_dir: Path
    keys: Keys
    url: str = "http://127.0.0.1:54321"
    site_url: str = "http://127.0.0.1:3000"
    redirect_urls: tuple[str, ...] = ()
    schemas: tuple[str, ...] = ("public", "graphql_public")
    extra_search_path: tuple[str, ...] = ("public", "extensions")
    max_rows: int = 1000
    pool_size: int = 16
    pool_timeout: float = 10
    connect_timeout: int = 3
    confirm_email: bool = False
    allow_signup: bool = True
    allow_anonymous: bool = False
    double_confirm_email_change: bool = True
    jwt_expiry: int = 3600
    refresh_reuse_seconds: int = 10
    otp_expiry: int = 3600
    email_interval: float = 1
    min_password_length: int = 6
    access_token_hook: str = "public.custom_access_token_hook"  # noqa: S105  the name of a function
    before_user_created_hook: str = "public.before_user_created_hook"
    file_size_limit: int = 50 * 1024 * 1024

    @property
    def issuer(self) -> str:
        """Return the `iss` of users' tokens."""
        return f"{self.url}/auth/v1"
