-- notify(p_user_id, p_kind, p_data, p_once_key) -> void      called by: whatever has something to tell a user
-- Leaves a notice, once per user and p_once_key: a second call with the same key does nothing.
create or replace function private.notify(p_user_id uuid, p_kind text, p_data jsonb, p_once_key text)
returns void
language plpgsql
set search_path = ''
as $$
begin
  insert into public.notices (user_id, kind, data, once_key, created_at)
  values (p_user_id, p_kind, p_data, p_once_key, private.clock())
  on conflict (user_id, once_key) do nothing;
end
$$;

revoke all on function private.notify(uuid, text, jsonb, text) from public, anon, authenticated, service_role;
