"""The questions that the schema cache asks the database."""

from __future__ import annotations

# Type names come out qualified, whatever the search path of the session is.
EMPTY_SEARCH_PATH = "set local search_path = ''"

TABLES = """
select c.oid::bigint as oid, n.nspname as schema, c.relname as name, c.relkind::text as kind,
  coalesce((
    select json_agg(json_build_object(
      'name', a.attname,
      'type', pg_catalog.format_type(a.atttypid, a.atttypmod),
      'default', case
        when a.attidentity <> '' then null
        when a.attgenerated <> '' then null
        else pg_catalog.pg_get_expr(d.adbin, d.adrelid) end,
      'identity', a.attidentity <> ''
    ) order by a.attnum)
    from pg_catalog.pg_attribute a
    left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), '[]') as columns,
  coalesce((
    select json_agg(a.attname order by a.attnum)
    from pg_catalog.pg_index i
    join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
    where i.indrelid = c.oid and i.indisprimary), '[]') as primary_key
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'v', 'm', 'f', 'p') and n.nspname = any(%(schemas)s)
"""

FOREIGN_KEYS = """
select k.conname as name, k.conrelid::bigint as source, k.confrelid::bigint as target,
  (select json_agg(a.attname order by u.ord) from unnest(k.conkey) with ordinality u(num, ord)
    join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.num) as source_columns,
  (select json_agg(a.attname order by u.ord) from unnest(k.confkey) with ordinality u(num, ord)
    join pg_catalog.pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.num) as target_columns,
  exists (select from pg_catalog.pg_constraint u
    where u.conrelid = k.conrelid and u.contype in ('p', 'u')
      and u.conkey @> k.conkey and u.conkey <@ k.conkey) as is_unique
from pg_catalog.pg_constraint k
where k.contype = 'f' and k.conparentid = 0
"""

FUNCTIONS = """
select n.nspname as schema, p.proname as name, p.proretset as returns_set, p.provolatile::text as volatility,
  p.provariadic <> 0 as is_variadic, p.proconfig as config,
  t.typname = 'void' as returns_void,
  (t.typtype = 'c' or t.typname = 'record' or coalesce(p.proargmodes::text[] && '{t,b,o}', false))
    as returns_composite,
  coalesce((
    select json_agg(json_build_object(
      'name', coalesce(p.proargnames[u.ord], ''),
      'type', pg_catalog.format_type(u.type, null),
      'optional', u.position > p.pronargs - p.pronargdefaults
    ) order by u.ord)
    from (
      select a.type, a.ord, row_number() over (order by a.ord) as position
      from unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) with ordinality a(type, ord)
      where coalesce(p.proargmodes[a.ord], 'i') in ('i', 'b', 'v')
    ) u), '[]') as arguments
from pg_catalog.pg_proc p
join pg_catalog.pg_namespace n on n.oid = p.pronamespace
join pg_catalog.pg_type t on t.oid = p.prorettype
where p.prokind = 'f' and n.nspname = any(%(schemas)s)
  and t.typname not in ('trigger', 'event_trigger', 'internal')
"""

# What `alter role` and `alter role in database` set: settings of the database win over those of the whole cluster.
ROLE_SETTINGS = """
select r.rolname as role, split_part(s.setting, '=', 1) as name,
  substr(s.setting, strpos(s.setting, '=') + 1) as value
from pg_catalog.pg_db_role_setting d
join pg_catalog.pg_roles r on r.oid = d.setrole
cross join lateral unnest(d.setconfig) s(setting)
where d.setdatabase = 0 or d.setdatabase = (select oid from pg_catalog.pg_database where datname = current_database())
order by d.setdatabase
"""

# PostgREST leaves out what the connecting role may not set.
SETTABLE = "select name from pg_catalog.pg_settings where context = 'user'"
