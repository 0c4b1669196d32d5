-- prompt_state(p_key) -> jsonb      called by: what changes prompts
-- A prompt without its text and times, as prompt_changes remembers it; null when there is none.
create or replace function private.prompt_state(p_key text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return (select to_jsonb(p) - '{key,created_at,updated_at}'::text[] from private.system_prompts p where p.key = p_key);
end
$$;

revoke all on function private.prompt_state(text) from public, anon, authenticated, service_role;
