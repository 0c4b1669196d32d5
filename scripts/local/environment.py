"""The environment of the programs that the stack starts, and what of the caller's own must not reach them."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from scripts.local.secrets import write_private

# What the stack decides itself. A developer's shell may hold the address of a real project: it must not leak in.
PROVIDED = (
    "APP_ENV",
    "TESTING_MODE",
    "SUPABASE_URL",
    "SUPABASE_PUBLISHABLE_KEY",
    "SUPABASE_ANON_KEY",
    "SUPABASE_SECRET_KEY",
    "SUPABASE_SERVICE_ROLE_KEY",
    "SUPABASE_JWT_SECRET",
    "DATABASE_URL",
    "REDIS_URL",
    "SITE_URL",
    "CORS_ORIGINS",
    "LEDGER_SIGNING_KEY",
    "FAL_KEY",
    "FAL_KEY_1",
    "FAL_KEY_2",
    "FAL_QUEUE_URL",
    "FAL_JWKS_URL",
    "PUBLIC_API_URL",
    "STRIPE_API_BASE",
    "SMTP_URL",
    "MAIL_FROM",
    "ALERT_EMAILS",
    "ALERT_WEBHOOK_URL",
    "PORT",
)
LIBPQ = (
    *("PGHOST", "PGHOSTADDR", "PGPORT", "PGUSER", "PGPASSWORD", "PGPASSFILE", "PGDATABASE", "PGSERVICE"),
    *("PGOPTIONS", "PGSSLMODE", "PGCHANNELBINDING", "PGREQUIREAUTH", "PGTARGETSESSIONATTRS"),
)
HERE = "127.0.0.1,localhost"


def ignored(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Variables of the caller that name another project and are therefore not passed on."""
    return [name for name in PROVIDED if environ.get(name) and name != "PORT"]


def for_child(given: Mapping[str, str], environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The caller's environment without what the stack decides, and what it decided instead."""
    kept = {name: value for name, value in environ.items() if name not in PROVIDED and name not in LIBPQ}
    return kept | {"PYTHONUNBUFFERED": "1", "NO_PROXY": HERE, "no_proxy": HERE} | dict(given)


@contextmanager
def noted(path: Path, given: Mapping[str, str]) -> Iterator[None]:
    """Keep variables in a file that a shell can read and nobody else, for as long as they are true."""
    path.unlink(missing_ok=True)
    write_private(path, "".join(f"{name}={shlex.quote(value)}\n" for name, value in given.items()))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def clean_own() -> None:
    """The same for this process, whose database driver and HTTP client read the environment too."""
    for name in (*PROVIDED, *LIBPQ):
        os.environ.pop(name, None)
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = HERE
