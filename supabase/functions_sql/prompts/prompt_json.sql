-- prompt_json(p_key, p_state) -> jsonb      called by: what answers prompts
-- A state (see prompt_state) as admins read it, and as admin_write_prompts takes it: {key, category, title, description, kinds, always, position,
-- active, version, content}; null for none.
create or replace function private.prompt_json(p_key text, p_state jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select jsonb_build_object('key', p_key) || (nullif(p_state, 'null') - 'active_version') || jsonb_build_object('version', v.version, 'content', v.content)
    from private.system_prompt_versions v where v.key = p_key and v.version = (p_state -> 'active_version')::integer);
end
$$;

revoke all on function private.prompt_json(text, jsonb) from public, anon, authenticated, service_role;
