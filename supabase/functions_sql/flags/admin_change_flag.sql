-- admin_change_flag(p_key, p_reason, p_enabled, p_percentage, p_roles, p_users, p_version, p_dry_run) -> jsonb
--   called by: backend/rpc/flags.py as an admin
-- Switches a flag on or off, or changes for whom it is on; null leaves a thing as it is. Returns flag_json. A hand on `enabled` or
-- `percentage` ends a plan, and the share stays where the plan had brought it unless p_percentage says otherwise.
-- It counts in the next transaction of the database, and after 3 seconds at most in every process that remembers flags.
-- Refuses, first match wins: unauthenticated 401 · forbidden 403 · invalid_params 422 (reason) · flag_not_found 404 · invalid_state 409 ·
--   invalid_params 422 · user_not_found 404
create or replace function private.act_change_flag(p_subject_id text, p_request jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_enabled boolean := (p_request ->> 'enabled')::boolean;
  v_share integer := (p_request ->> 'percentage')::integer;
  v_roles text[] := array(select distinct e from jsonb_array_elements_text(nullif(p_request -> 'roles', 'null')) e order by e);
  v_users uuid[] := array(select distinct e::uuid from jsonb_array_elements_text(nullif(p_request -> 'users', 'null')) e order by 1);
  v_unknown uuid;
  v_field text;
  f public.feature_flags;
begin
  perform private.check_reason(p_request ->> 'reason');
  f := private.lock_flag(p_subject_id, (p_request ->> 'version')::integer);
  if v_share is not null or v_enabled <> f.enabled then
    f.percentage := case when v_share between 0 and 100 then v_share else private.flag_share(f) end;
    f.plan_percentages := '{}';
    f.plan_times := '{}';
  end if;
  v_field := case
    when v_share not between 0 and 100 then 'percentage'
    when not v_roles <@ array['support', 'admin', 'owner'] or v_roles <> '{}' and f.percentage = 100 then 'roles'
    when cardinality(v_users) > 1000 or v_users <> '{}' and f.percentage = 100 then 'users'
  end;
  if v_field is not null then
    raise exception using errcode = 'PT422', message = 'invalid_params', detail = jsonb_build_object('field', v_field)::text,
      hint = 'percentage is 0 to 100; roles are support, admin and owner; users are at most 1000. At 100 percent a flag is on for everybody: '
        'for some roles or users alone set percentage to 0.';
  end if;
  select u into v_unknown from unnest(v_users) u where not exists (select from auth.users x where x.id = u) limit 1;
  if found then
    raise exception using errcode = 'PT404', message = 'user_not_found', detail = jsonb_build_object('user_id', v_unknown)::text,
      hint = 'There is no such user.';
  end if;
  f.enabled := coalesce(v_enabled, f.enabled);
  f.roles := case when p_request -> 'roles' = 'null' then f.roles else v_roles end;
  f.users := case when p_request -> 'users' = 'null' then f.users else v_users end;
  return private.store_flag(f);
end
$$;

create or replace function private.admin_change_flag(
  p_key text, p_reason text, p_enabled boolean, p_percentage integer, p_roles text[], p_users uuid[], p_version integer, p_dry_run boolean)
returns jsonb
language sql
security definer
set search_path = ''
as $$
  select private.run_act('admin', 'change_flag', 'flag', p_key, jsonb_build_object('enabled', p_enabled, 'percentage', p_percentage,
    'roles', p_roles, 'users', case when p_users is not null then array(select unnest(p_users)) end, 'version', p_version, 'reason', p_reason), p_dry_run);
$$;

create or replace function public.admin_change_flag(
  p_key text, p_reason text, p_enabled boolean default null, p_percentage integer default null, p_roles text[] default null,
  p_users uuid[] default null, p_version integer default null, p_dry_run boolean default false)
returns jsonb
language sql
set search_path = ''
as $$
  select private.admin_change_flag(p_key, p_reason, p_enabled, p_percentage, p_roles, p_users, p_version, p_dry_run);
$$;

revoke all on function private.act_change_flag(text, jsonb),
  private.admin_change_flag(text, text, boolean, integer, text[], uuid[], integer, boolean),
  public.admin_change_flag(text, text, boolean, integer, text[], uuid[], integer, boolean) from public, anon, authenticated, service_role;
grant execute on function private.admin_change_flag(text, text, boolean, integer, text[], uuid[], integer, boolean),
  public.admin_change_flag(text, text, boolean, integer, text[], uuid[], integer, boolean) to authenticated;
