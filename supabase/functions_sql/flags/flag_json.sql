-- flag_json(f) -> jsonb      called by: operations on flags of admins
-- {key, description, default_on, enabled, percentage, roles, users, plan, version, updated_by, updated_at}. percentage: the share now. plan: null,
-- or its steps [{percentage, at, reached}].
create or replace function private.flag_json(f public.feature_flags)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return jsonb_build_object(
    'key', f.key, 'description', f.description, 'default_on', f.default_on, 'enabled', f.enabled, 'percentage', private.flag_share(f),
    'roles', f.roles, 'users', f.users,
    'plan', (
      select jsonb_agg(jsonb_build_object('percentage', s.percentage, 'at', private.rfc3339(s.at), 'reached', s.at <= private.clock()) order by s.at)
      from unnest(f.plan_percentages, f.plan_times) s (percentage, at)),
    'version', f.version, 'updated_by', f.updated_by, 'updated_at', private.rfc3339(f.updated_at));
end
$$;

revoke all on function private.flag_json(public.feature_flags) from public, anon, authenticated, service_role;
