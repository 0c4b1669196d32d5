-- admin_get_role_limits(p_role) -> jsonb      called by: backend/rpc/acts.py as an owner
-- How many credits admins (or owners) may add or take away: {role, per_act, per_day, ceiling}. See role_limits.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403 · invalid_params 422
create or replace function private.admin_get_role_limits(p_role text)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform private.require_role('owner');
  perform private.check_limited_role(p_role);
  return jsonb_build_object('role', p_role) || private.role_limits_json(p_role);
end
$$;

create or replace function public.admin_get_role_limits(p_role text)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select private.admin_get_role_limits(p_role);
$$;

revoke all on function private.admin_get_role_limits(text), public.admin_get_role_limits(text) from public, anon, authenticated, service_role;
grant execute on function private.admin_get_role_limits(text), public.admin_get_role_limits(text) to authenticated;
