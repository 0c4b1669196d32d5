-- role_limits_json(p_role) -> jsonb      called by: admin_get_role_limits, act_set_role_limits
-- {per_act, per_day, ceiling}: see role_limits. A role without a row may adjust nothing.
create or replace function private.role_limits_json(p_role text)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object('per_act', coalesce(max(l.per_act), 0), 'per_day', coalesce(max(l.per_day), 0), 'ceiling', coalesce(max(l.ceiling), 0))
  from private.role_limits l where l.role = p_role;
$$;

revoke all on function private.role_limits_json(text) from public, anon, authenticated, service_role;
