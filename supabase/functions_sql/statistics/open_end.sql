-- open_end(p_ids) -> bigint      called by: roll_up_statistics, statistics_tail
-- Where the last range begins, which has no end: all ids below were given away.
create or replace function private.open_end(p_ids int8multirange)
returns bigint
language sql
immutable
set search_path = ''
as $$
  select max(lower(u.ids)) from unnest(p_ids) as u (ids);
$$;

revoke all on function private.open_end(int8multirange) from public, anon, authenticated, service_role;
