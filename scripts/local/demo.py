"""Two people to log in as: a user, and an owner who may do everything."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass

import httpx
import psycopg

from scripts.local.places import Places, demo_email
from scripts.local.secrets import write_private
from scripts.local.supabase.keys import Keys

ROLES = {"user": None, "owner": "owner"}


@dataclass(frozen=True)
class Login:
    """Somebody's way in."""

    role: str
    email: str
    password: str


class SeedFailed(RuntimeError):
    """Auth refused to make a demo user."""


def seed_users(supabase_url: str, keys: Keys, database_url: str, places: Places) -> list[Login]:
    """Make the demo users that are missing; their passwords are random and kept in the data folder."""
    logins = _load_logins(places)
    with httpx.Client(base_url=supabase_url, headers=_as_admin(keys), timeout=20) as auth:
        for login in logins:
            _make_user(auth, login)
    with psycopg.connect(database_url) as connection:
        for login in logins:
            _give_role(connection, login)
    return logins


def _load_logins(places: Places) -> list[Login]:
    if not places.logins.exists():
        made = {role: secrets.token_urlsafe(9) for role in ROLES}
        write_private(places.logins, json.dumps(made, indent=2))
    passwords = json.loads(places.logins.read_text())
    return [Login(role, demo_email(role), passwords[role]) for role in ROLES]


def _as_admin(keys: Keys) -> dict[str, str]:
    return {"apikey": keys.secret_key, "Authorization": f"Bearer {keys.secret_key}", **AUTH_VERSION}


def _make_user(auth: httpx.Client, login: Login) -> None:
    wanted = {"email": login.email, "password": login.password, "email_confirm": True}
    answer = auth.post("/auth/v1/admin/users", json=wanted)
    if answer.status_code >= 400 and answer.json().get("code") != "email_exists":
        raise SeedFailed(f"Auth did not make {login.email}: {answer.status_code} {answer.text}")


def _give_role(connection: psycopg.Connection, login: Login) -> None:
    if ROLES[login.role] is None:
        return
    connection.execute(
        "insert into private.user_roles (user_id, role) select id, %s from auth.users where email = %s "
        "on conflict (user_id) do nothing",
        [ROLES[login.role], login.email],
    )


AUTH_VERSION = {"X-Supabase-Api-Version": "2024-01-01"}
