"""What is said once the stack runs: where everything is, who can log in, and a line to try."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.local import display
from scripts.local.demo import Login
from scripts.local.stack import Stack


def show_welcome(stack: Stack, logins: Sequence[Login]) -> None:
    """Addresses, log-ins and a curl line that works when pasted."""
    display.heading("Scrip is running. Ctrl-C stops it.")
    display.facts(
        [
            ("API", f"{stack.web_url} (its documentation: {stack.web_url}/docs)"),
            ("Supabase", f"{stack.supabase_url} (publishable key: {stack.keys.publishable_key})"),
            ("Mail inbox", stack.mail_url),
            ("fal", f"{stack.fal_url}/__requests (a stand-in, scripted as scripts/local/fal/README.md says)"),
            ("Stripe", f"{stack.stripe_url} (a local stand-in)" if stack.stripe_url else "your account's test mode"),
            ("Database", stack.database_url),
            ("Valkey", stack.valkey.url),
            ("Data, logs", places_told(stack)),
        ]
    )
    display.table(("log in as", "email", "password"), [(one.role, one.email, one.password) for one in logins])
    display.line("Try it:\n")
    display.line(curl_line(stack, logins[0]))
    display.line()


def places_told(stack: Stack) -> str:
    """The data folder, and PostgreSQL's where it had to live elsewhere."""
    home, postgres = stack.places.home, stack.places.postgres
    return str(home) if postgres.parent == home else f"{home}, PostgreSQL's in {postgres}"


def curl_line(stack: Stack, login: Login) -> str:
    """One line for a shell: log in, then ask for the balance."""
    log_in = (
        f"curl -s '{stack.supabase_url}/auth/v1/token?grant_type=password' -H 'apikey: {stack.keys.publishable_key}' "
        f"-H 'Content-Type: application/json' "
        f"""-d '{{"email":"{login.email}","password":"{login.password}"}}'"""
    )
    token = f"""{log_in} | python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])'"""
    return f'curl -s {stack.web_url}/api/v1/me -H "Authorization: Bearer $({token})"'
