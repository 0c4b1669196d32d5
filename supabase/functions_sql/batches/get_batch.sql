-- get_batch(p_batch_id, p_after, p_limit) -> jsonb      called by: backend/rpc/batches.py as the user
-- One of the user's batches with counts, credits and a page of its items, by index. The next page starts after the last index of this one.
-- Refuses, first match wins: unauthenticated 401 · invalid_params 422 · batch_not_found 404
create or replace function private.get_batch(p_batch_id uuid, p_after integer, p_limit integer)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan' -- what is cheaper for so many items costs more to plan each time
as $$
declare
  v_user_id uuid := private.require_user();
begin
  perform private.check_page_limit(p_limit);
  return private.batch_json(private.find_batch(p_batch_id, v_user_id), p_after, p_limit);
end
$$;

create or replace function public.get_batch(p_batch_id uuid, p_after integer default null, p_limit integer default 100)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.get_batch(p_batch_id, p_after, p_limit);
end
$$;

revoke all on function private.get_batch(uuid, integer, integer), public.get_batch(uuid, integer, integer)
  from public, anon, authenticated, service_role;
grant execute on function private.get_batch(uuid, integer, integer), public.get_batch(uuid, integer, integer) to authenticated;
