-- check_not_suspended(p_user_id) -> void      called by: hold_credits, hold_items, act_set_role, require_role
-- Suspended is whom Supabase Auth has banned, by our operation or by its own.
-- Refuses: user_suspended 403
create or replace function private.check_not_suspended(p_user_id uuid)
returns void
language plpgsql
stable
set search_path = ''
as $$
begin
  if exists (select from auth.users u where u.id = p_user_id and u.banned_until > private.clock()) then
    raise exception using errcode = 'PT403', message = 'user_suspended', detail = '{}',
      hint = 'This account is suspended. Ask the support.';
  end if;
end
$$;

revoke all on function private.check_not_suspended(uuid) from public, anon, authenticated, service_role;
