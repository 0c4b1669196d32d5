-- refuse_stale_prompts(p_keys) -> void, never returns      called by: what changes prompts
-- Refuses: invalid_state 409
create or replace function private.refuse_stale_prompts(p_keys text[])
returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
  raise exception using errcode = 'PT409', message = 'invalid_state', detail = jsonb_build_object('keys', p_keys)::text,
    hint = format('Changed by somebody else since: %s. Look again, and decide then.', array_to_string(p_keys[:10], ', '));
end
$$;

revoke all on function private.refuse_stale_prompts(text[]) from public, anon, authenticated, service_role;
