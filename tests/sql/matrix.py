"""Tries everything that a role might do with every object of the catalog, and writes down what it could."""

from __future__ import annotations

from collections import Counter
from typing import Any, Protocol

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from tests.sql.project import ROLES, Key, Person, Row, Table, bucket_of, ours, tables, tried

Connection = psycopg.Connection[Any]
People = dict[str, Person]
Line = tuple[str, ...]
DATABASE_ROLES = ("anon", "authenticated", "service_role")
OTHER_RIGHTS = ("references", "trigger", "maintain")

FUNCTIONS = """
select n.nspname || '.' || p.proname, p.oid,
       format('select %I.%I(%s)', n.nspname, p.proname,
              (select string_agg('null::' || t::regtype::text, ', ') from unnest(p.proargtypes) t))
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
 where n.nspname in ('public', 'private') order by n.nspname desc, p.proname
"""
SEQUENCES = """
select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where n.nspname in ('public', 'private') and c.relkind = 'S' order by 1
"""
GRANTEES = """
select lower(a.privilege_type), coalesce(r.rolname, 'PUBLIC')
  from pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
       left join pg_roles r on r.oid = a.grantee
 where c.oid = %s::text::regclass and a.grantee <> c.relowner
"""
EXECUTORS = """
select coalesce(r.rolname, 'PUBLIC')
  from pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
       left join pg_roles r on r.oid = a.grantee
 where p.oid = %s and a.grantee <> p.proowner order by 1
"""


class Probe(Protocol):
    """A way to reach tables: SQL, or REST."""

    def visible(self, person: Person, table: Table) -> set[Key] | None:
        """The keys that the person reads; None when reading is not permitted."""

    def change(self, person: Person, verb: str, table: Table, row: Row) -> bool | None:
        """Whether the row was reached; None when the verb is not permitted."""


def cell(probe: Probe, person: Person, table: Table) -> str:
    """What somebody may do with a table, as the file writes it: `select own, update own`, or `-`."""
    words = []
    seen = probe.visible(person, table)
    if seen is not None:
        words.append(f"select {_scope(person, seen, table.rows)}")
    for verb in ("insert", "update", "delete"):
        sample = table.sample(person)
        outcomes = {row.key: probe.change(person, verb, table, row) for row in sample}
        reached = {key for key, outcome in outcomes.items() if outcome}
        # A refused insert may be the policy's word on one row: it is a refusal only when no row gets in.
        if any(outcome is not None for outcome in outcomes.values()):
            words.append(f"{verb} {_scope(person, reached, sample)}")
    return ", ".join(words) or "-"


def _scope(person: Person, reached: set[Key], rows: list[Row]) -> str:
    if not reached:
        return "none"
    if reached == {row.key for row in rows}:
        return "all"
    return "own" if reached == {row.key for row in rows if row.owner and row.owner == person.user_id} else "some"


class Direct:
    """Reaches tables by SQL under the person's role and claims."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def visible(self, person: Person, table: Table) -> set[Key] | None:
        """By the primary key."""
        columns = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(column)) for column in table.key)
        bucket = bucket_of(table)
        query = sql.SQL("select {} from {} {}").format(
            columns, _name(table), sql.SQL("where bucket_id = {}").format(bucket) if bucket else sql.SQL("")
        )
        found = tried(self.connection, person, query)
        return found if found is None else {tuple(row) for row in found}

    def change(self, person: Person, verb: str, table: Table, row: Row) -> bool | None:
        """An error other than a refusal (a constraint, a trigger) comes after the permission."""
        found = tried(self.connection, person, *self._statement(person, verb, table, row))
        if found is None and verb != "insert":  # WHERE needs the right to read; the verb alone does not
            found = tried(self.connection, person, self._blind(person, verb, table))
        if found is None:
            return None
        return found > 0 if isinstance(found, int) else True

    def _statement(self, person: Person, verb: str, table: Table, row: Row) -> tuple[Any, ...]:
        if verb == "insert":
            columns = sql.SQL(", ").join(map(sql.Identifier, self._columns(person, verb, table)))
            query = "insert into {t} ({c}) overriding system value select {c} from jsonb_populate_record(null::{t}, %s)"
            new = row.values | ({"name": row.values["name"] + ".new"} if bucket_of(table) else {})
            return sql.SQL(query).format(t=_name(table), c=columns), Jsonb(new)
        where = sql.SQL(" and ").join(sql.SQL("{}::text = %s").format(sql.Identifier(column)) for column in table.key)
        if verb == "delete":
            return sql.SQL("delete from {} where {}").format(_name(table), where), *row.key
        column = sql.Identifier(self._columns(person, verb, table)[-1])
        return sql.SQL("update {} set {c} = {c} where {}").format(_name(table), where, c=column), *row.key

    def _blind(self, person: Person, verb: str, table: Table) -> Any:
        if verb == "delete":
            return sql.SQL("delete from {}").format(_name(table))
        column = sql.Identifier(self._columns(person, verb, table)[-1])
        return sql.SQL("update {} set {} = default").format(_name(table), column)

    def _columns(self, person: Person, verb: str, table: Table) -> list[str]:
        return granted_columns(self.connection, person.role, verb, table) or table.columns


def granted_columns(connection: Connection, role: str, verb: str, table: Table) -> list[str]:
    """The columns that a role may use with a verb, as the catalog says."""
    query = (
        "select c from unnest(%s::text[]) with ordinality u (c, n) where has_column_privilege(%s, %s, c, %s) order by n"
    )
    name = "storage.objects" if bucket_of(table) else table.name
    return [row[0] for row in connection.execute(query, [table.columns, role, name, verb]).fetchall()]


def table_lines(connection: Connection, people: People, only: str = "") -> list[Line]:
    """Tables and files: what each role may do. `only`: those that this text mentions."""
    probe, lines = Direct(connection), []
    for table in tables(connection):
        if only and _text(table) not in only:
            continue
        assert table.rows, f"{table.name} is empty: tests/sql/project.py must leave rows in it, or nothing is proved"
        grants = connection.execute(GRANTEES, [_text(table)]).fetchall()
        cells = [
            _with_rights(connection, people[name], table, cell(probe, people[name], table), grants) for name in ROLES
        ]
        others = {who for _, who in grants if ours(table) and who not in DATABASE_ROLES}
        lines.append((table.name, *cells, ", ".join(sorted(others)) or "-"))
    return lines


def _with_rights(connection: Connection, person: Person, table: Table, words: str, grants: list[Any]) -> str:
    if not ours(table):
        return words
    extra = [right for right in OTHER_RIGHTS if (right, person.role) in grants]
    truncated = tried(connection, person, sql.SQL("truncate {}").format(_name(table)))
    if truncated is not None and getattr(truncated, "sqlstate", None) != "42809":  # a view cannot be
        extra.insert(0, "truncate")
    return ", ".join(([] if words == "-" else [words]) + extra) or "-"


def column_lines(connection: Connection) -> list[Line]:
    """Where a role has a verb on some columns only: which. Reading is tried column by column."""
    lines = []
    for table in tables(connection):
        for role in DATABASE_ROLES:
            for verb in ("select", "insert", "update"):
                granted = granted_columns(connection, role, verb, table)
                if verb == "select":
                    granted = [column for column in table.columns if _readable(connection, role, table, column)]
                if granted and granted != table.columns:
                    lines.append((table.name, role, verb, ", ".join(granted)))
    return lines


def _readable(connection: Connection, role: str, table: Table, column: str) -> bool:
    query = sql.SQL("select {} from {} limit 0").format(sql.Identifier(column), _name(table))
    return tried(connection, Person(role, role), query) is not None


def function_lines(connection: Connection, people: People) -> list[Line]:
    """Functions: who may call them, tried with nulls; a refusal for lack of a role counts as one."""
    lines: list[Line] = []
    for name, oid, call in connection.execute(FUNCTIONS).fetchall():
        cells = ["yes" if _called(connection, people[role], call) else "-" for role in ROLES]
        others = [row[0] for row in connection.execute(EXECUTORS, [oid]).fetchall() if row[0] not in DATABASE_ROLES]
        lines.append((name, *cells, ", ".join(others) or "-"))
    twice = [name for name, count in Counter(line[0] for line in lines).items() if count > 1]
    assert not twice, f"{twice}: one name, one function; PostgREST calls by name"
    return lines


def _called(connection: Connection, person: Person, call: str) -> bool:
    found = tried(connection, person, call)
    return found is not None and getattr(found, "sqlstate", None) not in ("PT401", "PT403")


def sequence_lines(connection: Connection, people: People) -> list[Line]:
    """Sequences: usage (nextval), select and update (setval)."""
    lines: list[Line] = []
    for (name,) in connection.execute(SEQUENCES).fetchall():
        attempts = {
            "usage": f"select nextval('{name}')",
            "select": f"select last_value from {name}",
            "update": f"select setval('{name}', 1)",
        }
        cells = [
            ", ".join(w for w, call in attempts.items() if tried(connection, people[role], call) is not None) or "-"
            for role in ROLES
        ]
        others = {who for _, who in connection.execute(GRANTEES, [name]).fetchall() if who not in DATABASE_ROLES}
        lines.append((name, *cells, ", ".join(sorted(others)) or "-"))
    return lines


def schema_lines(connection: Connection, people: People) -> list[Line]:
    """Schemas: usage (naming something in it) and create."""
    lines: list[Line] = []
    for schema in ("public", "private"):
        attempts = {"usage": f"select from {schema}.no_such_thing", "create": f"create table {schema}.no_such_thing ()"}
        cells = [
            ", ".join(w for w, call in attempts.items() if tried(connection, people[role], call) is not None) or "-"
            for role in ROLES
        ]
        lines.append((schema, *cells))
    return lines


def _name(table: Table) -> sql.Composable:
    return sql.Identifier(*_text(table).split("."))


def _text(table: Table) -> str:
    return "storage.objects" if bucket_of(table) else table.name
