"""What is compared, part by part: how it is read, and what helps when it differs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from psycopg import sql

from scripts.comparison.environments import Environment, Row, Rows
from scripts.diagnosis.database import functions as examine_functions
from scripts.migrations import history
from scripts.migrations.connection import Connection
from scripts.migrations.functions import snapshot

UP = "DATABASE_URL=... .venv/bin/python scripts/migrate.py up"
OURS = (" on public.", " on private.", "function public.", "function private.")


@dataclass(frozen=True)
class Section:
    """One part of an environment. `read` returns None where it can't be known."""

    name: str
    read: Callable[[Environment], Rows | None]
    mend: str
    unknown: str = "its table is not there: migrations are missing"


def table(name: str, key: str, columns: str, mend: str, *, section: str, source: str = "") -> Section:
    """Return a section that is a table: every row by its key, with the columns that both should agree in."""
    query = f"select {key}, {columns} from {source or name} t order by 1"  # noqa: S608 - constants of this module

    def read(environment: Environment) -> Rows | None:
        with environment.database() as connection:
            [[there]] = connection.execute("select to_regclass(%s) is not null", [name]).fetchall()
            if not there:
                return None
            return {str(one): _row(found) for one, found in connection.execute(sql.SQL(query)).fetchall()}  # type: ignore[arg-type]

    return Section(section, read, mend)


def _row(found: object) -> Row:
    return dict(found) if isinstance(found, dict) else {}


def _migrations(environment: Environment) -> Rows:
    with environment.database() as connection:
        return {
            f"{one.version}_{one.name}": {"text": _digest("".join("".join(one.statements or []).split()))}
            for one in history.read(connection)
        }


def _functions(environment: Environment) -> Rows:
    with environment.database(read_only=False) as connection:
        return {name: {"text": _digest(text)} for name, text in _snapshot(connection).items()}


def _snapshot(connection: Connection) -> dict[str, str]:
    connection.execute("set local search_path = ''")  # so that names are written the same way
    return {name: text for name, text in snapshot(connection).items() if any(ours in name for ours in OURS)}


def not_as_shipped(environment: Environment) -> list[str]:
    """Return what the functions of an environment are blamed for, against those that this checkout ships."""
    with environment.database():  # or it is NotThere
        pass
    return [one.cause for one in examine_functions(environment.patient) if one.state in ("failure", "warning")]


def _settings(environment: Environment) -> Rows | None:
    if environment.settings is None:
        return None
    return {name: {"": "set"} for name in environment.settings - {"DATABASE_URL"}}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


SECTIONS = (
    Section("migrations", _migrations, f"{UP} brings the one that lacks them up to this checkout."),
    Section("functions", _functions, f"{UP} puts back what was shipped, in the one that differs from it."),
    Section(
        "settings",
        _settings,
        "Set it in the other, or take it out; .env.example explains each. Values are not compared.",
        unknown="variables are known from files alone, not from a DATABASE_URL",
    ),
    table(
        "private.settings",
        "'private.settings'",
        "to_jsonb(t) - 'singleton'",
        "update private.settings in a migration, so that both get it.",
        section="database settings",
    ),
    table(
        "public.models",
        "t.id",
        "to_jsonb(t) - '{id,created_at,price_version}'::text[]",
        "Change public.models in a migration, so that both get it: docs/models.md",
        section="models",
    ),
    table(
        "public.credit_packages",
        "t.id",
        "to_jsonb(t) - '{id,created_at}'::text[]",
        "Change public.credit_packages in a migration: docs/billing.md#what-is-sold",
        section="packages",
    ),
    table(
        "public.plans",
        "t.id",
        "to_jsonb(t) - '{id,created_at}'::text[]",
        "Change public.plans in a migration: docs/billing.md#plans",
        section="plans",
    ),
    table(
        "public.feature_flags",
        "t.key",
        # Ids of users, and who changed it when, belong to one environment.
        "to_jsonb(t) - '{key,users,version,updated_by,updated_at}'::text[]",
        "PATCH /api/v1/admin/flags/{key} in the one that is wrong: docs/flags.md",
        section="flags",
    ),
    table(
        "private.system_prompts",
        "t.key",
        "to_jsonb(t) - '{key,active_version,created_at,updated_at}'::text[]",
        "Export them from one, import them into the other: scripts/prompts.py export, import (docs/prompts.md)",
        section="prompts",
        source="(select p.*, v.content from private.system_prompts p join private.system_prompt_versions v"
        " on v.key = p.key and v.version = p.active_version)",
    ),
    table(
        "private.role_limits",
        "t.role",
        "to_jsonb(t) - 'role'",
        "PUT /api/v1/admin/roles/{role}/limits in the one that is wrong: docs/admins.md",
        section="role limits",
    ),
    table(
        "private.scheduled_jobs",
        "t.name",
        "jsonb_build_object('interval_seconds', t.interval_seconds, 'planned', t.planned)",
        "Run the same release, with the same SCHEDULE_... settings, and let its scheduler lead once.",
        section="scheduled jobs",
    ),
)
