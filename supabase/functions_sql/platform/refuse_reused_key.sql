-- refuse_reused_key(p_key, p_made) -> void, never returns      called by: operations whose key made something for another request before
-- p_made names what the key made, where its owner may know.
-- Refuses: idempotency_key_reused 409
create or replace function private.refuse_reused_key(p_key text, p_made jsonb default '{}')
returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
  raise exception using errcode = 'PT409', message = 'idempotency_key_reused',
    detail = (jsonb_build_object('idempotency_key', p_key) || p_made)::text,
    hint = 'This idempotency key belongs to another request. Use a new key for a new request.';
end
$$;

revoke all on function private.refuse_reused_key(text, jsonb) from public, anon, authenticated, service_role;
