-- admin_set_role_limits(p_role, p_per_act, p_per_day, p_ceiling, p_reason, p_dry_run) -> jsonb      called by: backend/rpc/acts.py as an owner
-- Sets how many credits admins (or owners) may add or take away: alone at once, alone in 24 hours, and at once when a second admin approves.
-- {role, per_act, per_day, ceiling, previous: {per_act, per_day, ceiling}, dry_run}. It counts from the next adjustment or approval on.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403 · invalid_params 422
create or replace function private.act_set_role_limits(p_subject_id text, p_request jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_new jsonb := p_request - 'reason';
  v_wrong text;
  v_before jsonb;
begin
  perform private.check_limited_role(p_subject_id);
  select e.key into v_wrong from jsonb_each_text(v_new) e where (e.value::bigint between 0 and 1000000000) is not true order by e.key limit 1;
  if v_wrong is null and (v_new ->> 'ceiling')::bigint < (v_new ->> 'per_act')::bigint then
    v_wrong := 'ceiling';
  end if;
  if v_wrong is not null then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = jsonb_build_object('field', v_wrong)::text,
      hint = 'Limits are whole numbers from 0 to 1000000000; the ceiling is at least what one may do alone at once.';
  end if;
  perform private.check_reason(p_request ->> 'reason');
  perform from private.role_limits l where l.role = p_subject_id for no key update;
  v_before := private.role_limits_json(p_subject_id);
  insert into private.role_limits as l (role, per_act, per_day, ceiling)
  values (p_subject_id, (v_new ->> 'per_act')::bigint, (v_new ->> 'per_day')::bigint, (v_new ->> 'ceiling')::bigint)
  on conflict (role) do update set per_act = excluded.per_act, per_day = excluded.per_day, ceiling = excluded.ceiling;
  return jsonb_build_object('answer', jsonb_build_object('role', p_subject_id) || v_new || jsonb_build_object('previous', v_before),
    'before', v_before, 'after', v_new, 'repeated', v_before = v_new);
end
$$;

create or replace function private.admin_set_role_limits(
  p_role text, p_per_act bigint, p_per_day bigint, p_ceiling bigint, p_reason text, p_dry_run boolean)
returns jsonb
language sql
security definer
set search_path = ''
as $$
  select private.run_act('owner', 'set_role_limits', 'role', p_role, jsonb_build_object('per_act', p_per_act, 'per_day', p_per_day,
    'ceiling', p_ceiling, 'reason', p_reason), p_dry_run);
$$;

create or replace function public.admin_set_role_limits(
  p_role text, p_per_act bigint, p_per_day bigint, p_ceiling bigint, p_reason text, p_dry_run boolean default false)
returns jsonb
language sql
set search_path = ''
as $$
  select private.admin_set_role_limits(p_role, p_per_act, p_per_day, p_ceiling, p_reason, p_dry_run);
$$;

revoke all on function private.act_set_role_limits(text, jsonb), private.admin_set_role_limits(text, bigint, bigint, bigint, text, boolean),
  public.admin_set_role_limits(text, bigint, bigint, bigint, text, boolean) from public, anon, authenticated, service_role;
grant execute on function private.admin_set_role_limits(text, bigint, bigint, bigint, text, boolean),
  public.admin_set_role_limits(text, bigint, bigint, bigint, text, boolean) to authenticated;
