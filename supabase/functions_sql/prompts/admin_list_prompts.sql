-- admin_list_prompts(p_category, p_active) -> jsonb      called by: backend/rpc/prompts.py as support and above
-- {prompts: [prompt_json and updated_at]} by category and position, narrowed by what is given. There are tens, not thousands:
-- they come at once, in the shape that admin_write_prompts takes.
-- Refuses: unauthenticated 401 · forbidden 403
create or replace function private.admin_list_prompts(p_category text, p_active boolean)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform private.require_role('support');
  return jsonb_build_object('prompts', (
    select coalesce(jsonb_agg(private.prompt_json(p.key, private.prompt_state(p.key)) || jsonb_build_object('updated_at', private.rfc3339(p.updated_at))
      order by p.category, p.position, p.key), '[]')
    from private.system_prompts p
    where (p_category is null or p.category = p_category) and (p_active is null or p.active = p_active)));
end
$$;

create or replace function public.admin_list_prompts(p_category text default null, p_active boolean default null)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select private.admin_list_prompts(p_category, p_active);
$$;

revoke all on function private.admin_list_prompts(text, boolean), public.admin_list_prompts(text, boolean)
  from public, anon, authenticated, service_role;
grant execute on function private.admin_list_prompts(text, boolean), public.admin_list_prompts(text, boolean) to authenticated;
