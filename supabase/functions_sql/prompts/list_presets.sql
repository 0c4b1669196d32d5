-- list_presets() -> jsonb      called by: backend/rpc/prompts.py as the user
-- {data: [{key, category, title, description, kinds}]}: the presets that one may choose, by category and position. What they say is not told,
-- and those that belong to every generation are not to be chosen.
-- Refuses: unauthenticated 401
create or replace function private.list_presets()
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform private.require_user();
  return jsonb_build_object('data', (
    select coalesce(jsonb_agg(jsonb_build_object('key', p.key, 'category', p.category, 'title', p.title, 'description', p.description,
      'kinds', p.kinds) order by p.category, p.position, p.key), '[]')
    from private.system_prompts p where p.active and not p.always));
end
$$;

create or replace function public.list_presets()
returns jsonb
language sql
stable
set search_path = ''
as $$
  select private.list_presets();
$$;

revoke all on function private.list_presets(), public.list_presets() from public, anon, authenticated, service_role;
grant execute on function private.list_presets(), public.list_presets() to authenticated;
