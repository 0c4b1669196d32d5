"""Run a local Supabase: `python -m scripts.local.supabase --database-url ... --storage-dir ... --port 54321`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication

from scripts.local.supabase.app import create_app
from scripts.local.supabase.inbox import Inbox, create_inbox_app
from scripts.local.supabase.keys import load_or_create_keys
from scripts.local.supabase.settings import Settings
from scripts.local.supabase.smtp import serve_smtp

THREADS = 32
EXAMPLE = """
example:
  python -m scripts.local.supabase --database-url postgresql://postgres@127.0.0.1:54322/postgres \\
    --storage-dir .local/storage --port 54321 --inbox-port 54324 --smtp-port 54325

REST is under /rest/v1, Auth under /auth/v1, Storage under /storage/v1. The keys are in the keys file.
"""
Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Server(BaseApplication):
    """One gunicorn process with threads, so that the inbox and the caches are one."""

    def __init__(self, app: Wsgi, options: dict[str, Any]) -> None:
        self._app = app
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        """Set the options, which come from nowhere else."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Wsgi:
        """Return the app."""
        return self._app


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.local.supabase",
        description="A local stand-in for a Supabase project, on a PostgreSQL that has the platform's roles.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--database-url", required=True, help="the database; each service connects to it under its own role")
    add("--storage-dir", required=True, type=Path, help="where uploaded files are kept")
    add("--port", required=True, type=int, help="port of REST, Auth and Storage")
    add("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    add("--inbox-port", type=int, help="port of the page that shows the mails (default: no page)")
    add("--smtp-port", type=int, help="port that takes mails by SMTP into the same inbox (default: none)")
    add(
        "--keys", type=Path, help="file of the keys, made when missing (default: supabase-keys.json beside the storage)"
    )
    add("--url", help="address that clients use (default: http://HOST:PORT)")
    add("--site-url", default="http://127.0.0.1:3000", help="where links in mails end (default: http://127.0.0.1:3000)")
    add(
        "--redirect-url", action="append", default=[], help="another address where links may end, * allowed; repeatable"
    )
    add("--confirm-email", action="store_true", help="ask new users to confirm their address")
    add("--allow-anonymous", action="store_true", help="allow anonymous sign-ins")
    add("--jwt-expiry", type=int, default=3600, help="seconds that an access token lives (default: 3600)")
    add("--access-token-hook", default="public.custom_access_token_hook", help="function that may add claims to tokens")
    add("--verbose", action="store_true", help="write an access log")
    return parser.parse_args(arguments)


def settings_of(options: argparse.Namespace) -> Settings:
    """Return the stack's settings for a command line."""
    keys_file = options.keys or options.storage_dir.parent / "supabase-keys.json"
    return Settings(
        database_url=options.database_url,
        storage_dir=options.storage_dir,
        keys=load_or_create_keys(keys_file),
        url=(options.url or f"http://{options.host}:{options.port}").rstrip("/"),
        site_url=options.site_url,
        redirect_urls=tuple(options.redirect_url),
        confirm_email=options.confirm_email,
        allow_anonymous=options.allow_anonymous,
        jwt_expiry=options.jwt_expiry,
        access_token_hook=options.access_token_hook,
    )


def by_port(app: Wsgi, inbox: Wsgi, inbox_port: int | None) -> Wsgi:
    """Return one app that answers for the inbox on its own port."""

    def dispatch(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        chosen = inbox if environ["SERVER_PORT"] == str(inbox_port) else app
        return chosen(environ, start_response)

    return dispatch


def main() -> None:
    """Serve until told to stop."""
    options = parse_arguments()
    app = create_app(settings_of(options))
    mails: Inbox = app.extensions["supabase"].inbox
    inbox = create_inbox_app(mails)

    def take_mails(worker: object) -> None:
        """Begin in the process that serves, which has the inbox."""
        if options.smtp_port:
            serve_smtp(mails, options.host, options.smtp_port)

    ports = [port for port in (options.port, options.inbox_port) if port]
    Server(
        by_port(app, inbox, options.inbox_port),
        {
            "bind": [f"{options.host}:{port}" for port in ports],
            "worker_class": "gthread",
            "workers": 1,
            "threads": THREADS,
            "keepalive": 30,
            "graceful_timeout": 5,
            "timeout": 120,
            "accesslog": "-" if options.verbose else None,
            "loglevel": "info" if options.verbose else "warning",
            "control_socket_disable": True,
            "post_worker_init": take_mails,
        },
    ).run()


if __name__ == "__main__":
    main()
