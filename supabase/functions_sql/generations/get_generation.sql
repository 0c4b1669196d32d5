-- get_generation(p_generation_id) -> jsonb      called by: backend/rpc/generations.py as the user
-- One of the user's generations; another user's is not found.
-- Refuses: unauthenticated 401 · generation_not_found 404
create or replace function private.get_generation(p_generation_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_user_id uuid := private.require_user();
  g public.generations;
begin
  select * into g from public.generations x where x.id = p_generation_id and x.user_id = v_user_id;
  if not found then
    perform private.refuse_unknown_generation(p_generation_id);
  end if;
  return private.generation_json(g);
end
$$;

create or replace function public.get_generation(p_generation_id uuid)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.get_generation(p_generation_id);
end
$$;

revoke all on function private.get_generation(uuid), public.get_generation(uuid) from public, anon, authenticated, service_role;
grant execute on function private.get_generation(uuid), public.get_generation(uuid) to authenticated;
