-- last_tries(p_batch_id) -> generations      called by: batch_summary, batch_items, retry_batch, request_batch_archive, list_batch_outputs
-- The generation that counts of each item: the last one.
create or replace function private.last_tries(p_batch_id uuid)
returns setof public.generations
language sql
stable
set search_path = ''
as $$
  select distinct on (g.batch_id, g.batch_index) g.*
  from public.generations g
  where g.batch_id = p_batch_id
  order by g.batch_id, g.batch_index, g.batch_round desc;
$$;

revoke all on function private.last_tries(uuid) from public, anon, authenticated, service_role;
