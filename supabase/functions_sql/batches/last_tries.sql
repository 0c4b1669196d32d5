-- last_tries(p_batch_id) -> generations      called by: retry_batch, request_batch_archive, list_batch_outputs
-- The generation that counts of each item: the last one.
create or replace function private.last_tries(p_batch_id uuid)
returns setof public.generations
language plpgsql
stable
set search_path = ''
as $$
begin
  return query -- and not a function in SQL, which is planned at each call
  select distinct on (g.batch_index) g.*
  from public.generations g
  where g.batch_id = p_batch_id
  order by g.batch_index, g.batch_round desc;
end
$$;

revoke all on function private.last_tries(uuid) from public, anon, authenticated, service_role;
