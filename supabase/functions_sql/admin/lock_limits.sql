-- lock_limits() -> role_limits      called by: act_adjust_credits, act_decide_adjustment
-- What the signed-in admin may adjust alone. Locks his role until the transaction ends: adjustments of one admin count against his day one after
-- the other, and a role that is being taken away is waited for.
-- Refuses: forbidden 403
create or replace function private.lock_limits()
returns private.role_limits
language plpgsql
set search_path = ''
as $$
declare
  v_limits private.role_limits;
begin
  perform from private.user_roles r where r.user_id = auth.uid() for no key update;
  perform private.require_role('admin');
  select l.* into v_limits from private.role_limits l join private.user_roles r on r.role = l.role where r.user_id = auth.uid();
  return v_limits;
end
$$;

revoke all on function private.lock_limits() from public, anon, authenticated, service_role;
