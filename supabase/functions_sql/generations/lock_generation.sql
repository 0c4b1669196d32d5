-- lock_generation(p_generation_id) -> generations      called by: operations of the worker
-- The row, locked until the transaction ends. Refuses: generation_not_found 404
create or replace function private.lock_generation(p_generation_id uuid)
returns public.generations
language plpgsql
set search_path = ''
as $$
declare
  g public.generations;
begin
  select * into g from public.generations x where x.id = p_generation_id for no key update;
  if not found then
    perform private.refuse_unknown_generation(p_generation_id);
  end if;
  return g;
end
$$;

revoke all on function private.lock_generation(uuid) from public, anon, authenticated, service_role;
