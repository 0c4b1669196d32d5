"""Who may do what in the database: the catalog against what the migrations say, and the platform's roles."""

from __future__ import annotations

from collections.abc import Iterable

from scripts.diagnosis.expected import CLIENTS, Access, Right, expected_access
from scripts.diagnosis.findings import Check, Finding, fail, ok, warn
from scripts.diagnosis.patient import Patient
from scripts.migrations.connection import Connection
from scripts.migrations.files import SUPABASE_DIR, load_migrations

# Tables, views, sequences, their columns and our schema, with every right of the API's roles.
_RIGHTS = """
with ours as (
  select n.nspname || '.' || c.relname as name, c.oid, c.relacl as acl
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where n.nspname in ('public', 'private') and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
), every as (
  select o.name, '' as column, o.acl from ours o
  union all select o.name, a.attname::text, a.attacl from ours o join pg_attribute a on a.attrelid = o.oid
   where a.attacl is not null and not a.attisdropped
  union all select 'schema ' || nspname, '', nspacl from pg_namespace where nspname = 'private'
)
select e.name, coalesce(nullif(x.grantee, 0)::regrole::text, 'public'), lower(x.privilege_type), e.column
  from every e left join aclexplode(e.acl) x on true
"""
_RLS_OFF = """
select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where n.nspname in ('public', 'private') and c.relkind in ('r', 'p') and not c.relrowsecurity order by 1
"""
_POLICIES = """
select schemaname || '.' || tablename, policyname::text from pg_policies
 where schemaname in ('public', 'private') or (schemaname, tablename) = ('storage', 'objects')
"""
_ROLES = "select rolname::text, rolsuper, rolbypassrls, rolcanlogin from pg_roles where rolname = any(%s)"
_MEMBERS = """
select m.member::regrole::text, m.roleid::regrole::text from pg_auth_members m
 where m.member::regrole::text in ('anon', 'authenticated', 'service_role')
"""
_DEFAULTS = """
select exists (select from pg_default_acl d, aclexplode(d.defaclacl) x
 where d.defaclnamespace = to_regnamespace('public') and d.defaclobjtype = 'r' and d.defaclrole = 'postgres'::regrole
   and x.grantee = to_regrole('anon') and x.privilege_type = 'SELECT')
"""


def row_security(patient: Patient) -> list[Finding]:
    """Row level security is on everywhere, and the policies are those of the migrations."""
    expected = _expected().policies
    with patient.database() as connection:
        off = [str(row[0]) for row in connection.execute(_RLS_OFF)]
        there = {(str(table), str(name)) for table, name in connection.execute(_POLICIES)}
    found = [
        fail(f"row level security is off on {name}", f"alter table {name} enable row level security;", sure=True)
        for name in off
    ]
    for table, name in sorted(expected - there):
        found.append(fail(f'policy "{name}" on {table} is missing', "Make it again, as its migration does."))
    for table, name in sorted(there - expected):
        mend = f'drop policy "{name}" on {table};'
        if table == "storage.objects":
            found.append(warn(f'policy "{name}" on {table} is in no migration', f"If it is not yours: {mend}"))
        else:
            found.append(fail(f'policy "{name}" on {table} is in no migration', mend))
    return found or [ok(f"on everywhere, {len(there)} policies")]


def grants(patient: Patient) -> list[Finding]:
    """The API's roles have exactly the rights that the migrations give them."""
    expected = {name: rights for name, rights in _expected().rights.items() if not name.startswith("schema public")}
    with patient.database() as connection:
        there = _rights(connection)
        born_open = bool(_value(connection, _DEFAULTS))
    found: list[Finding] = []
    for name in sorted(there):
        rights = {one for one in expected.get(name, set()) if one[1] != "create" or name.startswith("schema ")}
        found += _surplus(name, there[name] - rights)
        found += _lacking(name, rights - there[name])
    style = "old default grants (new tables open to all)" if born_open else "new default grants (new tables closed)"
    return found or [ok(f"{len(there)} objects as the migrations say; {style}")]


def roles(patient: Patient) -> list[Finding]:
    """The platform's roles are as Supabase makes them."""
    with patient.database() as connection:
        names = ["anon", "authenticated", "service_role", "authenticator", "supabase_auth_admin"]
        there = {str(row[0]): row[1:] for row in connection.execute(_ROLES, [names])}
        members = [(str(member), str(role)) for member, role in connection.execute(_MEMBERS)]
    found = [fail(f"role {name} is missing", "This is no Supabase database.") for name in names if name not in there]
    for name in ("anon", "authenticated"):
        superuser, bypasses, _ = there.get(name, (False, False, False))
        if superuser or bypasses:
            found.append(fail(f"{name} passes by row level security", f"alter role {name} nosuperuser nobypassrls;"))
    for member, role in members:
        found.append(fail(f"{member} was made a member of {role}", f"revoke {role} from {member};"))
    return found or [ok(", ".join(names))]


def _expected() -> Access:
    return expected_access(load_migrations(SUPABASE_DIR))


def _rights(connection: Connection) -> dict[str, set[Right]]:
    found: dict[str, set[Right]] = {}
    for name, grantee, right, column in connection.execute(_RIGHTS):
        held = found.setdefault(str(name), set())
        if grantee in CLIENTS and right:
            held.add((str(grantee), str(right), str(column)))
    return found


def _surplus(name: str, rights: set[Right]) -> Iterable[Finding]:
    for role, right, column in sorted(rights):
        what = f"{right} ({column})" if column else right
        yield fail(f"{role} may {what} on {name}, which no migration grants", f"revoke {what} on {name} from {role};")


def _lacking(name: str, rights: set[Right]) -> Iterable[Finding]:
    whole = sorted({(role, right) for role, right, _ in rights})
    for role, right in whole:
        columns = sorted(column for one, what, column in rights if (one, what) == (role, right) and column)
        what = f"{right} ({', '.join(columns)})" if columns else right
        yield fail(f"{role} may not {right} on {name}, which a migration grants", f"grant {what} on {name} to {role};")


def _value(connection: Connection, query: str) -> object:
    row = connection.execute(query).fetchone()
    return row[0] if row else None


CHECKS = (
    Check("roles", "Access", roles, needs=("database",)),
    Check("row security", "Access", row_security, needs=("database",), because=("migrations",)),
    Check("grants", "Access", grants, needs=("database", "migrations"), because=("roles",)),
)
