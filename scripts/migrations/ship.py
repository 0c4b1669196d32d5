"""Write the generated migration that ships edited function files."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from scripts.migrations.errors import MigrationError
from scripts.migrations.files import GENERATED, FunctionFile, Migration, load_functions, load_migrations, unshipped
from scripts.migrations.function_rules import function_problems

_VERSION = "%Y%m%d%H%M%S"
_HEADER = f"""{GENERATED}
set lock_timeout = '4s';
set check_function_bodies = off;
"""


def ship(name: str, supabase_dir: Path, *, now: datetime | None = None) -> tuple[Path | None, list[str]]:
    """Write the migration for all function files that changed; return its path and theirs, or None if none did."""
    name = name.removesuffix("_functions")
    if not re.fullmatch(r"[a-z0-9_]+", name):
        raise MigrationError(f"'{name}' is no name for a migration.", "Use lower-case letters, digits and _.")
    migrations, functions = load_migrations(supabase_dir), load_functions(supabase_dir)
    changed = unshipped(migrations, functions)
    if not changed:
        return None, []
    _refuse_unfit(changed, {one.path for one in functions})
    version = next_version(migrations, now or datetime.now(UTC))
    path = supabase_dir / "migrations" / f"{version}_{name}_functions.sql"
    path.write_bytes(render(changed).encode())
    return path, [function.path for function in changed]


def render(functions: list[FunctionFile]) -> str:
    """Return the text of the migration that carries these function files."""
    blocks = (f"\n-- begin {one.path}\n{one.text}-- end {one.path}\n" for one in functions)
    return _HEADER + "".join(blocks)


def next_version(migrations: list[Migration], now: datetime) -> str:
    """Return a version of now, or of one second after the newest migration if that lies in the future."""
    version = now.strftime(_VERSION)
    newest = max((migration.version for migration in migrations), default="")
    if version > newest:
        return version
    try:
        return (datetime.strptime(newest, _VERSION).replace(tzinfo=UTC) + timedelta(seconds=1)).strftime(_VERSION)
    except ValueError:
        return str(int(newest) + 1)


def _refuse_unfit(changed: list[FunctionFile], paths: set[str]) -> None:
    problems = [problem for function in changed for problem in function_problems(function, paths)]
    if problems:
        raise MigrationError("\n".join(problems), "Nothing was written.")
