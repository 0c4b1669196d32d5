"""People with roles, and what the audit log says of them."""

from __future__ import annotations

import uuid

from psycopg.rows import dict_row

from tests.factories import Json, Sql


def staff(sql: Sql, role: str | None) -> uuid.UUID:
    """Somebody with this role, or none."""
    user = sql.new_user()
    if role:
        sql.connection.execute("insert into private.user_roles values (%s, %s)", [user, role])
    return user


def log(sql: Sql) -> list[Json]:
    """The whole audit log, oldest first."""
    with sql.connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute("select * from private.audit_log order by id").fetchall()
