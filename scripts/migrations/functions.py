"""Put the database's functions back to what was shipped, and touch nothing where they already are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import Rollback

from scripts.migrations.connection import Connection
from scripts.migrations.execute import fresh_session, run_statement
from scripts.migrations.files import FunctionFile
from scripts.migrations.lock import assert_held

# Everything a function file can set: the definitions, who may execute, and the triggers that call them.
_SNAPSHOT = """
select 'function ' || p.oid::regprocedure,
       concat_ws(E'\n', pg_get_functiondef(p.oid), obj_description(p.oid, 'pg_proc'), (
         select string_agg(format('%s=%s', a.grantee::regrole, a.privilege_type), ',' order by a.grantee)
           from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a))
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
 where p.prokind in ('f', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
union all
select format('trigger %I on %s', t.tgname, t.tgrelid::regclass), pg_get_triggerdef(t.oid) || t.tgenabled::text
  from pg_trigger t where not t.tgisinternal
"""


@dataclass(frozen=True)
class Healing:
    """What re-applying the function files changed: names of functions and triggers that were not as they should be."""

    files: int
    changed: list[str]


def reapply(
    connection: Connection, functions: Sequence[FunctionFile], *, keep: bool = True, strict: bool = False
) -> Healing:
    """Apply every function file in one transaction, which is kept only if it changed anything.

    Bodies load unchecked, so that order does not matter; `strict` loads them once more and checks them.
    """
    fresh_session(connection)
    with connection.transaction() as transaction:
        assert_held(connection)
        before = snapshot(connection)
        for checked in ("off", "on") if strict else ("off",):
            connection.execute(f"set local check_function_bodies = {checked}")
            _load(connection, functions)
        after = snapshot(connection)
        changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        if not changed or not keep:
            raise Rollback(transaction)
    return Healing(len(functions), changed)


def _load(connection: Connection, functions: Sequence[FunctionFile]) -> None:
    for function in functions:
        for statement in function.statements:
            run_statement(connection, function.path, statement)


def snapshot(connection: Connection) -> dict[str, str]:
    """Return every function and trigger with all that can be set about it; inside a transaction."""
    connection.execute("set local search_path = pg_catalog")  # so that names come out with their schema
    rows = connection.execute(_SNAPSHOT).fetchall()
    connection.execute("set local search_path to default")
    return {str(name): str(definition) for name, definition in rows}
