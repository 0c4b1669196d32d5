-- list_batches(p_before, p_limit) -> jsonb      called by: backend/rpc/batches.py as the user
-- {data: [batch without items], has_more}, newest first. The next page starts before the last id of this one. p_limit 1 to 200.
-- Refuses, first match wins: unauthenticated 401 · invalid_params 422 · batch_not_found 404 (p_before)
create or replace function private.list_batches(p_before uuid, p_limit integer)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan' -- what is cheaper for so many items costs more to plan each time
as $$
declare
  v_user_id uuid := private.require_user();
  v_from timestamptz := 'infinity';
  v_rows jsonb;
begin
  perform private.check_page_limit(p_limit);
  if p_before is not null then
    v_from := (private.find_batch(p_before, v_user_id)).created_at;
  end if;
  select coalesce(jsonb_agg(private.batch_json(x, p_limit => null) order by x.created_at desc, x.id desc), '[]') into v_rows
  from (
    select * from public.batches b
    where b.user_id = v_user_id
      and (b.created_at, b.id) < (v_from, coalesce(p_before, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
    order by b.created_at desc, b.id desc
    limit p_limit + 1
  ) x;
  return private.page(v_rows, p_limit);
end
$$;

create or replace function public.list_batches(p_before uuid default null, p_limit integer default 20)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.list_batches(p_before, p_limit);
end
$$;

revoke all on function private.list_batches(uuid, integer), public.list_batches(uuid, integer) from public, anon, authenticated, service_role;
grant execute on function private.list_batches(uuid, integer), public.list_batches(uuid, integer) to authenticated;
