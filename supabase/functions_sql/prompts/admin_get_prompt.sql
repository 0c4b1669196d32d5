-- admin_get_prompt(p_key) -> jsonb      called by: backend/rpc/prompts.py as support and above
-- A prompt as admin_list_prompts shows it, and `history`: its versions, newest first, each [{version, category, content, change_id, source, reason,
-- created_by, created_at}] with the change that made it.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403 · prompt_not_found 404
create or replace function private.admin_get_prompt(p_key text)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  p private.system_prompts;
begin
  perform private.require_role('support');
  select * into p from private.system_prompts x where x.key = p_key;
  if not found then
    raise exception using errcode = 'PT404', message = 'prompt_not_found', detail = jsonb_build_object('key', p_key)::text,
      hint = 'There is no such prompt.';
  end if;
  return private.prompt_json(p.key, private.prompt_state(p.key)) || jsonb_build_object('updated_at', private.rfc3339(p.updated_at), 'history', (
    select jsonb_agg(jsonb_build_object('version', v.version, 'category', v.category, 'content', v.content, 'change_id', c.id,
      'source', c.source, 'reason', c.reason, 'created_by', v.created_by, 'created_at', private.rfc3339(v.created_at)) order by v.version desc)
    from private.system_prompt_versions v join private.prompt_changes c on c.id = v.change_id where v.key = p.key));
end
$$;

create or replace function public.admin_get_prompt(p_key text)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select private.admin_get_prompt(p_key);
$$;

revoke all on function private.admin_get_prompt(text), public.admin_get_prompt(text) from public, anon, authenticated, service_role;
grant execute on function private.admin_get_prompt(text), public.admin_get_prompt(text) to authenticated;
