-- wait_bucket(p_waited) -> smallint      called by: add_late_cost
-- Place of a time in queue among wait_bounds(): bucket n ends below bound n, the last has no end; 0 for what never started.
-- generation_facts has the same expression: this function, called for each row, takes six times as long as what it says.
create or replace function private.wait_bucket(p_waited interval)
returns smallint
language sql
immutable
set search_path = ''
as $$
  select coalesce(1 + width_bucket(extract(epoch from p_waited), private.wait_bounds()), 0)::smallint;
$$;

revoke all on function private.wait_bucket(interval) from public, anon, authenticated, service_role;
