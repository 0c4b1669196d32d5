-- list_generations(p_before, p_limit, p_status) -> jsonb      called by: backend/rpc/generations.py as the user
-- {data: [generation], has_more}, newest first. The next page starts before the last id of this one. p_limit 1 to 200.
-- Refuses, first match wins: unauthenticated 401 · invalid_params 422 · generation_not_found 404 (p_before)
create or replace function private.list_generations(p_before uuid, p_limit integer, p_status text)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_user_id uuid := private.require_user();
  v_from timestamptz := 'infinity';
  v_rows jsonb;
begin
  perform private.check_page_limit(p_limit);
  if p_status not in ('queued', 'running', 'succeeded', 'failed', 'canceled') then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = '{"field": "status"}',
      hint = 'status is queued, running, succeeded, failed or canceled.';
  end if;
  if p_before is not null then
    select g.created_at into v_from from public.generations g where g.id = p_before and g.user_id = v_user_id;
    if not found then
      perform private.refuse_unknown_generation(p_before);
    end if;
  end if;
  select coalesce(jsonb_agg(private.generation_json(x) order by x.created_at desc, x.id desc), '[]') into v_rows
  from (
    select * from public.generations g
    where g.user_id = v_user_id
      and (g.created_at, g.id) < (v_from, coalesce(p_before, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
      and (p_status is null or g.status = p_status)
    order by g.created_at desc, g.id desc
    limit p_limit + 1
  ) x;
  return private.page(v_rows, p_limit);
end
$$;

create or replace function public.list_generations(p_before uuid default null, p_limit integer default 20, p_status text default null)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.list_generations(p_before, p_limit, p_status);
end
$$;

revoke all on function private.list_generations(uuid, integer, text), public.list_generations(uuid, integer, text)
  from public, anon, authenticated, service_role;
grant execute on function private.list_generations(uuid, integer, text), public.list_generations(uuid, integer, text) to authenticated;
