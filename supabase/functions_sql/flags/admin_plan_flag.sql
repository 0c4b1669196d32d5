-- admin_plan_flag(p_key, p_percentages, p_times, p_reason, p_version, p_dry_run) -> jsonb      called by: backend/rpc/flags.py as an admin
-- Records how a flag is rolled out: from each time on it is on for that share. It replaces the plan before; no steps end it, and the share stays
-- where it is. A plan only opens: the shares rise, from above the present one, so nobody loses what he has. A flag that is off is switched on,
-- for nobody but its roles and users until the first step. Returns flag_json.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403 · invalid_params 422 (reason) · flag_not_found 404 · invalid_state 409 ·
--   invalid_params 422
create or replace function private.act_plan_flag(p_subject_id text, p_request jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_percentages integer[] := array(select (e #>> '{}')::integer from jsonb_array_elements(p_request -> 'percentages') e);
  v_times timestamptz[] := array(select (e #>> '{}')::timestamptz from jsonb_array_elements(p_request -> 'times') e);
  v_wrong integer;
  f public.feature_flags;
begin
  perform private.check_reason(p_request ->> 'reason');
  f := private.lock_flag(p_subject_id, (p_request ->> 'version')::integer);
  if f.plan_percentages::integer[] = v_percentages and f.plan_times = v_times then
    return private.store_flag(f);
  end if;
  select min(s.n) into v_wrong from (
    select n, p, t, lag(p, 1, case when f.enabled then private.flag_share(f) else 0 end) over (order by n) as p_before,
      lag(t, 1, '-infinity') over (order by n) as t_before
    from unnest(v_percentages, v_times) with ordinality x (p, t, n)) s
  where (s.p > s.p_before and s.p <= 100 and s.t > s.t_before and isfinite(s.t)) is not true;
  if v_wrong is not null or cardinality(v_percentages) > 20 then
    raise exception using errcode = 'PT422', message = 'invalid_params',
      detail = jsonb_build_object('field', 'steps' || coalesce('.' || v_wrong - 1, ''), 'percentage', private.flag_share(f))::text,
      hint = 'A plan has at most 20 steps {percentage, at}. Both rise from step to step, from above the present percentage up to 100.';
  end if;
  f.percentage := case when f.enabled or v_times = '{}' then private.flag_share(f) else 0 end;
  f.enabled := f.enabled or v_times <> '{}';
  f.plan_percentages := v_percentages;
  f.plan_times := v_times;
  return private.store_flag(f);
end
$$;

create or replace function private.admin_plan_flag(
  p_key text, p_percentages integer[], p_times timestamptz[], p_reason text, p_version integer, p_dry_run boolean)
returns jsonb
language sql
security definer
set search_path = ''
as $$
  select private.run_act('admin', 'plan_flag', 'flag', p_key, jsonb_build_object('percentages', array(select unnest(p_percentages)),
    'times', array(select coalesce(nullif(private.rfc3339(t), ''), t::text) from unnest(p_times) t), 'version', p_version, 'reason', p_reason),
    p_dry_run);
$$;

create or replace function public.admin_plan_flag(
  p_key text, p_percentages integer[], p_times timestamptz[], p_reason text, p_version integer default null, p_dry_run boolean default false)
returns jsonb
language sql
set search_path = ''
as $$
  select private.admin_plan_flag(p_key, p_percentages, p_times, p_reason, p_version, p_dry_run);
$$;

revoke all on function private.act_plan_flag(text, jsonb), private.admin_plan_flag(text, integer[], timestamptz[], text, integer, boolean),
  public.admin_plan_flag(text, integer[], timestamptz[], text, integer, boolean) from public, anon, authenticated, service_role;
grant execute on function private.admin_plan_flag(text, integer[], timestamptz[], text, integer, boolean),
  public.admin_plan_flag(text, integer[], timestamptz[], text, integer, boolean) to authenticated;
