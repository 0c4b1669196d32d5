-- wait_bounds() -> numeric[]      called by: wait_bucket, statistics_generations
-- Seconds at which times in queue are told apart; percentiles are read from the buckets between them. A change asks for rebuild_statistics().
create or replace function private.wait_bounds()
returns numeric[]
language sql
immutable
set search_path = ''
as $$
  select '{0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600}'::numeric[];
$$;

revoke all on function private.wait_bounds() from public, anon, authenticated, service_role;
